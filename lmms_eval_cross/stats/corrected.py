"""A mean of judge scores, corrected for the judge's errors by human labels: Rogan-Gladen and PPI++."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from math import sqrt
from typing import Final, Literal

import numpy as np
from numpy.typing import ArrayLike

from lmms_eval_cross.stats.agreement import checked_binary
from lmms_eval_cross.stats.clusters import (
    FEWEST_CLUSTERS,
    ROUNDING,
    TOO_FEW_CLUSTERS,
    FloatArray,
    checked_alpha,
    checked_vector,
    t_quantile,
)
from lmms_eval_cross.stats.intervals import wilson_interval
from lmms_eval_cross.stats.weighted import checked_weights, cluster_codes

FEWEST_LABELS: Final = 10
"""Fewer labels of 0 or of 1 than this correct nothing."""
NO_BETTER_THAN_CHANCE: Final = "by these labels the judge may be no better than chance"


@dataclass(frozen=True, slots=True, eq=False)
class Labelled:
    """Answers with a human label and the judge's score."""

    labels: FloatArray
    """Shape (n,), in 0..1: the mean where several people labelled an answer."""
    judged: FloatArray
    """Shape (n,), 0 or 1."""
    clusters: Sequence[Hashable]
    weights: FloatArray
    """Shape (n,), mean 1: inverse drawing probabilities."""

    @classmethod
    def of(
        cls,
        labels: ArrayLike,
        judged: ArrayLike,
        clusters: Sequence[Hashable],
        probabilities: ArrayLike | None = None,
    ) -> Labelled:
        """Check and put together; ValueError for other shapes or values, or fewer than FEWEST_LABELS of a class."""
        truth, scores = checked_vector("labels", labels), checked_binary("judged", judged)
        if not len(truth) == len(scores) == len(clusters):
            raise ValueError(f"labels, judged, clusters differ in length: {len(truth)}, {len(scores)}, {len(clusters)}")
        if min(truth.sum(), (1 - truth).sum()) < FEWEST_LABELS:
            raise ValueError(f"labels must hold {FEWEST_LABELS} of each class, got {truth.sum():g} of {len(truth)}")
        inverse = None if probabilities is None else 1 / np.asarray(probabilities, dtype=np.float64)
        return cls(truth, scores, list(clusters), checked_weights(inverse, len(truth)))


@dataclass(frozen=True, slots=True)
class Corrected:
    """A corrected mean with its two-sided interval, on the scale of the scores."""

    mean: float
    low: float | None
    """None where `reason` says why."""
    high: float | None
    standard_error: float | None
    n: int
    """Answers whose judge scores were corrected."""
    labels: int
    label_clusters: int
    method: Literal["rogan-gladen", "ppi++"]
    power: float | None = None
    """PPI++'s lambda: how far the judge's scores are used."""
    reason: str | None = None


@dataclass(frozen=True, slots=True, eq=False)
class _Clusters:
    """Where the run's answers and the labelled ones lie among all clusters, for sums of influences."""

    run: np.ndarray[tuple[int], np.dtype[np.intp]]
    labelled: np.ndarray[tuple[int], np.dtype[np.intp]]
    label_clusters: int
    """Clusters with a label: they limit what is known."""

    @classmethod
    def of(cls, run: Sequence[Hashable], labelled: Sequence[Hashable]) -> _Clusters:
        codes = cluster_codes([*run, *labelled], len(run) + len(labelled))
        return cls(codes[: len(run)], codes[len(run) :], len(set(labelled)))

    def sums(self, of_run: FloatArray, of_labelled: FloatArray) -> FloatArray:
        """Influences added up by cluster; an answer that is run and labelled counts in both."""
        size = int(max(self.run.max(), self.labelled.max())) + 1
        run = np.bincount(self.run, weights=of_run, minlength=size)
        return np.asarray(run + np.bincount(self.labelled, weights=of_labelled, minlength=size), dtype=np.float64)

    @property
    def factor(self) -> float:
        """The finite-cluster factor C / (C - 1)."""
        return self.label_clusters / (self.label_clusters - 1)


def rogan_gladen(
    judged: ArrayLike, clusters: Sequence[Hashable], labelled: Labelled, alpha: float = 0.05, *, of_run: bool = True
) -> Corrected:
    """Return the mean of `judged`, shape (n,) of 0 and 1, corrected by the judge's sensitivity and specificity.

    (p + specificity - 1) / (sensitivity + specificity - 1): Rogan & Gladen, Am. J. Epidemiology 1978. Unlike
    there both rates are weighted by drawing probability, and the interval is Fieller's (JRSS B 1954) over sums
    by cluster, so that it holds what run and labels have in common. `of_run`: the labelled answers were drawn
    from the run; their weights are then calibrated to its judge rate (Deville & Sarndal, JASA 1992). If not,
    it is assumed that the judge errs on the run as often as on them. ValueError where nothing can be corrected.
    """
    checked_alpha(alpha)
    scores, places = checked_binary("judged", judged), _Clusters.of(clusters, labelled.clusters)
    rate = float(scores.mean())
    weights = _calibrated(labelled, rate) if of_run else labelled.weights
    good, bad = weights * labelled.labels, weights * (1 - labelled.labels)
    hit, false_alarm = _rate(good, labelled.judged), _rate(bad, labelled.judged)
    if abs(hit - false_alarm) < ROUNDING:
        raise ValueError("the judge's sensitivity and specificity add up to 1: nothing can be corrected")
    of_hit = _influence(good, labelled.judged, hit)
    of_false_alarm = _influence(bad, labelled.judged, false_alarm)
    zero, of_rate = np.zeros(len(scores)), (scores - rate) / len(scores)
    parts = [(of_rate, -of_false_alarm), (zero, of_hit - of_false_alarm)]
    if of_run:
        parts = [_told_by_the_run(*part, scores, labelled.judged, weights) for part in parts]
    influences = (places.sums(*parts[0]), places.sums(*parts[1]))
    counts = (len(scores), len(labelled.labels))
    return _fieller((rate - false_alarm, hit - false_alarm), influences, places, counts, alpha)


def _calibrated(labelled: Labelled, rate: float) -> FloatArray:
    """The weights, scaled where the judge says 1 and where it says 0 so that they repeat the run's judge rate."""
    if len(set(labelled.judged)) < 2 or not 0 < rate < 1:
        return labelled.weights
    here = _rate(labelled.weights, labelled.judged)
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


def _rate(weights: FloatArray, judged: FloatArray) -> float:
    return float(weights @ judged / weights.sum())


def _influence(weights: FloatArray, judged: FloatArray, rate: float) -> FloatArray:
    return np.asarray(weights * (judged - rate) / weights.sum(), dtype=np.float64)


def _fieller(
    values: tuple[float, float],
    influences: tuple[FloatArray, FloatArray],
    places: _Clusters,
    counts: tuple[int, int],
    alpha: float,
) -> Corrected:
    """The ratio of `values` with the interval of all ratios that a t test does not refuse."""
    (above, gap), (g, h) = values, influences
    ratio = above / gap
    mean = min(1.0, max(0.0, ratio))
    if places.label_clusters < FEWEST_CLUSTERS:
        return _without(mean, places, counts, "rogan-gladen", TOO_FEW_CLUSTERS)
    square = t_quantile(1 - alpha / 2, places.label_clusters - 1) ** 2 * places.factor
    a = gap**2 - square * float(h @ h)
    b = above * gap - square * float(g @ h)
    c = above**2 - square * float(g @ g)
    if a <= 0 or gap < 0:
        return _without(mean, places, counts, "rogan-gladen", NO_BETTER_THAN_CHANCE)
    root = sqrt(max(0.0, b**2 - a * c))
    error = sqrt(places.factor * float(np.square(g - ratio * h).sum())) / gap
    low, high = (min(1.0, max(0.0, (b + sign * root) / a)) for sign in (-1, 1))
    return Corrected(mean, low, high, error, *counts, places.label_clusters, "rogan-gladen")


def _without(
    mean: float, places: _Clusters, counts: tuple[int, int], method: Literal["rogan-gladen", "ppi++"], reason: str
) -> Corrected:
    return Corrected(mean, None, None, None, *counts, places.label_clusters, method, reason=reason)


def ppi_mean(
    judged: ArrayLike,
    clusters: Sequence[Hashable],
    labelled: Labelled,
    alpha: float = 0.05,
    power: float | None = None,
) -> Corrected:
    """Return the prediction-powered mean: power * mean(judged) + weighted mean of (label - power * judged).

    PPI++ (Angelopoulos, Duchi & Zrnic, arXiv:2311.01453) with the weights of the draw; unlike the paper the
    error is of sums by cluster, the labelled answers may be among the run's, and the interval is Wilson's
    with t quantiles. At clusters of one and apart from the run it is ppi-python's but for C / (C - 1).
    Assumes that the labelled answers were drawn from the run (or a population like it) with the
    probabilities given, and nothing of the judge. `power` None minimises the estimated error within 0..1.
    """
    checked_alpha(alpha)
    scores, places = checked_binary("judged", judged), _Clusters.of(clusters, labelled.clusters)
    counts, shares = (len(scores), len(labelled.labels)), labelled.weights / len(labelled.labels)
    label_mean, judged_mean = float(shares @ labelled.labels), float(shares @ labelled.judged)
    truth = places.sums(np.zeros(len(scores)), shares * (labelled.labels - label_mean))
    of_run = (scores - scores.mean()) / len(scores)
    judge = places.sums(of_run, -shares * (labelled.judged - judged_mean))
    used = best_power(truth, judge) if power is None else power
    mean = min(1.0, max(0.0, label_mean + used * (float(scores.mean()) - judged_mean)))
    if places.label_clusters < FEWEST_CLUSTERS:
        return _without(mean, places, counts, "ppi++", TOO_FEW_CLUSTERS)
    error = sqrt(places.factor * float(np.square(truth + used * judge).sum()))
    low, high = _wilson(mean, error, places.label_clusters, alpha)
    return Corrected(mean, low, high, error, *counts, places.label_clusters, "ppi++", used)


def best_power(truth: FloatArray, judge: FloatArray) -> float:
    """Return the lambda in 0..1 with the least sum of squares of `truth + lambda * judge`, shapes (clusters,)."""
    squares = float(judge @ judge)
    return 0.0 if squares <= ROUNDING**2 else min(1.0, max(0.0, -float(truth @ judge) / squares))


def _wilson(mean: float, error: float, clusters: int, alpha: float) -> tuple[float, float]:
    """Wilson's interval with the effective n of this error, at the edges of the scale with a trial a cluster."""
    spread = mean * (1 - mean)
    effective = float(clusters) if min(spread, error) <= ROUNDING else spread / error**2
    return wilson_interval(mean, effective, t_quantile(1 - alpha / 2, clusters - 1))
