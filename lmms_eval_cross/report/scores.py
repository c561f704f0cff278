"""Means with intervals, of a run's answers or of any slice of them."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from lmms_eval_cross.benchmark.records import DIMENSIONS, FACETS, Dimension, Facet, JudgeFailure, Sample
from lmms_eval_cross.runs.sample_record import JudgedAnswer
from lmms_eval_cross.stats import mean_interval

Measure: TypeAlias = Literal[Dimension, "mean"]
MEAN: Final = "mean"
"""The mean of a sample's four verdicts, of samples that have all four."""
MEASURES: Final[tuple[Measure, ...]] = (*DIMENSIONS, MEAN)
SliceKind: TypeAlias = Facet
SLICES: Final = FACETS
Scores: TypeAlias = Mapping[Measure, "Score"]


def measure_title(measure: Measure) -> str:
    """What people read at the head of a column or chart."""
    return "mean of four" if measure == MEAN else measure


@dataclass(frozen=True, slots=True)
class Score:
    """A mean in percent, its 95% interval, and what it rests on."""

    mean: float | None
    """None where nothing has a score."""
    low: float | None
    """None where there are too few norms for an interval."""
    high: float | None
    n: int
    """Samples with a score."""
    failed: int
    """Samples without; they are no part of the mean."""
    norms: int
    """Clusters of the interval."""
    worst: float | None
    """The mean, had every failure been a 0; for `mean`, had every sample with a failure been one."""
    best: float | None
    """The mean, had every failure been a 1."""


@dataclass(frozen=True)
class ScoreTable:
    """The verdicts of a run, one row a sample, in the order of the answers."""

    samples: Sequence[Sample]
    columns: Mapping[Measure, NDArray[np.float64]]
    """Scores of 0..1, NaN for a failure, shape (samples,)."""

    @cached_property
    def place(self) -> dict[str, int]:
        """Sample id -> row."""
        return {sample.sample_id: row for row, sample in enumerate(self.samples)}

    def rows(self, chosen: Callable[[Sample], bool]) -> list[int]:
        """The rows of some samples."""
        return [row for row, sample in enumerate(self.samples) if chosen(sample)]

    def scores(self, rows: Sequence[int] | None = None) -> dict[Measure, Score]:
        """Every measure over some rows, or over all."""
        kept = range(len(self.samples)) if rows is None else rows
        norms = [self.samples[row].norm_id for row in kept]
        return {measure: score(self.columns[measure][list(kept)], norms) for measure in MEASURES}

    def slices(self, kind: SliceKind) -> dict[str, dict[Measure, Score]]:
        """Every measure by country, language, ..."""
        groups: dict[str, list[int]] = {}
        for row, sample in enumerate(self.samples):
            groups.setdefault(str(getattr(sample, kind)), []).append(row)
        return {value: self.scores(rows) for value, rows in sorted(groups.items())}


def score_table(answers: Sequence[JudgedAnswer]) -> ScoreTable:
    """The verdicts of a run's answers."""
    columns: dict[Measure, NDArray[np.float64]] = {
        dimension: np.array([_value(answer, dimension) for answer in answers], dtype=np.float64)
        for dimension in DIMENSIONS
    }
    return ScoreTable(
        [answer.sample for answer in answers],
        {**columns, MEAN: np.mean([columns[dimension] for dimension in DIMENSIONS], axis=0)},
    )


def _value(answer: JudgedAnswer, dimension: Dimension) -> float:
    outcome = answer.outcomes[dimension]
    return float("nan") if isinstance(outcome, JudgeFailure) else float(outcome.score)


def score(values: NDArray[np.float64], norms: Iterable[str]) -> Score:
    """The score of some samples; `values` has shape (n,), NaN for a failure."""
    scored = ~np.isnan(values)
    n, failed = int(scored.sum()), int((~scored).sum())
    if n == 0:
        ends = (0.0, 100.0) if failed else (None, None)
        return Score(None, None, None, 0, failed, 0, *ends)
    kept = [norm for norm, good in zip(norms, scored, strict=True) if good]
    found = mean_interval(values[scored], kept)
    total = float(values[scored].sum())
    worst, best = 100 * total / (n + failed), 100 * (total + failed) / (n + failed)
    return Score(100 * found.mean, _percent(found.low), _percent(found.high), n, failed, found.clusters, worst, best)


def _percent(share: float | None) -> float | None:
    return None if share is None else 100 * share
