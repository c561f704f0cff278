"""Checked scores and their sums by cluster: the ground that the other modules stand on."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lmms_eval_cross.stats.late import special

FloatArray = NDArray[np.float64]

FEWEST_CLUSTERS = 5
"""Below this many clusters no interval is given: the slice is too small."""

FEWEST_VARYING = 3
"""Below this many clusters that differ from the rest, their spread is not estimated but bounded."""

TOO_FEW_CLUSTERS = "too few clusters"

ROUNDING = 1e-12
"""What is smaller than this is rounding error of a sum, not spread."""


@dataclass(frozen=True, eq=False)
class ClusterSums:
    """Values added up by cluster, in an order that does not depend on the order of the samples.

    What is made of them is asked for several times, and reckoned once.
    """

    totals: FloatArray
    """Sum of the values of each cluster, shape (clusters,)."""
    sizes: FloatArray
    """Number of samples of each cluster, shape (clusters,)."""

    @cached_property
    def n(self) -> int:
        """Samples in all clusters."""
        return round(float(self.sizes.sum()))

    @property
    def count(self) -> int:
        """Number of clusters, C."""
        return len(self.sizes)

    @cached_property
    def mean(self) -> float:
        """Mean over samples (not over clusters): a norm with more samples weighs more."""
        return float(self.totals.sum() / self.sizes.sum())

    @cached_property
    def residuals(self) -> FloatArray:
        """What each cluster's total is above `size * mean`, shape (clusters,)."""
        return self.totals - self.sizes * self.mean

    @property
    def effective_count(self) -> float:
        """Equal clusters that weigh as much as these unequal ones; Kish, Survey Sampling (1965)."""
        return float(self.sizes.sum() ** 2 / np.square(self.sizes).sum())

    @cached_property
    def standard_error(self) -> float:
        """Cluster-robust standard error of the mean, on the scale of the values.

        Miller, arXiv:2411.00640, eq. 4, times sqrt(C / (C - 1)), unlike the paper: without that
        finite-cluster factor (Cameron & Miller, J. Human Resources 2015) it is too small.
        """
        squares = float(np.square(self.residuals).sum())
        return float(np.sqrt(squares * self.count / (self.count - 1)) / self.n)


def sum_by_cluster(values: FloatArray, clusters: Iterable[Hashable]) -> ClusterSums:
    """Add up `values`, shape (n,), by their clusters, n hashables; ValueError if the lengths differ."""
    codes = cluster_codes(list(clusters), len(values))
    totals = np.bincount(codes, weights=values).astype(np.float64)
    sizes = np.bincount(codes).astype(np.float64)
    order = np.lexsort((totals, sizes))
    return ClusterSums(totals[order], sizes[order])


def cluster_codes(labels: Sequence[Hashable], n: int) -> NDArray[np.intp]:
    """Return the number of each sample's cluster, shape (n,); ValueError if there are not n labels."""
    if len(labels) != n:
        raise ValueError(f"clusters must name one cluster per score, got {len(labels)} for {n} scores")
    numbers = dict(zip(dict.fromkeys(labels), range(n), strict=False))
    return np.fromiter(map(numbers.__getitem__, labels), dtype=np.intp, count=n)


def checked_scores(name: str, values: ArrayLike, *, low: float = 0.0, failures: bool = False) -> FloatArray:
    """Return `values` as floats; ValueError unless there are some, all in low..1 (or NaN where `failures`)."""
    scores = np.asarray(values, dtype=np.float64)
    if scores.size == 0:
        raise ValueError(f"{name} must hold at least one score, got none")
    allowed = ((scores >= low) & (scores <= 1)) | (np.isnan(scores) & failures)
    if not allowed.all():
        rule = f"{low:g}..1"
        if failures:
            rule += ", or NaN for a failure"
        raise ValueError(f"{name} must be scores in {rule}, got {scores[~allowed][0]:g}")
    return scores


def checked_vector(name: str, values: ArrayLike, *, low: float = 0.0) -> FloatArray:
    """Return `checked_scores` of shape (n,); ValueError for another shape."""
    scores = checked_scores(name, values, low=low)
    if scores.ndim != 1:
        raise ValueError(f"{name} must have one score per sample, got shape {scores.shape}")
    return scores


def checked_alpha(alpha: float) -> float:
    """Return `alpha`; ValueError unless 0 < alpha < 0.5."""
    if not 0 < alpha < 0.5:
        raise ValueError(f"alpha must be between 0 and 0.5, got {alpha:g}")
    return alpha


def average_rounds(scores: ArrayLike) -> FloatArray:
    """Mean over rounds, ignoring failures: shape (n,) or (n, rounds) -> (n,), scores in 0..1.

    NaN marks a failed verdict; a sample without any verdict stays NaN.
    """
    return mean_of_rounds(as_rounds("scores", scores))


def mean_of_rounds(rounds: FloatArray) -> FloatArray:
    """`average_rounds` of checked scores of shape (n, rounds)."""
    scored = ~np.isnan(rounds)
    counts = scored.sum(axis=1)
    totals = np.where(scored, rounds, 0.0).sum(axis=1)
    return np.where(counts > 0, totals / np.maximum(counts, 1), np.nan)


def as_rounds(name: str, scores: ArrayLike) -> FloatArray:
    """Return scores of shape (n,) or (n, rounds) as (n, rounds); NaN is a failure."""
    checked = checked_scores(name, scores, failures=True)
    if checked.ndim not in (1, 2):
        raise ValueError(f"{name} must have shape (samples,) or (samples, rounds), got {checked.shape}")
    return checked.reshape(len(checked), -1)


def t_quantile(probability: float, degrees_of_freedom: float) -> float:
    """Quantile of Student's t."""
    return float(special().stdtrit(degrees_of_freedom, probability))


def t_upper_tail(statistic: float, degrees_of_freedom: float) -> float:
    """P(T > statistic) for Student's t."""
    return float(special().stdtr(degrees_of_freedom, -statistic))


def fair_coin_tail(heads: int, tosses: int) -> float:
    """P(at most `heads` heads in so many tosses of a fair coin)."""
    return float(special().bdtr(heads, tosses, 0.5))
