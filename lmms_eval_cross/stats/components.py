"""How much of a variance lies between clusters."""

from __future__ import annotations

from collections.abc import Hashable, Iterable

import numpy as np
from numpy.typing import ArrayLike

from lmms_eval_cross.stats.clusters import ROUNDING, checked_vector, cluster_codes


def intraclass_correlation(scores: ArrayLike, clusters: Iterable[Hashable]) -> float | None:
    """Return the share of the variance of `scores`, shape (n,) in 0..1, that lies between clusters; in 0..1.

    By analysis of variance, (MSB - MSW) / (MSB + (n0 - 1) MSW), with n0 = (n - sum n_c^2 / n) / (C - 1) for unequal
    clusters (Donner, Int. Statistical Review 1986); below 0 it counts as 0. None where it can't be estimated: fewer
    than two clusters, no cluster of two, or no variance.
    """
    values = checked_vector("scores", scores)
    codes = cluster_codes(list(clusters), len(values))
    sizes = np.bincount(codes).astype(np.float64)
    n, count = len(values), len(sizes)
    if count < 2 or n <= count:
        return None
    means = np.bincount(codes, weights=values) / sizes
    between = float(sizes @ np.square(means - values.mean())) / (count - 1)
    within = float(np.square(values - means[codes]).sum()) / (n - count)
    typical = (n - float(np.square(sizes).sum()) / n) / (count - 1)
    spread = between + (typical - 1) * within
    if spread <= ROUNDING:
        return None
    return min(1.0, max(0.0, (between - within) / spread))
