"""A run judged by a new judge against a baseline judged by an old one, over answers that both judged."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass
from math import sqrt
from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lmms_eval_cross.stats.agreement import checked_binary
from lmms_eval_cross.stats.clusters import (
    FEWEST_CLUSTERS,
    FEWEST_VARYING,
    FloatArray,
    as_rounds,
    average_rounds,
    checked_alpha,
    cluster_codes,
    t_quantile,
)
from lmms_eval_cross.stats.decisions import FailureBounds
from lmms_eval_cross.stats.paired import PairedDifference, describe, with_counts
from lmms_eval_cross.stats.weighted import inverse_weights, weighted_sums

FEWEST_ANSWERS: Final = 10
"""Fewer answers that the old judge scores 0, or 1, than this bridge nothing."""


@dataclass(frozen=True, slots=True, eq=False)
class Bridge:
    """How the new judge scores what the old one scores 1, and what it scores 0, on one dimension."""

    old: FloatArray
    """Shape (n,), 0 or 1."""
    new: FloatArray
    clusters: Sequence[Hashable]
    weights: FloatArray
    """Shape (n,), mean 1: inverse drawing probabilities."""

    @classmethod
    def of(
        cls, old: ArrayLike, new: ArrayLike, clusters: Sequence[Hashable], probabilities: ArrayLike | None = None
    ) -> Bridge:
        """Check and put together; ValueError for other shapes or values, or fewer than FEWEST_ANSWERS of a class."""
        before, after = checked_binary("old", old), checked_binary("new", new)
        if not len(before) == len(after) == len(clusters):
            raise ValueError(f"old, new and clusters differ in length: {len(before)}, {len(after)}, {len(clusters)}")
        if min(before.sum(), (1 - before).sum()) < FEWEST_ANSWERS:
            raise ValueError(f"old must hold {FEWEST_ANSWERS} of each score, got {before.sum():g} of {len(before)}")
        return cls(before, after, list(clusters), inverse_weights(probabilities, len(before)))

    def rate(self, score: int) -> float:
        """Share of 1 by the new judge where the old one gives `score`."""
        weights = self.weights * (self.old == score)
        return min(1.0, float(weights @ self.new / weights.sum()))  # a sum of floats may pass the 1 that it stands for

    def scores(self, old: FloatArray) -> FloatArray:
        """Old scores as the new judge would give them on average; NaN stays."""
        return np.asarray(self.rate(0) * (1 - old) + self.rate(1) * old, dtype=np.float64)

    def influence(self, ones: float, zeros: float) -> FloatArray:
        """What each answer adds to the error of `ones * rate(1) + zeros * rate(0)`, shape (n,)."""
        influence = np.zeros(len(self.old))
        for score, share in ((1, ones), (0, zeros)):
            weights = self.weights * (self.old == score)
            influence += share * weights * (self.new - self.rate(score)) / weights.sum()
        return influence

    @property
    def least_error(self) -> float:
        """The error of a disagreement too rare to be seen, where the judges differ in too few clusters; else 0.

        As `robust_error`: what strikes a share p of C clusters stays unseen with probability (1 - p)**C, here
        solved for 5% and taken as 1.96 errors.
        """
        moved = {name for name, x, y in zip(self.clusters, self.old, self.new, strict=True) if x != y}
        if len(moved) >= FEWEST_VARYING:
            return 0.0
        effective = weighted_sums(np.zeros(len(self.old)), self.weights, self.clusters).effective_count
        return float((1 - 0.05 ** (1 / effective)) / 1.96)


def bridged_difference(
    baseline: ArrayLike,
    candidate: ArrayLike,
    clusters: Iterable[Hashable],
    bridge: Bridge,
    alpha: float = 0.05,
    fill: tuple[float, float] | None = None,
) -> PairedDifference:
    """Return candidate minus baseline on the new judge's scale, with the bridge's error in the bounds.

    `baseline` holds the old judge's scores, `candidate` the new one's, each of shape (n,) or (n, rounds), 0 or 1,
    NaN for a failure; failures count as `fill` = (baseline, candidate), and without it samples with a side that
    failed throughout are left out (ValueError if none stays). Each old score becomes what the new judge gave on
    average to bridge answers with that score: a post-stratified estimate (Holt & Smith, JRSS A 1979), unbiased
    where the bridge was drawn from the baseline's run. Over another model's answers it is off by points even where the
    judges err at constant rates, as what an old 0 or 1 hides depends on how often the model is right. Errors are of
    sums by cluster over runs and bridge, with t quantiles of the fewer clusters. The counts of single samples go by the
    likelier new score, and McNemar's p by them.
    """
    checked_alpha(alpha)
    old, new, labels = _complete(as_rounds("baseline", baseline), as_rounds("candidate", candidate), clusters, fill)
    mapped = bridge.scores(old)
    if fill is not None:
        mapped, new = np.where(np.isnan(old), fill[0], mapped), np.where(np.isnan(new), fill[1], new)
    before, after = average_rounds(mapped), average_rounds(new)
    sums = weighted_sums(after - before, np.ones(len(before)), labels)
    ones, zeros = _reliance(old, fill is not None)
    influence = _by_cluster(labels, (after - before - sums.mean) / len(before), bridge, ones, zeros)
    error = _error(influence, sums.count, bridge, alpha)
    return _with_likelier_counts(describe(before, after, sums, error, alpha), before, after)


def _error(influence: FloatArray, run_clusters: int, bridge: Bridge, alpha: float) -> float | None:
    """The difference's standard error; None with too few clusters.

    Stretched so that bounds with t quantiles of the run's clusters are those of the fewer clusters.
    """
    fewer = min(run_clusters, len(set(bridge.clusters)))
    if fewer < FEWEST_CLUSTERS:
        return None
    error = sqrt(fewer / (fewer - 1) * float(influence @ influence) + bridge.least_error**2)
    stretch = t_quantile(1 - alpha / 2, fewer - 1) / t_quantile(1 - alpha / 2, run_clusters - 1)
    return error * stretch


def bridged_bounds(
    baseline: ArrayLike, candidate: ArrayLike, clusters: Iterable[Hashable], bridge: Bridge, alpha: float = 0.05
) -> FailureBounds:
    """Return what `bounds_with_failures` returns, over a bridge; arguments as for `bridged_difference`."""
    old, new, labels = as_rounds("baseline", baseline), as_rounds("candidate", candidate), list(clusters)
    complete = None
    if _scored_on_both(old, new).any():
        complete = bridged_difference(old, new, labels, bridge, alpha)
    return FailureBounds(
        complete=complete,
        against=bridged_difference(old, new, labels, bridge, alpha, fill=(1.0, 0.0)),
        in_favour=bridged_difference(old, new, labels, bridge, alpha, fill=(0.0, 1.0)),
        baseline_failures=int(np.isnan(old).sum()),
        candidate_failures=int(np.isnan(new).sum()),
    )


def _complete(
    old: FloatArray, new: FloatArray, clusters: Iterable[Hashable], fill: tuple[float, float] | None
) -> tuple[FloatArray, FloatArray, list[Hashable]]:
    """Both sides and the clusters, without samples that failed on a side unless failures are filled."""
    labels = list(clusters)
    if not len(old) == len(new) == len(labels):
        raise ValueError(f"baseline, candidate, clusters differ in length: {len(old)}, {len(new)}, {len(labels)}")
    if fill is not None:
        return old, new, labels
    scored = np.flatnonzero(_scored_on_both(old, new))
    if len(scored) == 0:
        raise ValueError("no sample has a score on both sides")
    return old[scored], new[scored], [labels[i] for i in scored]


def _scored_on_both(old: FloatArray, new: FloatArray) -> NDArray[np.bool_]:
    """Samples with a score in some round of each side, shape (n,)."""
    return np.asarray(~np.isnan(old).all(axis=1) & ~np.isnan(new).all(axis=1))


def _reliance(old: FloatArray, filled: bool) -> tuple[float, float]:
    """How much of the baseline's mean hangs on each of the bridge's rates: shares of 1 and of 0."""
    scored = np.isfinite(old)
    rounds = scored.sum(axis=1)
    if filled:
        rounds = np.full(len(old), old.shape[1])
    ones = np.where(scored, old, 0.0).sum(axis=1) / rounds
    zeros = np.where(scored, 1 - old, 0.0).sum(axis=1) / rounds
    return float(ones.mean()), float(zeros.mean())


def _by_cluster(labels: list[Hashable], run: FloatArray, bridge: Bridge, ones: float, zeros: float) -> FloatArray:
    """Influences on the difference, added up by cluster over runs and bridge."""
    codes = cluster_codes([*labels, *bridge.clusters], len(labels) + len(bridge.clusters))
    return np.bincount(codes, weights=np.concatenate([run, -bridge.influence(ones, zeros)])).astype(np.float64)


def _with_likelier_counts(difference: PairedDifference, before: FloatArray, after: FloatArray) -> PairedDifference:
    """The counts of samples that one side alone gets right, taking the likelier score of each."""
    first, second = before >= 0.5, after >= 0.5
    return with_counts(difference, int(np.sum(first & ~second)), int(np.sum(~first & second)))
