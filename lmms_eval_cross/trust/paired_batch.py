"""One batch for the answers of two runs, whose annotators can't tell which run an answer is of."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from lmms_eval_cross.errors import LabelError
from lmms_eval_cross.outside import read_given
from lmms_eval_cross.text import canonical_json
from lmms_eval_cross.trust.anchor import Anchor, anchor_of_json, draw
from lmms_eval_cross.trust.anchor_samples import samples_of
from lmms_eval_cross.trust.annotator_sheets import read_annotations
from lmms_eval_cross.trust.human_labels import Annotation, LabelSet
from lmms_eval_cross.trust.label_pages import FOUR_QUESTIONS, Asking, ToLabel, make_sheets, to_label
from lmms_eval_cross.trust.labelling_batch import write_sheets
from lmms_eval_cross.trust.sealed import BrokenSealError, read_sealed, write_sealed

SCHEMA: Final = "cross-label-pair/1"
PAIR: Final = "pair.json"
"""Tells which row is of which side: not for annotators."""
SIDES: Final = ("baseline", "candidate")


def draw_pair(baseline: Anchor, candidate: Anchor, n: int, seed: int) -> tuple[Anchor, Anchor]:
    """The answers of both sides to the same samples, drawn by the baseline's verdicts; `n` of each.

    Pairs cancel what a sample has in common, so that fewer labels decide (docs/statistics.md). Samples that one side
    has no answer to are passed over.

    Raises:
        LabelError: the sides share no sample.
    """
    shared = [place for sample_id, place in baseline.positions.items() if sample_id in candidate.positions]
    if not shared:
        raise LabelError("The two runs have no sample in common; give a baseline and a candidate of the same tasks.")
    drawn = draw(baseline.on_items(shared), n, seed)
    places = candidate.positions
    of_candidate = candidate.on_items([places[item.sample_id] for item in drawn.items])
    pairs = zip(of_candidate.items, drawn.items, strict=True)
    items = [item.drawn_with(twin.probability) for item, twin in pairs]
    return drawn, of_candidate.model_copy(update={"items": items, "seed": seed})


def export_pair(
    baseline: Anchor, candidate: Anchor, n: int, seed: int, folder: Path, asking: Asking = FOUR_QUESTIONS
) -> str:
    """Draw, and write `pair.json`, `batch.csv` and `label.html`; gives the batch's name.

    Raises:
        CrossError: texts or images are not among the prepared data, or there is nothing to draw from.
    """
    batches = draw_pair(baseline, candidate, n, seed)
    name = pair_id(batches)
    entries: list[ToLabel] = []
    for side, batch in zip(SIDES, batches, strict=True):
        entries += to_label(batch.items, samples_of(batch), list(row_ids(name, side, batch)))
    sheets = make_sheets(name, entries, seed, asking)
    texts = {side: batch.without_text().to_json() for side, batch in zip(SIDES, batches, strict=True)}
    write_sealed(folder / PAIR, {"schema": SCHEMA, **texts})
    write_sheets(folder, sheets)
    return name


def pair_id(batches: tuple[Anchor, Anchor]) -> str:
    """The name that ties spreadsheet and page to both batches."""
    return _hash([batch.id for batch in batches])[:16]


def row_ids(name: str, side: str, batch: Anchor) -> dict[str, str]:
    """Row id -> sample id: a sample has two rows, whose ids say nothing of the side to who has no `pair.json`."""
    ids = {}
    for sample_id in batch.positions:
        ids[f"{sample_id}#{_hash([name, batch.id, side, sample_id])[:8]}"] = sample_id
    return ids


def _hash(content: object) -> str:
    return hashlib.sha256(canonical_json(content).encode("ascii")).hexdigest()


def import_pair(path: Path, files: Sequence[Path]) -> dict[str, LabelSet]:
    """Side -> its labels, from the annotators' files.

    Raises:
        LabelError: `pair.json` is damaged, or a row does not fit, as for `import_labels`.
    """
    batches, (name, known) = _read_pair(path), pair_rows(path)
    by_side = {side: row_ids(name, side, batch) for side, batch in zip(SIDES, batches, strict=True)}
    annotations = read_annotations(name, known, files)
    labels: dict[str, LabelSet] = {}
    for batch, (side, ids) in zip(batches, by_side.items(), strict=True):
        labels[side] = LabelSet(batch=batch, annotations=_of_side(annotations, ids))
    return labels


def pair_rows(path: Path) -> tuple[str, list[str]]:
    """The name of a pair's batch, and the ids of its rows.

    Raises:
        LabelError: `pair.json` is damaged.
    """
    batches = _read_pair(path)
    name = pair_id(batches)
    rows: list[str] = []
    for side, batch in zip(SIDES, batches, strict=True):
        rows += row_ids(name, side, batch)
    return name, rows


def _of_side(annotations: Sequence[Annotation], ids: Mapping[str, str]) -> list[Annotation]:
    of_side: list[Annotation] = []
    for annotation in annotations:
        if annotation.sample_id in ids:
            of_side.append(annotation.model_copy(update={"sample_id": ids[annotation.sample_id]}))
    return sorted(of_side, key=lambda one: (one.annotator, one.sample_id))


def _read_pair(path: Path) -> tuple[Anchor, Anchor]:
    try:
        content = read_sealed(read_given(path, LabelError))
    except BrokenSealError:
        raise LabelError(f"{path.name} was changed after it was written; take the original.") from None
    except ValueError as error:
        raise LabelError(f"{path.name} can't be read ({error}); take the one that `label export` wrote.") from None
    if content.get("schema") != SCHEMA or not all(isinstance(content.get(side), dict) for side in SIDES):
        raise LabelError(f"{path.name} is no pair of this release; take the one that `label export --pair` wrote.")
    before, after = (anchor_of_json(path.name, content[side]) for side in SIDES)
    return before, after
