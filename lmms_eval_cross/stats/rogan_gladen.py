"""A mean of judge scores corrected by the judge's sensitivity and specificity: Rogan-Gladen."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from math import sqrt
from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lmms_eval_cross.stats.clusters import (
    FEWEST_CLUSTERS,
    ROUNDING,
    TOO_FEW_CLUSTERS,
    FloatArray,
    checked_alpha,
    t_quantile,
)
from lmms_eval_cross.stats.labelled import (
    Corrected,
    Labelled,
    LabelledRun,
    Linearised,
    finite_factor,
    least_variance,
)

NO_BETTER_THAN_CHANCE: Final = "by these labels the judge may be no better than chance"
ERRS_OTHERWISE: Final = "the judge can't err here as often as on the labelled answers"


def rogan_gladen(
    judged: ArrayLike, clusters: Sequence[Hashable], labelled: Labelled, alpha: float = 0.05, *, of_run: bool = True
) -> Corrected:
    """Return the mean of `judged`, shape (n,) of 0 and 1, corrected by the judge's sensitivity and specificity.

    (p + specificity - 1) / (sensitivity + specificity - 1): Rogan & Gladen, Am. J. Epidemiology 1978. Unlike there
    both rates are weighted by drawing probability, and errors are of sums by cluster. `of_run`: the labelled answers
    were drawn from the run. If not, it is assumed that the judge errs on the run as often as on them, and nothing is
    said of the run's mean. ValueError where nothing can be corrected.
    """
    checked_alpha(alpha)
    run = LabelledRun.of(judged, clusters, labelled)
    if of_run:
        return _drawn_from_the_run(run, alpha)
    return _drawn_elsewhere(run, alpha)


def _drawn_from_the_run(run: LabelledRun, alpha: float) -> Corrected:
    """With weights calibrated to the run's judge rate (Deville & Sarndal, JASA 1992).

    The estimate is then the labels' mean, post-stratified by verdict (Holt & Smith, JRSS A 1979): what the judge's
    rates have in common with the run cancels, and even a judge no better than chance does no harm.
    """
    labels, judged, rate = run.labelled.labels, run.labelled.judged, float(run.scores.mean())
    weights, means = run.labelled.weights, np.full(2, np.average(labels, weights=run.labelled.weights))
    if len(set(judged)) == 2 and 0 < rate < 1:
        here = np.average(judged, weights=weights)
        weights = weights * np.where(judged == 1, rate / here, (1 - rate) / (1 - here))
        means = np.array([np.average(labels[judged == score], weights=weights[judged == score]) for score in (0, 1)])
    mean = float(np.average(labels, weights=weights))
    of_run = (means[run.scores.astype(np.intp)] - mean) / len(run.scores)
    of_labels = weights * (labels - means[judged.astype(np.intp)]) / weights.sum()
    return run.corrected(Linearised(mean, of_run, of_labels, "rogan-gladen"), weights, alpha)


def _drawn_elsewhere(run: LabelledRun, alpha: float) -> Corrected:
    """With Fieller's interval (JRSS B 1954) and the t quantile of the rarer label's clusters."""
    scores, labelled, places = run.scores, run.labelled, run.places
    rate, zeros = float(scores.mean()), np.zeros(len(scores))
    hits, alarms = _Rate.of(labelled, good=True), _Rate.of(labelled, good=False)
    ratio = _Ratio(rate - alarms.rate, hits.rate - alarms.rate)
    if abs(ratio.below) < ROUNDING:
        raise ValueError("the judge's sensitivity and specificity add up to 1")
    above = places.sums((scores - rate) / len(scores), -alarms.influences)
    below = places.sums(zeros, hits.influences - alarms.influences)
    good, bad = places.label_clusters(hits.chosen), places.label_clusters(alarms.chosen)
    spread = _Spread.of(above, below, min(good, bad), (hits.unseen(good), alarms.unseen(bad)))
    low, high, reason = ratio.interval(spread, alpha)
    error = None
    if reason is None:
        error = ratio.error(spread)
    return Corrected(
        mean=ratio.mean,
        low=low,
        high=high,
        run_low=None,
        run_high=None,
        standard_error=error,
        n=len(scores),
        labels=len(labelled.labels),
        label_clusters=places.label_clusters(),
        method="rogan-gladen",
        reason=reason,
    )


@dataclass(frozen=True, slots=True, eq=False)
class _Rate:
    """How often the judge gives 1 to good answers (its sensitivity), or to bad ones."""

    rate: float
    influences: FloatArray
    """Of every label on the rate, shape (labels,)."""
    chosen: NDArray[np.bool_]
    """Labels of the class."""
    errors: int
    """Labels of the class that the judge contradicts."""

    @classmethod
    def of(cls, labelled: Labelled, *, good: bool) -> _Rate:
        membership, error = labelled.labels, 0
        if not good:
            membership, error = 1 - labelled.labels, 1
        of_class = labelled.weights * membership
        rate = float(np.average(labelled.judged, weights=of_class))
        chosen = of_class > 0
        errors = int(np.sum(chosen & (labelled.judged == error)))
        return cls(rate, of_class * (labelled.judged - rate) / of_class.sum(), chosen, errors)

    def unseen(self, clusters: int) -> float:
        """Variance that so few errors do not show."""
        return max(0.0, least_variance(self.errors, clusters) / clusters - float(self.influences @ self.influences))


@dataclass(frozen=True, slots=True)
class _Spread:
    """Variances and covariance of what is above and below the line, and the clusters that they were seen in."""

    above: float
    both: float
    below: float
    clusters: int

    @classmethod
    def of(cls, above: FloatArray, below: FloatArray, clusters: int, unseen: Sequence[float]) -> _Spread:
        """From influences summed by cluster, and unseen variances of the hits and of the false alarms."""
        hits, alarms = unseen
        factor = finite_factor(clusters)
        return cls(
            factor * float(above @ above) + alarms,
            factor * float(above @ below) + alarms,
            factor * float(below @ below) + alarms + hits,
            clusters,
        )


@dataclass(frozen=True, slots=True)
class _Ratio:
    above: float
    below: float

    @property
    def mean(self) -> float:
        return min(1.0, max(0.0, self.above / self.below))

    def error(self, spread: _Spread) -> float:
        """Standard error by the delta method."""
        ratio = self.above / self.below
        return sqrt(max(0.0, spread.above - 2 * ratio * spread.both + ratio**2 * spread.below)) / abs(self.below)

    def interval(self, spread: _Spread, alpha: float) -> tuple[float | None, float | None, str | None]:
        """Low and high of all ratios in 0..1 that a t test does not refuse; or why there is no interval."""
        if spread.clusters < FEWEST_CLUSTERS:
            return None, None, TOO_FEW_CLUSTERS
        square = t_quantile(1 - alpha / 2, spread.clusters - 1) ** 2
        a = self.below**2 - square * spread.below
        b = self.above * self.below - square * spread.both
        c = self.above**2 - square * spread.above
        if a <= 0 or self.below < 0:
            return None, None, NO_BETTER_THAN_CHANCE
        root = sqrt(max(0.0, b**2 - a * c))
        low, high = (b - root) / a, (b + root) / a
        if low >= 1 or high <= 0:
            return None, None, ERRS_OTHERWISE
        return min(self.mean, max(0.0, low)), max(self.mean, min(1.0, high)), None
