"""A mean of judge scores corrected by what people say of some answers: prediction-powered inference, PPI++."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from math import sqrt

import numpy as np
from numpy.typing import ArrayLike

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
from lmms_eval_cross.stats.intervals import wilson_interval


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
    with t quantiles. At clusters of one and apart from the run it is ppi-python's but for C / (C - 1). The
    interval for the run's mean is over single labels, as far as they stand for unlabelled answers.
    Assumes that the labelled answers were drawn from the run (or, but for the run's mean, from a population like
    it) with the probabilities given, and nothing of the judge. `power` None minimises the estimated error in 0..1.
    """
    checked_alpha(alpha)
    scores, places = checked_binary("judged", judged), Places.of(clusters, labelled.clusters)
    n, units, shares = len(labelled.labels), places.label_clusters(), labelled.weights / len(labelled.labels)
    label_mean, judged_mean = float(shares @ labelled.labels), float(shares @ labelled.judged)
    of_truth, of_judge = shares * (labelled.labels - label_mean), -shares * (labelled.judged - judged_mean)
    truth = places.sums(np.zeros(len(scores)), of_truth)
    judge = places.sums((scores - scores.mean()) / len(scores), of_judge)
    used = best_power(truth, judge) if power is None else power
    mean = min(1.0, max(0.0, label_mean + used * (float(scores.mean()) - judged_mean)))
    left = unlabelled_shares(labelled.weights, len(scores))
    seen = finite_factor(n) * float(left @ np.square(of_truth + used * of_judge))
    errors = int(np.sum(labelled.labels != labelled.judged))
    unseen = max(0.0, float(left.mean()) * least_variance(errors, n) - seen)
    enough = units >= FEWEST_CLUSTERS
    error = sqrt(finite_factor(units) * float(np.square(truth + used * judge).sum()) + unseen) if enough else None
    low, high = NO_ENDS if error is None else _wilson(mean, error, units, alpha)
    left_error = sqrt(seen + unseen)
    run_low, run_high = (mean, mean) if left_error <= ROUNDING else _wilson(mean, left_error, n, alpha)
    return Corrected(
        mean=mean,
        low=low,
        high=high,
        run_low=run_low,
        run_high=run_high,
        standard_error=error,
        n=len(scores),
        labels=n,
        label_clusters=units,
        method="ppi++",
        power=used,
        reason=None if enough else TOO_FEW_CLUSTERS,
    )


def best_power(truth: FloatArray, judge: FloatArray) -> float:
    """Return the lambda in 0..1 with the least sum of squares of `truth + lambda * judge`, shapes (clusters,)."""
    squares = float(judge @ judge)
    return 0.0 if squares <= ROUNDING**2 else min(1.0, max(0.0, -float(truth @ judge) / squares))


def _wilson(mean: float, error: float, units: int, alpha: float) -> Ends:
    """Wilson's interval with the effective n of this error; at the edges of the scale with a trial a unit."""
    spread = mean * (1 - mean)
    effective = float(units) if min(spread, error) <= ROUNDING else spread / error**2
    return wilson_interval(mean, effective, t_quantile(1 - alpha / 2, units - 1))
