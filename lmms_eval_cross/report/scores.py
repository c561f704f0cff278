"""Means with intervals, of a run's answers or of any slice of them."""

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Final, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from lmms_eval_cross.benchmark.facets import OWN_FACETS, Facets
from lmms_eval_cross.benchmark.records import DIMENSIONS, Dimension, JudgeFailure, Sample
from lmms_eval_cross.runs.panel_votes import share_of
from lmms_eval_cross.runs.sample_record import JudgedAnswer
from lmms_eval_cross.stats import interval_over_fillings
from lmms_eval_cross.stats.panel_agreement import PanelAgreement, panel_agreement

Measure: TypeAlias = Literal[Dimension, "mean"]
MEAN: Final = "mean"
"""The mean of a sample's four verdicts, of samples that have all four."""
MEASURES: Final[tuple[Measure, ...]] = (*DIMENSIONS, MEAN)
Scores: TypeAlias = Mapping[Measure, "MeanScore"]


def measure_title(measure: Measure) -> str:
    """What people read at the head of a column or chart."""
    return "mean of four" if measure == MEAN else measure


@dataclass(frozen=True, slots=True)
class MeanScore:
    """A mean in percent, its two-sided 95% interval, and what it rests on."""

    mean: float | None
    """None where nothing has a score."""
    low: float | None
    """None where there are too few norms for an interval; with failures, of the mean had every one been a 0."""
    high: float | None
    """With failures, of the mean had every one been a 1."""
    n: int
    """Samples with a score."""
    failed: int
    """Verdicts without, those of all rounds; they are no part of the mean."""
    norms: int
    """Clusters of the interval."""
    worst: float | None
    """The mean, had every failure been a 0; for `mean`, had every sample with a failure been one."""
    best: float | None
    """The mean, had every failure been a 1."""
    panel: PanelAgreement | None = None
    """How far the members of the panel agree on these samples; None of a single judge."""


@dataclass(frozen=True)
class ScoreTable:
    """The verdicts of a run, one row a sample, in the order of the answers."""

    samples: Sequence[Sample]
    columns: Mapping[Measure, NDArray[np.float64]]
    """Scores of 0..1, NaN for a failure, shape (samples,); of several rounds the mean over those with a score."""
    agreeing: Mapping[Measure, NDArray[np.float64]] = field(default_factory=dict)
    """Of a panel the share of agreeing pairs of members, NaN where there is none, shape (samples,); else empty."""
    rounds: Mapping[Measure, NDArray[np.float64]] = field(default_factory=dict)
    """Of several rounds the scores of each, NaN for a failure, shape (samples, rounds); else empty."""

    @cached_property
    def place(self) -> dict[str, int]:
        """Sample id -> row."""
        return {sample.sample_id: row for row, sample in enumerate(self.samples)}

    @cached_property
    def norm_ids(self) -> NDArray[np.object_]:
        """The norm of each row, shape (samples,): the clusters of every interval."""
        return np.array([sample.norm_id for sample in self.samples], dtype=object)

    def by_round(self, measure: Measure) -> NDArray[np.float64]:
        """The scores of each round, NaN for a failure, shape (samples, rounds): what failures are filled in."""
        if self.rounds:
            return self.rounds[measure]
        return self.columns[measure][:, np.newaxis]

    def scores(self, rows: Sequence[int] | slice = slice(None)) -> dict[Measure, MeanScore]:
        """Every measure over some rows, or over all."""
        norms = self.norm_ids[rows]
        scores = {measure: mean_score(self.by_round(measure)[rows], norms) for measure in MEASURES}
        for measure, shares in self.agreeing.items():
            scores[measure] = replace(scores[measure], panel=panel_agreement(shares[rows], norms.tolist()))
        return scores

    def slices(self, facets: Facets) -> dict[str, dict[str, dict[Measure, MeanScore]]]:
        """Every measure by country, language, ...: facet -> value -> scores."""
        slices: dict[str, dict[str, dict[Measure, MeanScore]]] = {}
        for facet in facets.names:
            parts = sorted(self.rows_by(facet, facets).items())
            slices[facet] = {value: self.scores(rows) for value, rows in parts}
        return slices

    def rows_by(self, facet: str, facets: Facets = OWN_FACETS) -> dict[str, list[int]]:
        """A value of a facet, or of another field of samples -> its rows."""
        groups: dict[str, list[int]] = {}
        for row, sample in enumerate(self.samples):
            value = facets.value(sample, facet)
            if value is not None:
                groups.setdefault(value, []).append(row)
        return groups


def score_table(answers: Sequence[JudgedAnswer]) -> ScoreTable:
    """The verdicts of a run's answers."""
    columns = with_mean({name: np.array([_score(answer, name) for answer in answers]) for name in DIMENSIONS})
    return ScoreTable([answer.sample for answer in answers], columns, _agreeing(answers))


def with_mean(dimensions: Mapping[Measure, NDArray[np.float64]]) -> dict[Measure, NDArray[np.float64]]:
    """Each sample's values by dimension, and the mean of its four; NaN where one is missing."""
    return {**dimensions, MEAN: np.mean(list(dimensions.values()), axis=0)}


def _agreeing(answers: Sequence[JudgedAnswer]) -> Mapping[Measure, NDArray[np.float64]]:
    """Of each answer how far a panel agrees; empty where none judged."""
    if not any(answer.provenance.judge == "panel" for answer in answers):
        return {}
    return with_mean({name: np.array([share_of(answer.outcomes[name]) for answer in answers]) for name in DIMENSIONS})


def _score(answer: JudgedAnswer, dimension: Dimension) -> float:
    outcome = answer.outcomes[dimension]
    if isinstance(outcome, JudgeFailure):
        return math.nan
    return float(outcome.score)


def mean_score(values: NDArray[np.float64], norms: NDArray[np.object_]) -> MeanScore:
    """The mean over some samples: `values` have shape (n, rounds), with NaN for a failure, and `norms` (n,)."""
    scored = ~np.isnan(values)
    n, failed = int(scored.any(axis=1).sum()), int((~scored).sum())
    if n == 0:
        return _no_score(failed)
    interval = interval_over_fillings(values, norms)
    total = float(values[scored].sum())
    return MeanScore(
        mean=100 * interval.mean,
        low=in_percent(interval.low),
        high=in_percent(interval.high),
        n=n,
        failed=failed,
        norms=interval.clusters,
        worst=100 * total / values.size,
        best=100 * (total + failed) / values.size,
    )


def _no_score(failed: int) -> MeanScore:
    """Nothing has a score: failures could have been anything, and where nothing failed there is nothing to say."""
    if failed == 0:
        return MeanScore(None, None, None, 0, 0, 0, None, None)
    return MeanScore(None, None, None, 0, failed, 0, worst=0.0, best=100.0)


def in_percent(share: float | None) -> float | None:
    """A share of 1 in percent; None stays None."""
    return None if share is None else 100 * share


def mean_of(values: Collection[float]) -> float | None:
    """The plain mean; None of nothing."""
    return sum(values) / len(values) if values else None
