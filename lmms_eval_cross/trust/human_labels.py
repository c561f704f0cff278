"""Human labels: a batch of frozen answers, and what people said of them. docs/agreement.md describes the file."""

from collections.abc import Sequence
from pathlib import Path
from typing import Final, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from lmms_eval_cross.benchmark.records import DIMENSIONS, Dimension
from lmms_eval_cross.errors import AnchorError, LabelError
from lmms_eval_cross.stats import Confusion, confusion, krippendorff_alpha
from lmms_eval_cross.stats.clusters import FloatArray
from lmms_eval_cross.trust.anchor import Anchor, Judgement, anchor_of_json, scores
from lmms_eval_cross.trust.sealed import BrokenSealError, read_sealed, write_sealed
from lmms_eval_cross.trust.stamp import JudgeStamp

SCHEMA: Final = "cross-labels/1"


class Annotation(BaseModel):
    """What one annotator said of one answer."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    annotator: str = Field(min_length=1)
    sample_id: str
    labels: dict[Dimension, Literal[0, 1] | None]
    """None where the annotator could not tell."""
    note: str = ""


class LabelSet(BaseModel):
    """A batch with its judgements and the labels of all annotators: the calibration of the judges in it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    batch: Anchor
    """Without text."""
    annotations: list[Annotation]

    @property
    def annotators(self) -> list[str]:
        """Their names, in order."""
        return sorted({each.annotator for each in self.annotations})

    def judgement_of(self, judge: JudgeStamp) -> Judgement:
        """The verdicts of `judge` on the batch.

        Raises:
            LabelError: the batch was judged by others only.
        """
        askings = self.batch.askings(judge)
        if not askings:
            known = "; ".join(sorted({str(each.judge) for each in self.batch.judgements}))
            raise LabelError(
                f"The labels calibrate {known}, and the scores are of {judge}; judge the batch with that judge "
                "(`lmms-eval-cross anchor judge`) and import the labels again."
            )
        return askings[0]

    def ratings(self, dimension: Dimension) -> FloatArray:
        """Labels of shape (annotators, items), NaN where there is none."""
        rows = {name: i for i, name in enumerate(self.annotators)}
        columns = {item.sample_id: i for i, item in enumerate(self.batch.items)}
        table = np.full((len(rows), len(columns)), np.nan)
        for each in self.annotations:
            label = each.labels.get(dimension)
            if label is not None:
                table[rows[each.annotator], columns[each.sample_id]] = label
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

    def judge_agreement(self, judge: JudgeStamp, dimension: Dimension) -> Confusion | None:
        """The judge (other) against the annotators' majority (reference); ties and failures left out."""
        found = np.array(scores(self.judgement_of(judge), dimension))
        truth = self.consensus(dimension)
        weights = np.array([1 / item.probability for item in self.batch.items])
        kept = ~np.isnan(found) & ~np.isnan(truth)
        return against_majority(truth[kept], found[kept], weights[kept])

    @property
    def bound_to(self) -> list[str]:
        """The hashes of judge, rubric, profile and request that these labels calibrate."""
        return sorted({each.judge.binding for each in self.batch.judgements})

    def write(self, path: Path) -> None:
        """Write the file, whole or not at all."""
        annotations = [each.model_dump(mode="json") for each in self.annotations]
        bound, batch = self.bound_to, self.batch.to_json()
        write_sealed(path, {"schema": SCHEMA, "bound_to": bound, "batch": batch, "annotations": annotations})


def against_majority(labels: FloatArray, judged: FloatArray, weights: FloatArray) -> Confusion | None:
    """The judge (other) against the majority of each answer's labels (reference); ties are left out.

    `labels` are means over annotators in 0..1, shape (labels,). None where all are ties.
    """
    told = labels != 0.5
    return confusion(np.round(labels[told]), judged[told], weights[told]) if told.any() else None


def load_labels(path: Path) -> LabelSet:
    """The labels in a file that `label import` wrote.

    Raises:
        LabelError: the file is damaged, was changed, or is none.
    """
    try:
        content = read_sealed(path.read_bytes())
        batch = anchor_of_json(path.name, content["batch"])
        found = LabelSet(batch=batch, annotations=content["annotations"])
    except OSError as error:
        raise LabelError(f"{path} can't be read ({error.strerror}); check the path.") from None
    except AnchorError as error:
        raise LabelError(str(error)) from None
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        raise LabelError(f"{path.name} is no label file of this release ({first['msg']}); import again.") from None
    except BrokenSealError:
        raise LabelError(f"{path.name} was changed after it was written; take the original, or import again.") from None
    except (ValueError, KeyError):
        raise LabelError(f"{path.name} is no label file; make one with `lmms-eval-cross label import`.") from None
    if (content.get("schema"), content.get("bound_to")) != (SCHEMA, found.bound_to):
        raise LabelError(f"{path.name} is bound to another judge, rubric or profile than it holds; import again.")
    _refuse_strangers(found)
    return found


def _refuse_strangers(labels: LabelSet) -> None:
    known = {item.sample_id for item in labels.batch.items}
    strange = [each.sample_id for each in labels.annotations if each.sample_id not in known]
    if strange:
        raise LabelError(f"{strange[0]} is labelled and not in the batch; import the labels of this batch again.")


def labels_table(labels: LabelSet) -> str:
    """Agreement of the annotators with each other and of every judge with them, as Markdown."""
    judges = {each.judge.binding: each.judge for each in labels.batch.judgements}
    lines = [
        f"{len({each.sample_id for each in labels.annotations})} of {len(labels.batch.items)} answers labelled by "
        f"{', '.join(labels.annotators)}. Where their labels tie, the judge is not set against them.",
        "",
        "| dimension | labels of 1 | labels of 0 | alpha of annotators | judge | n | agreement | kappa"
        " | sensitivity | specificity |",
        "| --- " * 10 + "|",
    ]
    for dimension in DIMENSIONS:
        table = labels.ratings(dimension)
        alpha = _shown(labels.alpha(dimension))
        head = f"| {dimension} | {int(np.nansum(table))} | {int(np.nansum(1 - table))} | {alpha} |"
        lines += [f"{head} {judge.id} {_agreement(labels, judge, dimension)}" for judge in judges.values()]
    return "\n".join(lines)


def _agreement(labels: LabelSet, judge: JudgeStamp, dimension: Dimension) -> str:
    found = labels.judge_agreement(judge, dimension)
    if found is None:
        return "| 0 " + "| - " * 4 + "|"
    cells: Sequence[float | None] = (found.agreement, found.kappa, found.sensitivity, found.specificity)
    return f"| {found.n} | " + " | ".join(map(_shown, cells)) + " |"


def _shown(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f}"
