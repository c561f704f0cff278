"""`lmms-eval-cross label export`."""

from pathlib import Path

import click

from lmms_eval_cross.cli.paths import PATH
from lmms_eval_cross.errors import LabelError
from lmms_eval_cross.say import say
from lmms_eval_cross.trust.anchor import load_anchor
from lmms_eval_cross.trust.labelling_batch import export_batch
from lmms_eval_cross.trust.paired_batch import PAIR, export_pair


@click.command(name="export")
@click.argument("source", metavar="[RUN|ANCHOR]", type=PATH, required=False)
@click.option("--pair", nargs=2, type=PATH, metavar="BASE CAND", help="One batch for two runs, whose sides are hidden.")
@click.option("--n", default=100, show_default=True, type=click.IntRange(min=1), help="Answers to draw, of each side.")
@click.option("--seed", default=0, show_default=True, help="The same seed draws the same answers.")
@click.option("-o", "--output", type=PATH, default=Path("labels"), show_default=True, help="A folder.")
def command(source: Path | None, pair: tuple[Path, Path] | None, n: int, seed: int, output: Path) -> None:
    """Draw answers and write batch.csv, label.html and batch.json; the first two hold text of CROSS.

    With --pair the same samples of two runs are labelled in one batch, and pair.json, which tells the sides, is written
    in place of batch.json.
    """
    if (source is None) == (pair is None):
        raise click.UsageError("Give either one RUN or ANCHOR, or --pair BASE CAND.")
    kept = "batch.json" if pair is None else PAIR
    if (output / "batch.json").exists() or (output / PAIR).exists():
        raise LabelError(f"{output} holds a batch already; give another --output, for people may be labelling it.")
    if pair is not None:
        baseline, candidate = (load_anchor(path, to_draw=True) for path in pair)
        say(f"{output}: batch {export_pair(baseline, candidate, n, seed, output)} of both sides. Give each annotator")
    elif source is not None:
        batch = export_batch(load_anchor(source, to_draw=True), n, seed, output)
        say(f"{output}: batch {batch.batch_id} of {len(batch.items)} answers. Give each annotator")
    say(f"label.html (or batch.csv), collect the CSV files, and keep {kept} for `lmms-eval-cross label import`.")
