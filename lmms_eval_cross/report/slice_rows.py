"""Slices as rows: a value of a slice with every run beside the others."""

from collections.abc import Sequence
from dataclasses import dataclass

from lmms_eval_cross.report.measured import Measured
from lmms_eval_cross.report.scores import Measure, Score, SliceKind


@dataclass(frozen=True, slots=True)
class SliceRow:
    """One value, such as a country."""

    value: str
    scores: Sequence[Score | None]
    """A run each, in their order; None where a run has no sample of it."""

    @property
    def least_n(self) -> int:
        """The smallest number of scored samples behind a score of this row."""
        return min((score.n for score in self.scores if score is not None), default=0)

    @property
    def mean(self) -> float | None:
        """The mean of the runs' means."""
        means = [score.mean for score in self.scores if score is not None and score.mean is not None]
        return sum(means) / len(means) if means else None


def slice_rows(models: Sequence[Measured], kind: SliceKind, measure: Measure) -> list[SliceRow]:
    """All values of a slice on one measure, the worst first, those without a score last."""
    values = sorted({value for model in models for value in model.slices[kind]})
    rows = [SliceRow(value, [_score(model, kind, value, measure) for model in models]) for value in values]
    return sorted(rows, key=lambda row: (row.mean is None, row.mean or 0.0, row.value))


def _score(model: Measured, kind: SliceKind, value: str, measure: Measure) -> Score | None:
    scores = model.slices[kind].get(value)
    return None if scores is None else scores[measure]
