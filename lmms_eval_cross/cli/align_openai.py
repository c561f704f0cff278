"""`lmms-eval-cross align openai`."""

from datetime import date
from pathlib import Path

import click

from lmms_eval_cross.align.check import require_checked
from lmms_eval_cross.align.dataset import open_dataset
from lmms_eval_cross.align.export import export_dataset, export_text
from lmms_eval_cross.align.export_hosted import NAMES
from lmms_eval_cross.align.hosted_plan import USD_PER_MILLION, deadlines, describe_plan, plan_job, refuse_late
from lmms_eval_cross.cli.paths import GivenPath
from lmms_eval_cross.judge.endpoint import find_tuning_endpoint
from lmms_eval_cross.say import say
from lmms_eval_cross.settings import load_settings


@click.command(name="openai")
@click.argument("folder", metavar="DIR", type=GivenPath(file_okay=False, path_type=Path))
@click.option("-o", "--output", required=True, type=GivenPath(file_okay=False, path_type=Path), help="Work folder.")
@click.option("--preset", default="paper-gpt4o", show_default=True, help="How: a preset with a `hosted` part.")
@click.option("--model", help="The base model, by default the preset's.")
@click.option("--usd-per-million", type=click.FloatRange(min=0), help="Price of a million training tokens.")
@click.option("--submit", is_flag=True, help="Send it, and wait for the tuned model; without, nothing is sent.")
@click.option("--allow-leaks", is_flag=True, help="Train on data that hold parts of the benchmark.")
@click.option("--allow-unverified", is_flag=True, help="Train on data that could not be checked whole.")
def command(
    folder: Path,
    output: Path,
    preset: str,
    model: str | None,
    usd_per_million: float | None,
    submit: bool,
    allow_leaks: bool,
    allow_unverified: bool,
) -> None:
    """Tune a model at OpenAI on the dataset in DIR: first shown with its price, sent with --submit only.

    The key is OPENAI_API_KEY; another server is CROSS_TUNING_BASE_URL with CROSS_TUNING_API_KEY. A command that was
    killed goes on when it is given again.
    """
    say(deadlines(date.today()))
    data = open_dataset(folder)
    require_checked(data, allow_leaks, allow_unverified)
    files = output / f"files-{data.manifest.files['examples.parquet'][:12]}"
    if not files.is_dir():
        say(export_text(export_dataset(data, "openai", files, allow_leaks, allow_unverified)))
    plan = plan_job(data, files / NAMES[data.manifest.kind], preset, model, usd_per_million or USD_PER_MILLION)
    say(describe_plan(plan))
    if not submit:
        say("Nothing was sent; add --submit to hand it in.")
        return
    from lmms_eval_cross.align.hosted_job import HostedTuning  # loads openai, which describing does not need

    endpoint = find_tuning_endpoint(load_settings())
    if endpoint.is_openai:
        refuse_late(date.today())
    tuned = HostedTuning(endpoint, plan, output, say).run()
    say(f"The tuned model is {tuned}. Evaluate it:")
    say(f"lmms-eval-cross run -- --model openai --model_args model={tuned} --tasks cross --output_path runs/tuned")
