"""Human labels: a batch of frozen answers, and what people hold of them. docs/agreement.md describes the file."""

from itertools import compress
from pathlib import Path
from typing import Final, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from lmms_eval_cross import numbers
from lmms_eval_cross.benchmark.records import DIMENSIONS, Dimension
from lmms_eval_cross.errors import AnchorError, LabelError
from lmms_eval_cross.outside import read_given
from lmms_eval_cross.stats import krippendorff_alpha
from lmms_eval_cross.stats.clusters import FloatArray
from lmms_eval_cross.trust.against_labels import AgainstLabels, against_majority
from lmms_eval_cross.trust.anchor import Anchor, Judgement, anchor_of_json, scores
from lmms_eval_cross.trust.sealed import BrokenSealError, read_sealed, write_sealed
from lmms_eval_cross.trust.stamp import JudgeStamp

SCHEMA: Final = "cross-labels/1"


class Annotation(BaseModel):
    """One annotator's labels of one answer."""

    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)

    annotator: str = Field(min_length=1)
    sample_id: str
    labels: dict[Dimension, Literal[0, 1] | None]
    """None where the annotator could not tell."""
    note: str = ""


class LabelSet(BaseModel):
    """A batch with its judgements and the labels of all annotators: the calibration of the judges in it."""

    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)

    batch: Anchor
    """Without text."""
    annotations: list[Annotation]

    @property
    def annotators(self) -> list[str]:
        """Their names, in order."""
        return sorted({annotation.annotator for annotation in self.annotations})

    @property
    def judges(self) -> dict[str, JudgeStamp]:
        """Who judged the batch, by binding, the first to judge it first."""
        return {judgement.judge.binding: judgement.judge for judgement in self.batch.judgements}

    def judgement_of(self, judge: JudgeStamp) -> Judgement:
        """The verdicts of `judge` on the batch.

        Raises:
            LabelError: the batch was judged by others only.
        """
        askings = self.batch.askings(judge)
        if not askings:
            known = "; ".join(sorted(set(map(str, self.judges.values()))))
            raise LabelError(
                f"The labels calibrate {known}, and the scores are of {judge}; judge the batch with that judge "
                "(`lmms-eval-cross anchor judge`) and import the labels again."
            )
        return askings[0]

    def ratings(self, dimension: Dimension) -> FloatArray:
        """Labels of shape (annotators, items), NaN where there is none."""
        rows = {name: row for row, name in enumerate(self.annotators)}
        columns = self.batch.positions
        table = np.full((len(rows), len(columns)), np.nan)
        for annotation in self.annotations:
            label = annotation.labels.get(dimension)
            if label is not None:
                table[rows[annotation.annotator], columns[annotation.sample_id]] = label
        return table

    def consensus(self, dimension: Dimension) -> FloatArray:
        """The mean label of each item over its annotators, shape (items,), NaN without any."""
        table = self.ratings(dimension)
        given = ~np.isnan(table)
        totals, counts = np.where(given, table, 0.0).sum(axis=0), given.sum(axis=0)
        return np.where(counts > 0, totals / np.maximum(counts, 1), np.nan)

    def alpha(self, dimension: Dimension) -> float | None:
        """Krippendorff's alpha between the annotators, None without two of them."""
        return krippendorff_alpha(self.ratings(dimension))

    def judge_agreement(self, judge: JudgeStamp, dimension: Dimension) -> AgainstLabels | None:
        """The judge (other) against the annotators' majority (reference); ties and failures left out."""
        judged, labels = scores(self.judgement_of(judge), dimension), self.consensus(dimension)
        both = ~np.isnan(judged) & ~np.isnan(labels)
        norms = [item.norm_id for item in compress(self.batch.items, both)]
        return against_majority(labels[both], judged[both], norms, 1 / self.batch.probabilities[both])

    @property
    def bound_to(self) -> list[str]:
        """The hashes of judge, rubric, profile and request that these labels calibrate."""
        return sorted(self.judges)

    def write(self, path: Path) -> None:
        """Write the file, whole or not at all."""
        annotations = self.model_dump(mode="json", include={"annotations"})
        bound, batch = self.bound_to, self.batch.to_json()
        write_sealed(path, {"schema": SCHEMA, "bound_to": bound, "batch": batch, **annotations})


def load_labels(path: Path) -> LabelSet:
    """The labels in a file that `label import` wrote.

    Raises:
        LabelError: the file is damaged, was changed, or is none.
    """
    try:
        content = read_sealed(read_given(path, LabelError))
        batch = anchor_of_json(path.name, content["batch"])
        labels = LabelSet(batch=batch, annotations=content["annotations"])
    except AnchorError as error:
        raise LabelError(str(error)) from None
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        raise LabelError(f"{path.name} is no label file of this release ({first['msg']}); import again.") from None
    except BrokenSealError:
        raise LabelError(f"{path.name} was changed after it was written; take the original, or import again.") from None
    except (ValueError, KeyError, TypeError):
        raise LabelError(f"{path.name} is no label file; make one with `lmms-eval-cross label import`.") from None
    if (content.get("schema"), content.get("bound_to")) != (SCHEMA, labels.bound_to):
        raise LabelError(f"{path.name} is bound to another judge, rubric or profile than it holds; import again.")
    _refuse_strangers(labels)
    return labels


def _refuse_strangers(labels: LabelSet) -> None:
    known, seen = labels.batch.positions, set()
    for annotation in labels.annotations:
        place = annotation.annotator, annotation.sample_id
        if place in seen:
            raise LabelError(f"{place[0]} labelled {place[1]} twice; import the labels of this batch again.")
        seen.add(place)
        if annotation.sample_id not in known:
            raise LabelError(
                f"{annotation.sample_id} is labelled and not in the batch; import the labels of this batch again."
            )


def labels_table(labels: LabelSet) -> str:
    """Agreement of the annotators with each other and of every judge with them, as Markdown."""
    labelled = {annotation.sample_id for annotation in labels.annotations}
    lines = [
        f"{len(labelled)} of {len(labels.batch.items)} answers labelled by "
        f"{', '.join(labels.annotators)}. Where their labels tie, the judge is not set against them.",
        "",
        "| dimension | labels of 1 | labels of 0 | alpha of annotators | judge | n | agreement | kappa"
        " | sensitivity | specificity |",
        "| --- " * 10 + "|",
    ]
    for dimension in DIMENSIONS:
        table = labels.ratings(dimension)
        ones, zeros = int(np.nansum(table)), int(np.nansum(1 - table))
        head = f"| {dimension} | {ones} | {zeros} | {_shown(labels.alpha(dimension))} |"
        for judge in labels.judges.values():
            lines.append(f"{head} {judge.id} {_agreement(labels, judge, dimension)}")
    return "\n".join(lines)


def _agreement(labels: LabelSet, judge: JudgeStamp, dimension: Dimension) -> str:
    found = labels.judge_agreement(judge, dimension)
    if found is None:
        return "| 0 " + "| - " * 4 + "|"
    cells = map(found.shown, ("agreement", "kappa", "sensitivity", "specificity"))
    return f"| {found.table.n} | " + " | ".join(cells) + " |"


def _shown(value: float | None) -> str:
    if value is None:
        return "-"
    return numbers.plain_share(value)
