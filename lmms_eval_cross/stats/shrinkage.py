"""Groups with few clusters, such as countries, drawn toward all groups as far as their spread allows."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import ArrayLike

from lmms_eval_cross.stats.clusters import FloatArray, checked_alpha, checked_vector, sum_by_cluster
from lmms_eval_cross.stats.late import special

FEWEST_GROUPS: Final = 3
"""Below this many their spread can't be told."""
LEAST_EFFECT: Final = 0.25
"""Of a design; means of four verdicts vary less than one verdict."""
DRAWS: Final = 10_000
SEED: Final = 20_250_514
_MEANS: Final = np.linspace(0.005, 0.995, 100)
"""Means of the groups' rates that are tried."""
_SPREADS: Final = np.linspace(0.02, 0.8, 40)
"""Standard deviations of the groups' rates, over that of one verdict, that are tried."""


@dataclass(frozen=True, slots=True)
class Shrunk:
    """A group's rate, on a 0..1 scale."""

    raw: float
    mean: float
    """Drawn toward all groups."""
    low: float
    """Of the two-sided 1 - alpha interval."""
    high: float
    n: int
    clusters: int
    worst: float
    """The probability that no group's rate is lower."""


def shrink_groups(
    scores: ArrayLike, groups: Sequence[str], clusters: Sequence[Hashable], alpha: float = 0.05
) -> dict[str, Shrunk]:
    """Return every group's rate, drawn toward all groups; empty with fewer than three groups.

    `scores` has shape (n,), in 0..1, with the group and the cluster of each. Rates are taken to be Beta distributed
    over groups, and a group's total to be binomial with n / d trials, d being the design effect of its clusters
    (Ghitza & Gelman, American J. Political Science 2013, have that device). Plain empirical Bayes (Morris,
    JASA 1983) takes the two parameters of the Beta distribution for known and covers too seldom; unlike there they are
    averaged over, with flat priors on mean and spread (Gelman, Bayesian Analysis 2006). By draws with a fixed seed.
    """
    checked_alpha(alpha)
    values = checked_vector("scores", scores)
    places: dict[str, list[int]] = {}
    for place, group in enumerate(groups):
        places.setdefault(group, []).append(place)
    if len(places) < FEWEST_GROUPS:
        return {}
    parts = [(values[rows], [clusters[row] for row in rows]) for rows in places.values()]
    counts = np.array([len(part) for part, _ in parts])
    rates = np.array([part.mean() for part, _ in parts])
    drawn = _draw(rates, counts / design_effects(parts))
    ends = np.quantile(drawn, [alpha / 2, 1 - alpha / 2], axis=0)
    worst = np.bincount(drawn.argmin(axis=1), minlength=len(parts)) / DRAWS
    numbers = np.column_stack([rates, drawn.mean(axis=0), *ends, worst]).tolist()
    shrunk: dict[str, Shrunk] = {}
    for group, (part, of_group), (raw, mean, low, high, chance) in zip(places, parts, numbers, strict=True):
        shrunk[group] = Shrunk(raw, mean, low, high, len(part), len(set(of_group)), chance)
    return shrunk


def design_effects(parts: Sequence[tuple[FloatArray, Sequence[Hashable]]]) -> FloatArray:
    """Return each group's variance of a total over the binomial one, shape (groups,).

    1 + r (sum n_c^2 / n - 1), with one correlation r within clusters for all groups (Kish, Survey Sampling, 1965): that
    at which the groups' cluster-robust variances add up to these. Where no group varies r is 1.
    """
    sums = [sum_by_cluster(values, clusters) for values, clusters in parts]
    robust = binomial = clustered = 0.0
    for one in sums:
        if one.count > 1:
            spread = one.mean * (1 - one.mean)
            robust += (one.standard_error * one.n) ** 2
            binomial += one.n * spread
            clustered += (float(np.square(one.sizes).sum()) - one.n) * spread
    correlation = 1.0
    if clustered > 0:
        correlation = (robust - binomial) / clustered
    sizes = np.array([np.square(one.sizes).sum() / one.n for one in sums])
    return np.maximum(LEAST_EFFECT, 1 + correlation * (sizes - 1))


def _draw(rates: FloatArray, trials: FloatArray) -> FloatArray:
    """Rates of the groups, shape (DRAWS, groups), given what was seen of them."""
    betaln = special().betaln
    mean, spread = (grid.ravel() for grid in np.meshgrid(_MEANS, _SPREADS))
    strength = 1 / spread**2 - 1
    good, bad = (mean * strength)[:, None], ((1 - mean) * strength)[:, None]
    seen_good, seen_bad = good + rates * trials, bad + (1 - rates) * trials
    fit = (betaln(seen_good, seen_bad) - betaln(good, bad)).sum(axis=1)
    weights = np.exp(fit - fit.max())
    generator = np.random.default_rng(SEED)
    chosen = generator.choice(len(weights), DRAWS, p=weights / weights.sum())
    return np.asarray(generator.beta(seen_good[chosen], seen_bad[chosen]), dtype=np.float64)
