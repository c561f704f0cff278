"""Skewness taken out of a t statistic, so that a change that sits in few clusters is not called certain too early."""

from __future__ import annotations

from math import sqrt

import numpy as np

from lmms_eval_cross.stats.clusters import ROUNDING, ClusterSums

FEWEST_CLUSTERS_FOR_SKEW = 30
"""With fewer the skewness of a sample is mostly chance, and its inverse transformation runs far out of the data: eight
of ten norms that fall from 1 to 0 would not be called worse. Student's t stands alone there."""


def skew_coefficient(sums: ClusterSums) -> float:
    """Return a = g / (3 sqrt(C)), with g the skewness of the C clusters' residuals; 0 where they do not vary."""
    variance = float(np.square(sums.residuals).mean())
    if variance <= ROUNDING**2:
        return 0.0
    skewness = float(np.power(sums.residuals, 3).mean()) / (variance * sqrt(variance))
    return skewness / (3 * sqrt(sums.count))


def unskewed(statistic: float, a: float) -> float:
    """Return Hall's cubic of a t statistic, T + a T^2 + a^2 T^3 / 3 + a / 2, which rises with T.

    "On the removal of skewness by transformation", JRSS B 1992; a as in `skew_coefficient`. Unlike there it is set
    against Student's t, and is for a mean of clusters.
    """
    return statistic + a * statistic**2 + a**2 * statistic**3 / 3 + a / 2


def skewed(quantile: float, a: float) -> float:
    """Return the t statistic whose `unskewed` is the quantile."""
    if abs(a) <= ROUNDING:
        return quantile
    return float(np.cbrt(1 + 3 * a * (quantile - a / 2)) - 1) / a
