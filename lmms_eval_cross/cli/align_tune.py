"""`lmms-eval-cross align tune`."""

from pathlib import Path
from typing import Literal

import click

from lmms_eval_cross.align.check import require_checked
from lmms_eval_cross.align.dataset import open_dataset
from lmms_eval_cross.align.extra import require_trl, require_utf8
from lmms_eval_cross.align.preset import load_preset
from lmms_eval_cross.cli.paths import GivenPath
from lmms_eval_cross.say import say


@click.command(name="tune")
@click.argument("stage", type=click.Choice(["sft", "dpo"]))
@click.argument("folder", metavar="DIR", type=GivenPath(file_okay=False, path_type=Path))
@click.option("--model", required=True, help="The base: a folder, or a name on the Hub.")
@click.option("--preset", default="lora-7b", show_default=True, help="How: a preset's name, or a .yml file of yours.")
@click.option("--set", "changes", multiple=True, metavar="KEY=VALUE", help="Change the preset: trl.learning_rate=1e-5.")
@click.option("-o", "--output", required=True, type=GivenPath(file_okay=False, path_type=Path), help="Folder to write.")
@click.option("--allow-leaks", is_flag=True, help="Train on data that hold parts of the benchmark; the card says so.")
@click.option(
    "--allow-unverified", is_flag=True, help="Train on data that could not be checked whole; the card says so."
)
def command(
    stage: Literal["sft", "dpo"],
    folder: Path,
    model: str,
    preset: str,
    changes: tuple[str, ...],
    output: Path,
    allow_leaks: bool,
    allow_unverified: bool,
) -> None:
    """Tune a model on the dataset in DIR with TRL: supervised (sft) or by preference (dpo).

    The folder that is written loads in lmms-eval. A run that was killed goes on when the same command is given again.
    On several GPUs: accelerate launch -m lmms_eval_cross align tune ...
    """
    require_trl()
    require_utf8(output)
    recipe = load_preset(preset, stage, changes)
    dataset = open_dataset(folder)
    require_checked(dataset, allow_leaks, allow_unverified)
    # TRL and torch take half a minute to load: what is refused is refused before that
    from lmms_eval_cross.align import tune, tune_rows

    data = tune_rows.load_training_data(dataset, stage, recipe.recipe.max_pixels)
    done = tune.tune(tune.TuneJob(stage, model, data, recipe, output, _as_typed(stage, folder, model, preset, changes)))
    if done is not None:
        say(done)


def _as_typed(stage: str, folder: Path, model: str, preset: str, changes: tuple[str, ...]) -> str:
    """The command for the model card, without paths of this machine."""
    base = Path(model).name if Path(model).is_dir() else model
    given = "".join(f" --set {change}" for change in changes)
    return f"lmms-eval-cross align tune {stage} {folder.name} --model {base} --preset {Path(preset).name}{given}"
