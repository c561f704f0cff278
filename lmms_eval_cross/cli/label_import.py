"""`lmms-eval-cross label import`."""

from pathlib import Path

import click

from lmms_eval_cross.cli.paths import PATH
from lmms_eval_cross.errors import LabelError
from lmms_eval_cross.say import say
from lmms_eval_cross.trust.anchor import load_anchor
from lmms_eval_cross.trust.annotator_sheets import import_labels
from lmms_eval_cross.trust.human_labels import labels_table


@click.command(name="import")
@click.argument("batch", type=PATH)
@click.argument("files", nargs=-1, required=True, type=PATH)
@click.option("-o", "--output", type=PATH, default=Path("labels.json"), show_default=True, help="The label file.")
def command(batch: Path, files: tuple[Path, ...], output: Path) -> None:
    """Check the annotators' CSV files against BATCH (batch.json, or its folder) and write the label file."""
    if batch.suffix == ".csv":
        raise LabelError(f"BATCH is {batch}, a spreadsheet; give the batch.json that `label export` wrote with it.")
    if (batch / "batch.json").is_file():
        batch = batch / "batch.json"
    labels = import_labels(load_anchor(batch), files)
    labels.write(output)
    say(labels_table(labels))
    say(f"\nWritten to {output}.")
