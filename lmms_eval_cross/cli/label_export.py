"""`lmms-eval-cross label export`."""

from pathlib import Path

import click

from lmms_eval_cross.cli.paths import PATH
from lmms_eval_cross.errors import LabelError
from lmms_eval_cross.say import say
from lmms_eval_cross.trust.anchor import load_anchor
from lmms_eval_cross.trust.labelling_batch import batch_id, export_batch


@click.command(name="export")
@click.argument("source", metavar="RUN|ANCHOR", type=PATH)
@click.option("--n", default=100, show_default=True, type=click.IntRange(min=1), help="Answers to draw.")
@click.option("--seed", default=0, show_default=True, help="The same seed draws the same answers.")
@click.option("-o", "--output", type=PATH, default=Path("labels"), show_default=True, help="A folder.")
def command(source: Path, n: int, seed: int, output: Path) -> None:
    """Draw answers and write batch.csv, label.html and batch.json; the first two hold text of CROSS."""
    if (output / "batch.json").exists():
        raise LabelError(f"{output} holds a batch already; give another --output, for people may be labelling it.")
    batch = export_batch(load_anchor(source, to_draw=True), n, seed, output)
    say(f"{output}: batch {batch_id(batch)} of {len(batch.items)} answers. Give each annotator label.html (or")
    say("batch.csv), collect the CSV files, and keep batch.json for `lmms-eval-cross label import`.")
