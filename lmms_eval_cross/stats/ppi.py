"""A mean of judge scores corrected by what people say of some answers: prediction-powered inference, PPI++."""

from __future__ import annotations

from collections.abc import Hashable, Sequence

import numpy as np
from numpy.typing import ArrayLike

from lmms_eval_cross.stats.clusters import ROUNDING, FloatArray, checked_alpha
from lmms_eval_cross.stats.labelled import Corrected, Labelled, LabelledRun, Linearised


def ppi_mean(
    judged: ArrayLike,
    clusters: Sequence[Hashable],
    labelled: Labelled,
    alpha: float = 0.05,
    power: float | None = None,
) -> Corrected:
    """Return the prediction-powered mean: power * mean(judged) + weighted mean of (label - power * judged).

    PPI++ (Angelopoulos, Duchi & Zrnic, arXiv:2311.01453) with the weights of the draw; unlike the paper the error is
    of sums by cluster, the labelled answers may be among the run's, few seen errors of the judge are allowed for, and
    the intervals are Wilson's with t quantiles. At clusters of one, apart from the run and with `power` given, mean
    and error are ppi-python's but for C / (C - 1). Assumes that the labelled answers were drawn from the run (or, but
    for the run's mean, from a population like it) with the probabilities given, and nothing of the judge.
    `power` None minimises the estimated error within 0..1.
    """
    checked_alpha(alpha)
    run = LabelledRun.of(judged, clusters, labelled)
    scores, shares = run.scores, labelled.weights / len(labelled.labels)
    label_mean, judged_mean = float(shares @ labelled.labels), float(shares @ labelled.judged)
    of_truth, of_judge = shares * (labelled.labels - label_mean), -shares * (labelled.judged - judged_mean)
    of_run = (scores - scores.mean()) / len(scores)
    if power is None:
        power = best_power(run.places.sums(np.zeros(len(scores)), of_truth), run.places.sums(of_run, of_judge))
    mean = label_mean + power * (float(scores.mean()) - judged_mean)
    estimate = Linearised(mean, power * of_run, of_truth + power * of_judge, "ppi++", power)
    return run.corrected(estimate, labelled.weights, alpha)


def best_power(truth: FloatArray, judge: FloatArray) -> float:
    """Return the lambda in 0..1 with the least sum of squares of `truth + lambda * judge`, shapes (clusters,)."""
    squares = float(judge @ judge)
    if squares <= ROUNDING**2:
        return 0.0
    return min(1.0, max(0.0, -float(truth @ judge) / squares))
