"""How much of a variance lies between clusters, between the parts of a cluster, and within those."""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lmms_eval_cross.stats.clusters import ROUNDING, FloatArray, checked_vector, cluster_codes


@dataclass(frozen=True, slots=True)
class NestedVariance:
    """Components of a variance, on the squared scale of the values; a negative estimate counts as 0."""

    cluster: float
    part: float
    rest: float


def intraclass_correlation(scores: ArrayLike, clusters: Iterable[Hashable]) -> float | None:
    """Return the share of the variance of `scores`, shape (n,) in 0..1, that lies between clusters; in 0..1.

    By analysis of variance, (MSB - MSW) / (MSB + (n0 - 1) MSW), with n0 = (n - sum n_c^2 / n) / (C - 1) for unequal
    clusters (Donner, Int. Statistical Review 1986); below 0 it counts as 0. None where it can't be estimated: fewer
    than two clusters, no cluster of two, or no variance.
    """
    values = checked_vector("scores", scores)
    groups = _Groups(cluster_codes(list(clusters), len(values)), values)
    n, count = len(values), len(groups.sizes)
    if count < 2 or n <= count:
        return None
    between = groups.spread_around(values.mean()) / (count - 1)
    within = groups.spread_within / (n - count)
    typical = (n - float(np.square(groups.sizes).sum()) / n) / (count - 1)
    spread = between + (typical - 1) * within
    if spread <= ROUNDING:
        return None
    return min(1.0, max(0.0, (between - within) / spread))


def nested_variance(
    values: ArrayLike, clusters: Iterable[Hashable], parts: Iterable[Hashable]
) -> NestedVariance | None:
    """Return the components of the variance of `values`, shape (n,) in -1..1: clusters, parts of clusters, the rest.

    By analysis of variance of unbalanced nested classes (Searle, Casella & McCulloch, Variance Components, 1992); each
    mean square is set equal to its expectation, from the rest upwards. A part belongs to one cluster. None where there
    are fewer than two clusters, no more parts than clusters, or no more values than parts.
    """
    given = checked_vector("values", values, low=-1.0)
    of_clusters = _Groups(cluster_codes(list(clusters), len(given)), given)
    of_parts = _Groups(cluster_codes(list(parts), len(given)), given)
    n, a, b = len(given), len(of_clusters.sizes), len(of_parts.sizes)
    if a < 2 or b <= a or n <= b:
        return None
    rest = of_parts.spread_within / (n - b)
    cluster_of = np.zeros(b, dtype=np.intp)
    cluster_of[of_parts.codes] = of_clusters.codes
    squares = np.bincount(cluster_of, weights=np.square(of_parts.sizes)) / of_clusters.sizes
    between_parts = (of_clusters.spread_within - of_parts.spread_within) / (b - a)
    part = max(0.0, (between_parts - rest) * (b - a) / (n - float(squares.sum())))
    in_cluster = (float(squares.sum()) - float(np.square(of_parts.sizes).sum()) / n) / (a - 1)
    of_cluster = (n - float(np.square(of_clusters.sizes).sum()) / n) / (a - 1)
    between = of_clusters.spread_around(given.mean()) / (a - 1)
    return NestedVariance(max(0.0, (between - rest - in_cluster * part) / of_cluster), part, rest)


class _Groups:
    """Values in groups."""

    def __init__(self, codes: NDArray[np.intp], values: FloatArray) -> None:
        self.codes = codes
        self.sizes = np.bincount(codes).astype(np.float64)
        self._means = np.bincount(codes, weights=values) / self.sizes
        self.spread_within = float(np.square(values - self._means[codes]).sum())
        """Sum of squares of the values around their group's mean."""

    def spread_around(self, mean: float) -> float:
        """Sum of squares of the groups' means around a mean, each as often as it has values."""
        return float(self.sizes @ np.square(self._means - mean))
