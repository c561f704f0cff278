"""Read back what people labelled: CSV files of the page or of the filled spreadsheet."""

import unicodedata
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final, Literal

from lmms_eval_cross.benchmark.records import DIMENSIONS
from lmms_eval_cross.errors import LabelError, NoLabelsError
from lmms_eval_cross.trust.anchor import Anchor
from lmms_eval_cross.trust.human_labels import Annotation, LabelSet
from lmms_eval_cross.trust.sheet import read_sheet

NEEDED: Final = ("batch", "annotator", "sample_id", *DIMENSIONS)
_LABELS: Final[dict[str, Literal[0, 1] | None]] = {"0": 0, "1": 1, "?": None, "": None}


def import_labels(batch: Anchor, paths: Sequence[Path]) -> LabelSet:
    """The labels in the files, checked against the batch; rows without any label are passed over.

    Raises:
        LabelError: a file can't be read or lacks a column; a row is of another batch or sample, has no annotator, or
            a label other than 0, 1 and ?; an annotator labelled an answer twice; there is no label at all.
    """
    return LabelSet(batch=batch.without_text(), annotations=read_annotations(batch.batch_id, batch.positions, paths))


def read_annotations(batch: str, known: Collection[str], paths: Sequence[Path]) -> list[Annotation]:
    """The labels in the files by annotator and row.

    Args:
        batch: the name that rows must have.
        known: the ids of its rows.
        paths: the annotators' files.

    Raises:
        LabelError: as for `import_labels`.
    """
    annotations: dict[tuple[str, str], Annotation] = {}
    for path in paths:
        for place, annotation in _annotations(batch, known, path):
            annotator, sample_id = annotation.annotator, annotation.sample_id
            key = _as_read(annotator), sample_id
            if key in annotations:
                raise LabelError(
                    f"{place}: {annotator} labels {sample_id} a second time; give each annotator's file once."
                )
            annotations[key] = annotation
    if not annotations:
        raise NoLabelsError("No answer is labelled in these files; fill the columns " + ", ".join(DIMENSIONS) + ".")
    return [annotations[key] for key in sorted(annotations)]


def _as_read(name: str) -> str:
    """A name as people read it: two that differ in case, width or hidden characters are one person's."""
    shown = [character for character in unicodedata.normalize("NFKC", name) if unicodedata.category(character) != "Cf"]
    return " ".join("".join(shown).split()).casefold()


def _annotations(batch: str, known: Collection[str], path: Path) -> Iterator[tuple[str, Annotation]]:
    for number, row in enumerate(_rows(path), start=2):
        place = f"{path.name}, row {number}"
        if not any((row[name] or "").strip() for name in DIMENSIONS):
            continue
        if row["batch"] != batch:
            raise LabelError(f"{place} is of batch {row['batch']!r}, not {batch}; give that batch's file.")
        if row["sample_id"] not in known:
            raise LabelError(f"{place}: {row['sample_id']!r} is not in the batch; leave that column as it was.")
        yield place, _annotation(place, row)


def _rows(path: Path) -> list[dict[str, str]]:
    names, rows = read_sheet(path)
    for name in NEEDED:
        if name not in names:
            raise LabelError(f"{path.name} lacks the column {name}; give a CSV that `label export` made.")
    return rows


def _annotation(place: str, row: Mapping[str, str | None]) -> Annotation:
    annotator = (row["annotator"] or "").strip()
    if not annotator:
        raise LabelError(f"{place} has labels and no annotator; fill the annotator column.")
    labels: dict[str, Literal[0, 1] | None] = {}
    for name in DIMENSIONS:
        label = (row[name] or "").strip()
        if label not in _LABELS:
            raise LabelError(f"{place}: {name} is {label!r}, and labels are 0, 1, or ? for can't tell.")
        labels[name] = _LABELS[label]
    note = row.get("note") or ""
    return Annotation.model_validate(
        {"annotator": annotator, "sample_id": row["sample_id"], "labels": labels, "note": note}
    )
