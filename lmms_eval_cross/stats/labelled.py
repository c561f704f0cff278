"""What both corrections of a mean of judge scores stand on: labels, their places among clusters, the result."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass, replace
from math import sqrt
from typing import Final, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lmms_eval_cross.stats.agreement import checked_binary
from lmms_eval_cross.stats.clusters import (
    FEWEST_CLUSTERS,
    FEWEST_VARYING,
    ROUNDING,
    TOO_FEW_CLUSTERS,
    FloatArray,
    checked_vector,
    cluster_codes,
    t_quantile,
)
from lmms_eval_cross.stats.intervals import wilson_interval
from lmms_eval_cross.stats.weighted import inverse_weights

FEWEST_LABELS: Final = 10
"""Fewer labels of 0 or of 1 than this correct nothing."""

Method = Literal["rogan-gladen", "ppi++"]


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
        return cls(truth, scores, list(clusters), inverse_weights(probabilities, len(truth)))


@dataclass(frozen=True, slots=True)
class Corrected:
    """A corrected mean with two two-sided intervals, on the scale of the scores."""

    mean: float
    low: float | None
    """Interval for the rate over norms like these, as everywhere else; None where `reason` says why."""
    high: float | None
    run_low: float | None
    """Interval for the run's mean: what people would say of these very answers. None with labels of other answers."""
    run_high: float | None
    standard_error: float | None
    """Of the mean as the rate over norms like these."""
    n: int
    """Answers whose judge scores were corrected."""
    labels: int
    label_clusters: int
    method: Method
    power: float | None = None
    """PPI++'s lambda: how far the judge's scores are used."""
    reason: str | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Places:
    """Where the run's answers and the labelled ones lie among all clusters, for sums of influences."""

    run: NDArray[np.intp]
    labelled: NDArray[np.intp]

    @classmethod
    def of(cls, run: Sequence[Hashable], labelled: Sequence[Hashable]) -> Places:
        """Number the clusters of both."""
        codes = cluster_codes([*run, *labelled], len(run) + len(labelled))
        return cls(codes[: len(run)], codes[len(run) :])

    def sums(self, of_run: FloatArray, of_labels: FloatArray) -> FloatArray:
        """Influences added up by cluster; an answer that is run and labelled counts in both."""
        size = int(max(self.run.max(), self.labelled.max())) + 1
        run = np.bincount(self.run, weights=of_run, minlength=size)
        return np.asarray(run + np.bincount(self.labelled, weights=of_labels, minlength=size), dtype=np.float64)

    def label_clusters(self, chosen: NDArray[np.bool_] | None = None) -> int:
        """Clusters with a label, or with one of the chosen, shape (labels,): they limit what is known."""
        if chosen is None:
            return len(np.unique(self.labelled))
        return len(np.unique(self.labelled[chosen]))


@dataclass(frozen=True, slots=True, eq=False)
class Linearised:
    """An estimate of the mean, and its influences: what every answer adds to its error."""

    mean: float
    of_run: FloatArray
    """Influences of the run's answers, shape (n,)."""
    of_labels: FloatArray
    """Influences of the labels, shape (labels,)."""
    method: Method
    power: float | None = None
    """PPI++'s lambda."""


@dataclass(frozen=True, slots=True, eq=False)
class LabelledRun:
    """A run's judge scores, and labels of its answers or of others; `corrected` is for labels drawn from it."""

    scores: FloatArray
    """Shape (n,), 0 or 1."""
    labelled: Labelled
    places: Places

    @classmethod
    def of(cls, judged: ArrayLike, clusters: Sequence[Hashable], labelled: Labelled) -> LabelledRun:
        """Check and put together; ValueError for other shapes or values."""
        return cls(checked_binary("judged", judged), labelled, Places.of(clusters, labelled.clusters))

    def corrected(self, estimate: Linearised, weights: FloatArray, alpha: float) -> Corrected:
        """The estimate, cut to 0..1, with its intervals, Wilson's with t quantiles; `weights` of the labels, mean 1."""
        mean, labels = min(1.0, max(0.0, estimate.mean)), len(weights)
        left = unlabelled_shares(weights, len(self.scores))
        unseen = self.unseen(estimate.of_labels, weights, left)
        within = sqrt(finite_factor(labels) * float(left @ np.square(estimate.of_labels)) + unseen)
        run_low = run_high = mean
        if within > ROUNDING:
            run_low, run_high = _wilson(mean, within, labels, alpha)
        without_norms = Corrected(
            mean=mean,
            low=None,
            high=None,
            run_low=run_low,
            run_high=run_high,
            standard_error=None,
            n=len(self.scores),
            labels=labels,
            label_clusters=self.places.label_clusters(),
            method=estimate.method,
            power=estimate.power,
            reason=TOO_FEW_CLUSTERS,
        )
        return self._with_norms(without_norms, estimate, unseen, alpha)

    def _with_norms(self, corrected: Corrected, estimate: Linearised, unseen: float, alpha: float) -> Corrected:
        """With the interval for the rate over norms like these, if there are enough clusters for it."""
        clusters = corrected.label_clusters
        if clusters < FEWEST_CLUSTERS:
            return corrected
        by_cluster = np.square(self.places.sums(estimate.of_run, estimate.of_labels))
        error = sqrt(finite_factor(clusters) * float(by_cluster.sum()) + unseen)
        low, high = _wilson(corrected.mean, error, clusters, alpha)
        return replace(corrected, low=low, high=high, standard_error=error, reason=None)

    def unseen(self, of_labels: FloatArray, weights: FloatArray, left: FloatArray) -> float:
        """Variance that the labels do not show, as they hold too few of the judge's errors among its 0 or its 1."""
        labels, judged, missing = self.labelled.labels, self.labelled.judged, 0.0
        for score in (0, 1):
            here = judged == score
            least = least_variance(int(np.sum(labels[here] != score)), int(here.sum()))
            if least > 0:
                known = np.square(weights[here]) @ left[here] / weights[here].sum() ** 2
                share = float(np.mean(self.scores == score))
                missing += max(0.0, share**2 * float(known) * least - float(left[here] @ np.square(of_labels[here])))
        return missing


def unlabelled_shares(weights: FloatArray, n: int) -> FloatArray:
    """What share of the answers that each label stands for was left unlabelled, shape (labels,), in 0..1.

    A label of weight w (mean 1) stands for w * n / labels of the run's `n` answers, itself among them. That is 1
    minus its drawing probability, if the probabilities fit `n`; Hajek's variance for draws without replacement (Ann.
    Math. Statistics 1964) weights the squares by it.
    """
    return np.clip(1 - len(weights) / (n * weights), 0.0, 1.0)


def finite_factor(units: int) -> float:
    """The finite-sample factor of a variance, n / (n - 1); 1 for a single unit, which has no variance."""
    if units <= 1:
        return 1.0
    return units / (units - 1)


def least_variance(errors: int, cases: int) -> float:
    """Variance that a verdict's being wrong has at least, if so many of the cases were; 0 for many errors or no case.

    Fewer than FEWEST_VARYING errors do not show how much they vary: their rate is then taken as (errors + 1) /
    (cases + 2), Laplace's.
    """
    if errors >= FEWEST_VARYING or not cases:
        return 0.0
    rate = (errors + 1) / (cases + 2)
    return rate * (1 - rate)


def _wilson(mean: float, error: float, units: int, alpha: float) -> tuple[float, float]:
    """Wilson's interval with the effective n of this error; at the edges of the scale with a trial a unit."""
    spread, effective = mean * (1 - mean), float(units)
    if min(spread, error) > ROUNDING:
        effective = spread / error**2
    low, high = wilson_interval(mean, effective, t_quantile(1 - alpha / 2, units - 1))
    return min(low, mean), max(high, mean)
