"""Intervals for one mean: Wilson's with a cluster-robust error, and the cluster bootstrap beside it."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass, replace
from math import sqrt
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from lmms_eval_cross.stats.clusters import (
    FEWEST_CLUSTERS,
    FEWEST_VARYING,
    ROUNDING,
    TOO_FEW_CLUSTERS,
    ClusterSums,
    FloatArray,
    as_rounds,
    average_rounds,
    checked_alpha,
    checked_vector,
    sum_by_cluster,
    t_quantile,
)

RESAMPLES_AT_ONCE = 1_000
"""Bounds the memory of the bootstrap; the draws do not depend on it."""


@dataclass(frozen=True, slots=True)
class Interval:
    """A mean with its interval, on the scale of the scores."""

    mean: float
    low: float | None
    """None where the interval cannot be had; `reason` says why."""
    high: float | None
    standard_error: float | None
    n: int
    """Samples."""
    clusters: int
    method: Literal["wilson", "bootstrap", "none"]
    reason: str | None = None


def mean_interval(scores: ArrayLike, clusters: Iterable[Hashable], alpha: float = 0.05) -> Interval:
    """Return the mean of `scores` with a two-sided 1 - alpha interval that respects clusters.

    `scores` has shape (n,), in 0..1; `clusters` names the cluster of each. ValueError otherwise.
    The standard error is cluster-robust (Miller, arXiv:2411.00640, eq. 4, with the finite-cluster
    factor C / (C - 1), unlike the paper). The interval is Wilson's (JASA 1927) with the effective n,
    mean * (1 - mean) / error**2, and t quantiles with C - 1 degrees of freedom, unlike the paper's
    mean +- 1.96 errors, which miss too often near 0 and 1 and leave the scale (cf. Dean & Pagano,
    J. Survey Statistics and Methodology 2015; Franco et al., same journal, 2019).
    """
    checked_alpha(alpha)
    sums = sum_by_cluster(checked_vector("scores", scores), clusters)
    if sums.count < FEWEST_CLUSTERS:
        return no_interval(sums)
    quantile = t_quantile(1 - alpha / 2, sums.count - 1)
    low, high = wilson_interval(sums.mean, effective_n(sums), quantile)
    return Interval(sums.mean, low, high, sums.standard_error, sums.n, sums.count, "wilson")


def interval_over_fillings(scores: ArrayLike, clusters: Iterable[Hashable], alpha: float = 0.05) -> Interval:
    """Return the mean of the scores that are there, with an interval that holds whatever the missing ones are.

    `scores` has shape (n,) or (n, rounds), in 0..1 or NaN for a missing one; ValueError otherwise, or where all are
    missing. A sample's score is its mean over the rounds that have one; each round is filled by itself. The interval
    runs from the low end with every missing score a 0 to the high end with every one a 1: Manski's bounds (AER 1990)
    with `mean_interval` around each. With none missing it is `mean_interval`.
    """
    rounds, labels = as_rounds("scores", scores), list(clusters)
    values = average_rounds(rounds)
    scored = np.flatnonzero(~np.isnan(values))
    found = mean_interval(values[scored], [labels[i] for i in scored], alpha)
    if not np.isnan(rounds).any():
        return found
    worst = mean_interval(np.nan_to_num(rounds, nan=0.0).mean(axis=1), labels, alpha)
    best = mean_interval(np.nan_to_num(rounds, nan=1.0).mean(axis=1), labels, alpha)
    return replace(found, low=worst.low, high=best.high, method=worst.method, reason=worst.reason)


def no_interval(sums: ClusterSums) -> Interval:
    """Return the bare mean of a slice too small for an interval."""
    return Interval(sums.mean, None, None, None, sums.n, sums.count, "none", TOO_FEW_CLUSTERS)


def effective_n(sums: ClusterSums) -> float:
    """Independent 0/1 scores that would tell as much about the mean as these clustered ones: n / design effect.

    Where fewer than FEWEST_VARYING clusters depart from all-0 or all-1, or the robust error is 0, the design
    effect can't be estimated: each cluster then counts as one score at most (Kish's effective clusters).
    """
    variance = sums.standard_error**2
    if variance <= ROUNDING**2:
        return sums.effective_count
    effective = sums.mean * (1 - sums.mean) / variance
    above_0 = np.count_nonzero(sums.totals > ROUNDING)
    below_1 = np.count_nonzero(sums.totals < sums.sizes - ROUNDING)
    if min(above_0, below_1) < FEWEST_VARYING:
        return min(effective, sums.effective_count)
    return effective


def wilson_interval(proportion: float, n: float, quantile: float) -> tuple[float, float]:
    """Return Wilson's interval (JASA 1927) for `proportion` of `n` trials; `quantile` is 1.96 for 95%.

    `n` may be fractional (an effective n). ValueError unless 0 <= proportion <= 1 and n > 0.
    """
    if not 0 <= proportion <= 1:
        raise ValueError(f"proportion must be in 0..1, got {proportion:g}")
    if not n > 0:
        raise ValueError(f"n must be > 0, got {n:g}")
    square = quantile**2
    middle = (proportion + square / (2 * n)) / (1 + square / n)
    half = quantile * sqrt(proportion * (1 - proportion) / n + square / (4 * n**2)) / (1 + square / n)
    return max(0.0, middle - half), min(1.0, middle + half)


def cluster_bootstrap(
    values: ArrayLike, clusters: Iterable[Hashable], resamples: int = 10_000, seed: int = 0, alpha: float = 0.05
) -> Interval:
    """Return the mean with a percentile interval over resampled clusters: a second opinion, no model.

    `values` has shape (n,), scores in 0..1 or paired differences in -1..1; ValueError otherwise. Whole
    clusters are drawn with replacement (Davison & Hinkley, Bootstrap Methods and their Application, 1997);
    the same seed gives the same interval, whatever the order of the samples.
    """
    return cluster_bootstraps({"": (values, clusters)}, resamples, seed, alpha)[""]


def cluster_bootstraps(
    samples: Mapping[str, tuple[ArrayLike, Iterable[Hashable]]],
    resamples: int = 10_000,
    seed: int = 0,
    alpha: float = 0.05,
) -> dict[str, Interval]:
    """Return `cluster_bootstrap` of several values, each with its clusters, in less than half the time.

    Of those that have as many clusters the same are drawn once for all, as the seed would draw them for each.
    """
    checked_alpha(alpha)
    if resamples < 100:
        raise ValueError(f"resamples must be >= 100, got {resamples}")
    sums: dict[str, ClusterSums] = {}
    for name, (values, clusters) in samples.items():
        sums[name] = sum_by_cluster(checked_vector("values", values, low=-1.0), clusters)
    intervals = {name: no_interval(one) for name, one in sums.items()}
    for count in {one.count for one in sums.values() if one.count >= FEWEST_CLUSTERS}:
        alike = {name: one for name, one in sums.items() if one.count == count}
        for name, means in resampled_means(alike, resamples, seed).items():
            intervals[name] = _percentiles(sums[name], means, alpha)
    return intervals


def _percentiles(sums: ClusterSums, means: FloatArray, alpha: float) -> Interval:
    low, high = np.quantile(means, [alpha / 2, 1 - alpha / 2])
    error = float(means.std(ddof=1))
    return Interval(sums.mean, float(low), float(high), error, sums.n, sums.count, "bootstrap")


def resampled_means(alike: Mapping[str, ClusterSums], resamples: int, seed: int) -> dict[str, FloatArray]:
    """Return the mean of each resample, shape (resamples,), of sums with the same number of clusters."""
    generator = np.random.default_rng(seed)
    count = next(iter(alike.values())).count
    means = {name: np.empty(resamples) for name in alike}
    for start in range(0, resamples, RESAMPLES_AT_ONCE):
        chunk = slice(start, min(start + RESAMPLES_AT_ONCE, resamples))
        drawn = generator.integers(count, size=(chunk.stop - start, count))
        for name, sums in alike.items():
            means[name][chunk] = sums.totals.take(drawn).sum(axis=1) / sums.sizes.take(drawn).sum(axis=1)
    return means
