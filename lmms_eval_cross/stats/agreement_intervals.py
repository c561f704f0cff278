"""Intervals for how far two raters agree, from resampled clusters."""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from functools import lru_cache
from math import sqrt
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import ArrayLike

from lmms_eval_cross.stats.agreement import checked_binary
from lmms_eval_cross.stats.clusters import (
    FEWEST_CLUSTERS,
    FEWEST_VARYING,
    ROUNDING,
    FloatArray,
    checked_alpha,
    cluster_codes,
    t_quantile,
)
from lmms_eval_cross.stats.intervals import wilson_interval
from lmms_eval_cross.stats.late import special
from lmms_eval_cross.stats.weighted import checked_weights

Ends: TypeAlias = "tuple[float, float] | None"
RESAMPLES: Final = 2_000
MOST_UNDEFINED: Final = 0.05
"""Where more resamples than this have no value, there is no interval."""


def agreement_intervals(
    reference: ArrayLike,
    other: ArrayLike,
    clusters: Iterable[Hashable],
    weights: ArrayLike | None = None,
    alpha: float = 0.05,
    seed: int = 0,
) -> dict[str, Ends]:
    """Return two-sided intervals of `agreement`, `kappa`, `ac1`, `sensitivity` and `specificity`.

    Arguments as for `confusion`, all of shape (n,); percentile intervals over whole clusters drawn with replacement
    (Davison & Hinkley, 1997), expanded for few clusters (`expanded_tail`); the same for the same seed. None below
    FEWEST_CLUSTERS clusters, or where the value is undefined in many resamples. Where resamples hardly differ, since
    fewer than FEWEST_VARYING clusters hold an error, or anything but errors (for kappa also either score of either
    rater), or since all clusters are alike, shares get Wilson's interval with a trial a cluster, kappa and AC1 none.
    """
    checked_alpha(alpha)
    a, b = checked_binary("reference", reference), checked_binary("other", other)
    codes = cluster_codes(list(clusters), len(a))
    cells = _cells_by_cluster(a, b, checked_weights(weights, len(a)), codes)
    if len(cells) < FEWEST_CLUSTERS:
        return dict.fromkeys(_values(cells))
    resampled, found = _values(_times_drawn(len(cells), seed) @ cells), _values(cells.sum(axis=0, keepdims=True))
    ends: dict[str, Ends] = {}
    for name, values in resampled.items():
        if _fewest_clusters(cells, name) >= FEWEST_VARYING and np.ptp(values[np.isfinite(values)]) > ROUNDING:
            ends[name] = _percentiles(values, expanded_tail(alpha / 2, len(cells)))
        else:
            ends[name] = _by_clusters(name, float(found[name][0]), cells, alpha)
    return ends


@lru_cache(maxsize=4)  # drawing takes most of the time, and the dimensions of a slice have their clusters in common
def _times_drawn(clusters: int, seed: int) -> FloatArray:
    """How often each resample has each cluster, shape (RESAMPLES, clusters)."""
    times = np.random.default_rng(seed).multinomial(clusters, np.full(clusters, 1 / clusters), size=RESAMPLES)
    return times.astype(np.float64)


_ERRORS_AND_NONE: Final = ((1, 2), (0, 3))
_EACH_SCORE_OF_EACH: Final = ((0, 1), (2, 3), (0, 2), (1, 3))
_MUST_SHOW: Final = {
    "agreement": _ERRORS_AND_NONE,
    "kappa": (*_ERRORS_AND_NONE, *_EACH_SCORE_OF_EACH),
    "ac1": _ERRORS_AND_NONE,
    "sensitivity": ((0,), (1,)),
    "specificity": ((2,), (3,)),
}
"""Cells, in the order (1, 1), (1, 0), (0, 1), (0, 0), whose sum must not be 0 in FEWEST_VARYING clusters each:
resamples of fewer hardly differ, and of none never do."""
_OF: Final = {"agreement": (0, 1, 2, 3), "sensitivity": (0, 1), "specificity": (2, 3)}
"""Which cells a share is a share of."""


def _cells_by_cluster(a: FloatArray, b: FloatArray, weights: FloatArray, codes: np.ndarray) -> FloatArray:
    """Weights of (1, 1), (1, 0), (0, 1), (0, 0), shape (clusters, 4)."""
    cells = (a * b, a * (1 - b), (1 - a) * b, (1 - a) * (1 - b))
    return np.stack([np.bincount(codes, weights=weights * cell) for cell in cells], axis=1).astype(np.float64)


def _values(cells: FloatArray) -> dict[str, FloatArray]:
    """Every value of tables of shape (tables, 4), NaN where it is undefined."""
    both, first, second, neither = (cells / cells.sum(axis=1, keepdims=True)).T
    agreement, rate_a, rate_b = both + neither, both + first, both + second
    middle = (rate_a + rate_b) / 2
    with np.errstate(invalid="ignore", divide="ignore"):
        return {
            "agreement": agreement,
            "kappa": _above_chance(agreement, rate_a * rate_b + (1 - rate_a) * (1 - rate_b)),
            "ac1": _above_chance(agreement, 2 * middle * (1 - middle)),
            "sensitivity": both / rate_a,
            "specificity": neither / (neither + second),
        }


def _above_chance(observed: FloatArray, expected: FloatArray) -> FloatArray:
    return np.where(np.isclose(expected, 1.0, rtol=0, atol=1e-12), np.nan, (observed - expected) / (1 - expected))


def _fewest_clusters(cells: FloatArray, name: str) -> int:
    """Clusters that have what is rarest of all that a value's resamples must show."""
    counts = [np.count_nonzero(cells[:, kind].sum(axis=1)) for kind in _MUST_SHOW[name]]
    return int(min(counts))


def expanded_tail(tail: float, clusters: int) -> float:
    """Return the tail beyond which percentiles are as far out as Student's t with the error of so few clusters.

    Hesterberg, The American Statistician 2015 (expanded percentiles): plain ones of ten clusters hold the truth in nine
    of ten cases where they promise 95%.
    """
    reach = sqrt(clusters / (clusters - 1)) * t_quantile(1 - tail, clusters - 1)
    return float(special().ndtr(-reach))


def _percentiles(values: FloatArray, tail: float) -> Ends:
    known = values[np.isfinite(values)]
    if len(known) < (1 - MOST_UNDEFINED) * len(values):
        return None
    low, high = np.quantile(known, [tail, 1 - tail])
    return float(low), float(high)


def _by_clusters(name: str, share: float, cells: FloatArray, alpha: float) -> Ends:
    """Wilson's interval of a share with a trial for each cluster that has part in it."""
    if name not in _OF:
        return None
    count = int(np.sum(cells[:, _OF[name]].sum(axis=1) > 0))
    if count < FEWEST_CLUSTERS:
        return None
    return wilson_interval(min(1.0, share), count, t_quantile(1 - alpha / 2, count - 1))
