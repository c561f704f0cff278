"""Weighted means by cluster: for samples that were drawn with known, unequal probabilities."""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from lmms_eval_cross.stats.clusters import (
    FEWEST_CLUSTERS,
    TOO_FEW_CLUSTERS,
    ClusterSums,
    FloatArray,
    checked_alpha,
    checked_vector,
    cluster_codes,
)
from lmms_eval_cross.stats.paired import bounds, robust_error


@dataclass(frozen=True, slots=True)
class Shift:
    """A weighted mean difference with its two-sided interval, on the scale of the scores."""

    difference: float
    low: float | None
    """None where `reason` says why."""
    high: float | None
    standard_error: float | None
    n: int
    clusters: int
    reason: str | None = None


def score_shift(
    reference: ArrayLike,
    other: ArrayLike,
    clusters: Iterable[Hashable],
    weights: ArrayLike | None = None,
    alpha: float = 0.05,
) -> Shift:
    """Return the weighted mean of `other - reference`, both of shape (n,) in 0..1, with a clustered interval.

    `weights` are inverse drawing probabilities (Hajek's ratio estimator, linearised: Sarndal, Swensson &
    Wretman, Model Assisted Survey Sampling, 1992); without them it is `paired_difference`'s interval.
    """
    checked_alpha(alpha)
    before, after = checked_vector("reference", reference), checked_vector("other", other)
    if len(before) != len(after):
        raise ValueError(f"other must have one score per reference score, got {len(after)} for {len(before)}")
    sums = weighted_sums(after - before, checked_weights(weights, len(before)), clusters)
    if sums.count < FEWEST_CLUSTERS:
        return Shift(sums.mean, None, None, None, len(before), sums.count, TOO_FEW_CLUSTERS)
    error = robust_error(sums, alpha)
    low, high = bounds(sums.mean, sums.count, error, alpha / 2)
    return Shift(sums.mean, low, high, error, len(before), sums.count)


def checked_weights(weights: ArrayLike | None, n: int) -> FloatArray:
    """Return weights with mean 1, shape (n,); ones for None; ValueError unless all are finite and above 0."""
    if weights is None:
        return np.ones(n)
    given = np.asarray(weights, dtype=np.float64)
    if given.shape != (n,):
        raise ValueError(f"weights must have shape ({n},), got {given.shape}")
    if not (np.isfinite(given) & (given > 0)).all():
        raise ValueError("weights must be finite and above 0")
    return np.asarray(given / given.mean(), dtype=np.float64)


def inverse_weights(probabilities: ArrayLike | None, n: int) -> FloatArray:
    """Return `checked_weights` from drawing probabilities, shape (n,); ones for None."""
    if probabilities is None:
        return np.ones(n)
    return checked_weights(1 / np.asarray(probabilities, dtype=np.float64), n)


def weighted_sums(values: FloatArray, weights: FloatArray, clusters: Iterable[Hashable]) -> ClusterSums:
    """Add up weighted values by cluster; a cluster's size is the sum of its weights, which have mean 1."""
    codes = cluster_codes(list(clusters), len(values))
    totals = np.bincount(codes, weights=values * weights).astype(np.float64)
    return ClusterSums(totals, np.bincount(codes, weights=weights).astype(np.float64))
