"""A mean of judge scores corrected by the judge's sensitivity and specificity: Rogan-Gladen."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from math import sqrt
from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lmms_eval_cross.stats.agreement import checked_binary
from lmms_eval_cross.stats.clusters import (
    FEWEST_CLUSTERS,
    ROUNDING,
    TOO_FEW_CLUSTERS,
    FloatArray,
    checked_alpha,
    t_quantile,
)
from lmms_eval_cross.stats.corrected import (
    NO_ENDS,
    Corrected,
    Ends,
    Labelled,
    Places,
    finite_factor,
    least_variance,
    unlabelled_shares,
)

NO_BETTER_THAN_CHANCE: Final = "by these labels the judge may be no better than chance"


def rogan_gladen(
    judged: ArrayLike, clusters: Sequence[Hashable], labelled: Labelled, alpha: float = 0.05, *, of_run: bool = True
) -> Corrected:
    """Return the mean of `judged`, shape (n,) of 0 and 1, corrected by the judge's sensitivity and specificity.

    (p + specificity - 1) / (sensitivity + specificity - 1): Rogan & Gladen, Am. J. Epidemiology 1978. Unlike
    there both rates are weighted by drawing probability, and the intervals are Fieller's (JRSS B 1954): over sums
    by cluster, so that it holds what run and labels have in common, and for the run's mean over single labels, as
    far as they stand for unlabelled answers. `of_run`: the labelled answers were drawn from the run; their weights
    are then calibrated to its judge rate (Deville & Sarndal, JASA 1992). If not, it is assumed that the judge errs
    on the run as often as on them, and the clusters of the rarer label limit what is known. ValueError where
    nothing can be corrected.
    """
    checked_alpha(alpha)
    scores, places = checked_binary("judged", judged), Places.of(clusters, labelled.clusters)
    rate = float(scores.mean())
    weights = _calibrated(labelled, rate) if of_run else labelled.weights
    hits, alarms = _Rate.of(labelled, weights, good=True), _Rate.of(labelled, weights, good=False)
    ratio = _Ratio(rate - alarms.rate, hits.rate - alarms.rate)
    if abs(ratio.below) < ROUNDING:
        raise ValueError("the judge's sensitivity and specificity add up to 1: nothing can be corrected")
    of_rate, zeros = (scores - rate) / len(scores), np.zeros(len(scores))
    parts = [(of_rate, -alarms.influences), (zeros, hits.influences - alarms.influences)]
    if of_run:
        parts = [_told_by_the_run(*part, scores, labelled.judged, weights) for part in parts]
        left, units = unlabelled_shares(weights, len(scores)), places.label_clusters()
        cases = [int(each.chosen.sum()) for each in (hits, alarms)]
    else:
        left = np.ones(len(weights))
        cases = [places.label_clusters(each.chosen) for each in (hits, alarms)]
        units = min(cases)
    unseen = [each.unseen(size, left) for each, size in zip((hits, alarms), cases, strict=True)]
    spread = _Spread.of([places.sums(*part) for part in parts], units, unseen)
    within = _Spread.of([np.sqrt(left) * told for _, told in parts], len(weights), unseen)
    low, high = ratio.interval(spread, alpha)
    run_low, run_high = ratio.interval(within, alpha) if of_run else NO_ENDS
    return Corrected(
        mean=ratio.mean,
        low=low,
        high=high,
        run_low=run_low,
        run_high=run_high,
        standard_error=None if low is None else ratio.error(spread),
        n=len(scores),
        labels=len(weights),
        label_clusters=places.label_clusters(),
        method="rogan-gladen",
        reason=None if low is not None else TOO_FEW_CLUSTERS if units < FEWEST_CLUSTERS else NO_BETTER_THAN_CHANCE,
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
    def of(cls, labelled: Labelled, weights: FloatArray, *, good: bool) -> _Rate:
        of_class = weights * (labelled.labels if good else 1 - labelled.labels)
        rate = _share(of_class, labelled.judged)
        chosen = of_class > 0
        errors = int(np.sum(chosen & (labelled.judged == (0 if good else 1))))
        return cls(rate, of_class * (labelled.judged - rate) / of_class.sum(), chosen, errors)

    def unseen(self, cases: int, left: FloatArray) -> float:
        """Variance that so few errors do not show."""
        least = float(left.mean()) * least_variance(self.errors, cases)
        return max(0.0, least - float(left @ np.square(self.influences)))


@dataclass(frozen=True, slots=True)
class _Spread:
    """Variances and covariance of what is above and below the line, and the units that they were seen in."""

    above: float
    both: float
    below: float
    units: int

    @classmethod
    def of(cls, influences: Sequence[FloatArray], units: int, unseen: Sequence[float]) -> _Spread:
        """From influences of independent units, and unseen variances of the hits and of the false alarms."""
        above, below = influences
        hits, alarms = unseen
        factor = finite_factor(units)
        return cls(
            factor * float(above @ above) + alarms,
            factor * float(above @ below) + alarms,
            factor * float(below @ below) + alarms + hits,
            units,
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

    def interval(self, spread: _Spread, alpha: float) -> Ends:
        """Fieller's: all ratios that a t test does not refuse; none where the line below may be 0."""
        if spread.units < FEWEST_CLUSTERS:
            return NO_ENDS
        square = t_quantile(1 - alpha / 2, spread.units - 1) ** 2
        a = self.below**2 - square * spread.below
        b = self.above * self.below - square * spread.both
        c = self.above**2 - square * spread.above
        if a <= 0 or self.below < 0:
            return NO_ENDS
        root = sqrt(max(0.0, b**2 - a * c))
        low, high = (min(1.0, max(0.0, (b + sign * root) / a)) for sign in (-1, 1))
        return low, high


def _calibrated(labelled: Labelled, rate: float) -> FloatArray:
    """The weights, scaled where the judge says 1 and where it says 0 so that they repeat the run's judge rate."""
    if len(set(labelled.judged)) < 2 or not 0 < rate < 1:
        return labelled.weights
    here = _share(labelled.weights, labelled.judged)
    scale = np.where(labelled.judged == 1, rate / here, (1 - rate) / (1 - here))
    return np.asarray(labelled.weights * scale, dtype=np.float64)


def _told_by_the_run(
    of_run: FloatArray, of_labelled: FloatArray, scores: FloatArray, judged: FloatArray, weights: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Influences where the labels' judge rate is the run's by calibration: what it explains is known from the run."""
    run, rest = of_run.copy(), of_labelled.copy()
    for score in (0.0, 1.0):
        there, here = scores == score, judged == score
        if there.any() and here.any():
            total = of_labelled[here].sum()
            rest[here] -= total * weights[here] / weights[here].sum()
            run[there] += total / there.sum()
    return run, rest


def _share(weights: FloatArray, judged: FloatArray) -> float:
    return float(weights @ judged / weights.sum())
