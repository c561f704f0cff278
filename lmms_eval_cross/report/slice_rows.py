"""Slices as rows: a value of a slice with every run beside the others."""

from collections.abc import Sequence
from dataclasses import dataclass

from lmms_eval_cross.report.measured import Measured
from lmms_eval_cross.report.scores import MeanScore, Measure, SliceKind, mean_of


@dataclass(frozen=True, slots=True)
class SliceRow:
    """One value, such as a country."""

    value: str
    scores: list[MeanScore | None]
    """One for each run, in their order; None where a run has no sample of it."""

    @property
    def least_n(self) -> int:
        """The smallest number of scored samples behind a score of this row."""
        return min((score.n for score in self.scores if score is not None), default=0)

    @property
    def mean(self) -> float | None:
        """The mean of the runs' means."""
        return mean_of([score.mean for score in self.scores if score is not None and score.mean is not None])


def slice_rows(models: Sequence[Measured], kind: SliceKind, measure: Measure) -> list[SliceRow]:
    """All values of a slice on one measure, the worst first, those without a score last."""
    rows: dict[str, SliceRow] = {}
    for column, model in enumerate(models):
        for value, by_measure in model.slices[kind].items():
            row = rows.setdefault(value, SliceRow(value, [None] * len(models)))
            row.scores[column] = by_measure[measure]
    return sorted(rows.values(), key=lambda row: (row.mean is None, row.mean or 0.0, row.value))
