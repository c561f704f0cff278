"""What both corrections of a mean of judge scores stand on: labels, their places among clusters, the result."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lmms_eval_cross.stats.agreement import checked_binary
from lmms_eval_cross.stats.clusters import FEWEST_VARYING, FloatArray, checked_vector
from lmms_eval_cross.stats.weighted import checked_weights, cluster_codes

FEWEST_LABELS: Final = 10
"""Fewer labels of 0 or of 1 than this correct nothing."""

Ends = tuple[float, float] | tuple[None, None]
"""Low and high, or that there is no interval."""
NO_ENDS: Final = (None, None)


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
    """A corrected mean with two two-sided intervals, on the scale of the scores."""

    mean: float
    low: float | None
    """Interval for the rate over norms like these, as everywhere else; None where `reason` says why."""
    high: float | None
    run_low: float | None
    """Interval for the run's mean: what people would say of these very answers. None where the labels are of others."""
    run_high: float | None
    standard_error: float | None
    """Of the mean as the rate over norms like these."""
    n: int
    """Answers whose judge scores were corrected."""
    labels: int
    label_clusters: int
    method: Literal["rogan-gladen", "ppi++"]
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

    def sums(self, of_run: FloatArray, of_labelled: FloatArray) -> FloatArray:
        """Influences added up by cluster; an answer that is run and labelled counts in both."""
        size = int(max(self.run.max(), self.labelled.max())) + 1
        run = np.bincount(self.run, weights=of_run, minlength=size)
        return np.asarray(run + np.bincount(self.labelled, weights=of_labelled, minlength=size), dtype=np.float64)

    def label_clusters(self, chosen: NDArray[np.bool_] | None = None) -> int:
        """Clusters with a label, or with one of the chosen, shape (labels,): they limit what is known."""
        return len(np.unique(self.labelled if chosen is None else self.labelled[chosen]))


def unlabelled_shares(weights: FloatArray, n: int) -> FloatArray:
    """What share of the answers that each label stands for was left unlabelled, shape (labels,), in 0..1.

    A label of weight w (mean 1) stands for w * n / labels of the run's `n` answers, itself among them: 1 minus its
    drawing probability, Hajek's variance (Ann. Math. Statistics 1964) for draws without replacement.
    """
    return np.clip(1 - len(weights) / (n * weights), 0.0, 1.0)


def finite_factor(units: int) -> float:
    """The finite-sample factor of a variance."""
    return units / (units - 1)


def least_variance(errors: int, cases: int) -> float:
    """Variance that a judge's error rate has at least where `errors` were seen in so many cases; 0 for many errors.

    Fewer than FEWEST_VARYING errors do not show how much they vary: the rate is then taken as (errors + 1) /
    (cases + 2), Laplace's.
    """
    if errors >= FEWEST_VARYING:
        return 0.0
    rate = (errors + 1) / (cases + 2)
    return rate * (1 - rate) / cases
