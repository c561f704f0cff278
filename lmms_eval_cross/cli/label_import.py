"""`lmms-eval-cross label import`."""

from pathlib import Path

import click

from lmms_eval_cross.cli.aligned import say_markdown
from lmms_eval_cross.cli.paths import PATH
from lmms_eval_cross.errors import LabelError, NoLabelsError
from lmms_eval_cross.files import write_text
from lmms_eval_cross.say import say
from lmms_eval_cross.trust.anchor import load_anchor
from lmms_eval_cross.trust.annotator_sheets import import_labels
from lmms_eval_cross.trust.asked_facets import Assigned, read_assigned
from lmms_eval_cross.trust.human_labels import LabelSet, labels_table
from lmms_eval_cross.trust.paired_batch import PAIR, import_pair, pair_rows


@click.command(name="import")
@click.argument("batch", type=PATH)
@click.argument("files", nargs=-1, required=True, type=PATH)
@click.option("-o", "--output", type=PATH, default=Path("labels.json"), show_default=True, help="The label file.")
def command(batch: Path, files: tuple[Path, ...], output: Path) -> None:
    """Check the annotators' CSV files against BATCH (batch.json, or its folder) and write the label file.

    Of a pair (pair.json) two label files are written, named after the sides. Facets that were assigned are written
    beside them, as --facets takes them.
    """
    batch = _batch_file(batch)
    assigned = _assigned(batch, files)
    try:
        labels = _labels(batch, files, output)
    except NoLabelsError:
        if not assigned.values:
            raise
        labels = {}
    for path, label_set in labels.items():
        label_set.write(path)
        say_markdown(f"{labels_table(label_set)}\n\nWritten to {path}.")
    if assigned.values or assigned.tied:
        path = output.with_name(f"{output.stem}-facets.csv")
        write_text(path, assigned.as_csv)
        say(f"{assigned.sentence} Written to {path}, for --facets.")


def _batch_file(batch: Path) -> Path:
    if batch.suffix == ".csv":
        raise LabelError(f"BATCH is {batch}, a spreadsheet; give the batch.json that `label export` wrote with it.")
    for name in (PAIR, "batch.json"):
        if (batch / name).is_file():
            return batch / name
    return batch


def _assigned(batch: Path, files: tuple[Path, ...]) -> Assigned:
    if batch.name == PAIR:
        return read_assigned(*pair_rows(batch), files)
    anchor = load_anchor(batch)
    return read_assigned(anchor.batch_id, anchor.positions, files)


def _labels(batch: Path, files: tuple[Path, ...], output: Path) -> dict[Path, LabelSet]:
    """Where to write, and what."""
    if batch.name != PAIR:
        return {output: import_labels(load_anchor(batch), files)}
    sides = import_pair(batch, files)
    return {output.with_name(f"{output.stem}-{side}{output.suffix}"): labels for side, labels in sides.items()}
