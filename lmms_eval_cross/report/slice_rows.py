"""Slices as rows: a value of a slice with every run beside the others."""

from collections.abc import Sequence
from dataclasses import dataclass

from lmms_eval_cross.report.country_rates import CountryRate
from lmms_eval_cross.report.measured import Measured
from lmms_eval_cross.report.scores import MeanScore, Measure, mean_of


@dataclass(frozen=True, slots=True)
class SliceRow:
    """One value, such as a country."""

    value: str
    scores: list[MeanScore | None]
    """One for each run, in their order; None where a run has no sample of it."""
    rates: list[CountryRate | None]
    """The same of a country, drawn toward all; None of other slices, and where there are too few countries."""

    @property
    def least_n(self) -> int:
        """The smallest number of scored samples behind a score of this row."""
        return min((score.n for score in self.scores if score is not None), default=0)

    @property
    def mean(self) -> float | None:
        """The mean of the runs' means."""
        return mean_of([score.mean for score in self.scores if score is not None and score.mean is not None])

    @property
    def rank(self) -> float | None:
        """To sort by: the mean of the runs' shrunk rates where there are some, for a low mean may be chance."""
        rates = [rate.shrunk for rate in self.rates if rate is not None]
        return mean_of(rates) if rates else self.mean


def slice_rows(models: Sequence[Measured], kind: str, measure: Measure) -> list[SliceRow]:
    """All values of a slice on one measure, the worst first, those without a score last."""
    rows: dict[str, SliceRow] = {}
    for column, model in enumerate(models):
        for value, by_measure in model.slices[kind].items():
            row = rows.setdefault(value, SliceRow(value, [None] * len(models), [None] * len(models)))
            row.scores[column] = by_measure[measure]
        for rate in model.countries if (kind, measure) == ("country", "compliance") else []:
            rows[rate.country].rates[column] = rate
    return sorted(rows.values(), key=lambda row: (row.rank is None, row.rank or 0.0, row.value))
