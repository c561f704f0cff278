"""`lmms-eval-cross label import`."""

from pathlib import Path

import click

from lmms_eval_cross.cli.paths import PATH
from lmms_eval_cross.errors import LabelError
from lmms_eval_cross.say import say
from lmms_eval_cross.trust.anchor import load_anchor
from lmms_eval_cross.trust.annotator_sheets import import_labels
from lmms_eval_cross.trust.human_labels import LabelSet, labels_table
from lmms_eval_cross.trust.paired_batch import PAIR, import_pair


@click.command(name="import")
@click.argument("batch", type=PATH)
@click.argument("files", nargs=-1, required=True, type=PATH)
@click.option("-o", "--output", type=PATH, default=Path("labels.json"), show_default=True, help="The label file.")
def command(batch: Path, files: tuple[Path, ...], output: Path) -> None:
    """Check the annotators' CSV files against BATCH (batch.json, or its folder) and write the label file.

    Of a pair (pair.json) two label files are written, named after the sides.
    """
    if batch.suffix == ".csv":
        raise LabelError(f"BATCH is {batch}, a spreadsheet; give the batch.json that `label export` wrote with it.")
    if (batch / PAIR).is_file():
        batch = batch / PAIR
    if batch.name == PAIR:
        for side, of_side in import_pair(batch, files).items():
            _write(of_side, output.with_name(f"{output.stem}-{side}{output.suffix}"))
        return
    if (batch / "batch.json").is_file():
        batch = batch / "batch.json"
    _write(import_labels(load_anchor(batch), files), output)


def _write(labels: LabelSet, output: Path) -> None:
    labels.write(output)
    say(labels_table(labels))
    say(f"\nWritten to {output}.")
