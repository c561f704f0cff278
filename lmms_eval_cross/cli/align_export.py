"""`lmms-eval-cross align export`."""

from pathlib import Path
from typing import Final

import click

from lmms_eval_cross.align.dataset import open_dataset
from lmms_eval_cross.align.export import export_dataset, export_text
from lmms_eval_cross.cli.paths import PATH
from lmms_eval_cross.say import say

FORMATS: Final = (
    "trl",
    "llamafactory",
    "ms-swift",
    "axolotl",
    "internvl",
    "openai",
    "azure",
    "together",
    "fireworks",
)


@click.command(name="export")
@click.argument("folder", metavar="DIR", type=PATH)
@click.option("--to", type=click.Choice(FORMATS), required=True, help="Whose format.")
@click.option("-o", "--output", type=PATH, required=True, help="A folder that is not there yet.")
@click.option("--allow-leaks", is_flag=True, help="Export data that hold parts of the benchmark.")
@click.option("--allow-unverified", is_flag=True, help="Export data that could not be compared, or only in part.")
def command(folder: Path, to: str, output: Path, allow_leaks: bool, allow_unverified: bool) -> None:
    """Write the data in DIR as a trainer or a hosted service reads them, with a page that says what they are."""
    say(export_text(export_dataset(open_dataset(folder), to, output, allow_leaks, allow_unverified)))
