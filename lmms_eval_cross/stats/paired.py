"""The difference between two models on the same samples, and what it shows."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass, replace
from math import sqrt

import numpy as np
from numpy.typing import ArrayLike

from lmms_eval_cross.stats.clusters import (
    FEWEST_CLUSTERS,
    FEWEST_VARYING,
    ROUNDING,
    TOO_FEW_CLUSTERS,
    ClusterSums,
    FloatArray,
    checked_alpha,
    checked_vector,
    fair_coin_tail,
    sum_by_cluster,
    t_quantile,
    t_upper_tail,
)
from lmms_eval_cross.stats.late import special
from lmms_eval_cross.stats.skew import FEWEST_CLUSTERS_FOR_SKEW, skew_coefficient, skewed, unskewed


@dataclass(frozen=True, slots=True)
class PairedDifference:
    """Candidate minus baseline on the scale of the scores; below 0 the candidate is worse."""

    difference: float
    lower_bound: float | None
    """L: one-sided, true difference above it with confidence 1 - alpha. None where `reason` says why."""
    upper_bound: float | None
    """U: one-sided, true difference below it with confidence 1 - alpha."""
    low: float | None
    """Lower end of the two-sided 1 - alpha interval."""
    high: float | None
    standard_error: float | None
    n: int
    """Samples."""
    clusters: int
    alpha: float
    baseline_mean: float
    candidate_mean: float
    baseline_only: int | None
    """McNemar's b: samples where the baseline scores higher (0/1: it alone is right); None where not paired."""
    candidate_only: int | None
    """McNemar's c: samples where the candidate scores higher."""
    mcnemar_p: float | None
    """Exact and two-sided; for information only, as it ignores clusters and is too small with them."""
    reason: str | None = None
    skew: float = 0.0
    """`skew_coefficient` of a skew-safe difference: its one-sided bounds and tests must hold by Student's t and by
    Hall's transformation alike; 0: by t alone."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """What a one-sided test says."""

    p_value: float | None
    """None where there are too few clusters for a test."""
    shown: bool
    """p_value < alpha."""


def paired_difference(
    baseline: ArrayLike,
    candidate: ArrayLike,
    clusters: Iterable[Hashable],
    alpha: float = 0.05,
    *,
    skew_safe: bool = False,
) -> PairedDifference:
    """Return candidate minus baseline with cluster-robust bounds.

    Both have shape (n,), in 0..1 (fractions when rounds were averaged), paired by position; ValueError
    otherwise. Miller, arXiv:2411.00640: paired differences with the clustered error of eq. 4; unlike the
    paper with the factor C / (C - 1), t quantiles with C - 1 degrees of freedom, and a least error where
    almost nothing changed (`robust_error`). `skew_safe`: one-sided bounds must hold by Hall's transformation too
    (`skew.unskewed`) from 30 clusters on, for a fall that sits in few of them is skewed and t is not.
    """
    checked_alpha(alpha)
    before, after = checked_pairs(baseline, candidate)
    sums = sum_by_cluster(after - before, clusters)
    error = None
    if sums.count >= FEWEST_CLUSTERS:
        error = robust_error(sums, alpha)
    difference = describe(before, after, sums, error, alpha)
    skew_counts = sums.count >= FEWEST_CLUSTERS_FOR_SKEW and error == sums.standard_error
    if skew_safe and error is not None and skew_counts:
        return with_skew(difference, skew_coefficient(sums))
    return difference


def with_skew(difference: PairedDifference, skew: float) -> PairedDifference:
    """With one-sided bounds that hold by t and by Hall's transformation alike."""
    if difference.standard_error is None:
        return difference
    quantile = t_quantile(1 - difference.alpha, difference.clusters - 1)
    below = max(quantile, skewed(quantile, skew)) * difference.standard_error
    above = max(quantile, skewed(quantile, -skew)) * difference.standard_error
    lower, upper = max(-1.0, difference.difference - below), min(1.0, difference.difference + above)
    return replace(difference, lower_bound=lower, upper_bound=upper, skew=skew)


def checked_pairs(baseline: ArrayLike, candidate: ArrayLike) -> tuple[FloatArray, FloatArray]:
    """Return both sides as floats; ValueError unless they pair up."""
    before, after = checked_vector("baseline", baseline), checked_vector("candidate", candidate)
    if len(before) != len(after):
        raise ValueError(f"candidate must have one score per baseline score, got {len(after)} for {len(before)}")
    return before, after


def robust_error(sums: ClusterSums, alpha: float) -> float:
    """Return the cluster-robust error, at least that of a change too rare to be seen well.

    Where fewer than FEWEST_VARYING clusters vary, the spread can't be estimated (two equal runs would have error 0 and
    prove anything). The bounds then reach `rare_change` beyond the difference at least; at difference 0 that is Clopper
    & Pearson's bound (Biometrika 1934) for 0 events in Kish's effective clusters C, and L is alpha**(1 / C) - 1.
    """
    moved, spread = np.abs(sums.totals), np.abs(sums.residuals)
    varying = min(moved, spread, key=lambda sizes: int(np.sum(sizes > ROUNDING)))
    changes = (varying / sums.sizes)[varying > ROUNDING]
    if len(changes) >= FEWEST_VARYING:
        return sums.standard_error
    reach = rare_change(changes, sums.effective_count, alpha)
    return float(max(sums.standard_error, reach / t_quantile(1 - alpha, sums.count - 1)))


def rare_change(changes: FloatArray, clusters: float, alpha: float) -> float:
    """Return how far the mean change of all clusters may lie beyond that of the few that were seen to change.

    `changes` has what each of these changed by, in 0..1. With u(k) the upper Clopper-Pearson bound of k events in so
    many clusters, Stringer's bound of a mean of rare errors is u(0) + sum (u(k) - u(k - 1)) change k, the largest first
    (Bickel, Int. Statistical Review 1992). Never less than u(0), for changes to the other side may be unseen.
    """
    beyond = rare_share(0, clusters, alpha)
    for seen, change in enumerate(sorted(changes.tolist(), reverse=True), start=1):
        step = rare_share(seen, clusters, alpha) - rare_share(seen - 1, clusters, alpha)
        beyond += min(1.0, change) * max(0.0, step - 1 / clusters)
    return beyond


def rare_share(events: int, clusters: float, alpha: float) -> float:
    """Return Clopper & Pearson's upper bound of the share of clusters, of which so many were seen."""
    if events >= clusters:
        return 1.0
    return float(special().betaincinv(events + 1, clusters - events, 1 - alpha))


def describe(
    before: FloatArray, after: FloatArray, sums: ClusterSums, error: float | None, alpha: float
) -> PairedDifference:
    """Put bounds, means and discordance counts together."""
    means = float(before.mean()), float(after.mean())
    difference = with_bounds(sums.mean, means, sums.n, sums.count, error, alpha)
    gained = after - before  # means of rounds and dimensions that are equal differ by what their sums are rounded by
    losses, gains = np.count_nonzero(gained < -ROUNDING), np.count_nonzero(gained > ROUNDING)
    return with_counts(difference, int(losses), int(gains))


def with_bounds(
    change: float, means: tuple[float, float], n: int, clusters: int, error: float | None, alpha: float
) -> PairedDifference:
    """A difference of two means, without counts; error None where there are too few clusters for bounds."""
    lower, upper = bounds(change, clusters, error, alpha)
    low, high = bounds(change, clusters, error, alpha / 2)
    reason = None
    if error is None:
        reason = TOO_FEW_CLUSTERS
    return PairedDifference(
        difference=change,
        lower_bound=lower,
        upper_bound=upper,
        low=low,
        high=high,
        standard_error=error,
        n=n,
        clusters=clusters,
        alpha=alpha,
        baseline_mean=means[0],
        candidate_mean=means[1],
        baseline_only=None,
        candidate_only=None,
        mcnemar_p=None,
        reason=reason,
    )


def with_counts(difference: PairedDifference, losses: int, gains: int) -> PairedDifference:
    """With the numbers of samples that the baseline alone and that the candidate alone gets right."""
    p_value = mcnemar_p_value(losses, gains)
    return replace(difference, baseline_only=losses, candidate_only=gains, mcnemar_p=p_value)


def bounds(mean: float, clusters: int, error: float | None, tail: float) -> tuple[float | None, float | None]:
    """Return mean -+ t * error, `tail` outside on each side, kept within -1..1."""
    if error is None:
        return None, None
    half = t_quantile(1 - tail, clusters - 1) * error
    return max(-1.0, mean - half), min(1.0, mean + half)


def unpaired_difference(
    baseline_mean: float, candidate_mean: float, baseline_n: int, candidate_n: int, alpha: float = 0.05
) -> PairedDifference:
    """Return candidate minus baseline where only means in 0..1 and sample counts are known.

    The variance of scores in 0..1 is at most mean * (1 - mean) (Bhatia & Davis, Amer. Math. Monthly 2000), met by
    0/1 scores; a mean is first drawn towards 1/2 as in Agresti & Caffo (Amer. Statistician 2000), so that 0 of n
    and n of n have an error too. Samples count as independent, and what pairing would gain is given away.
    """
    checked_alpha(alpha)
    checked_vector("means", [baseline_mean, candidate_mean])
    n, error = min(baseline_n, candidate_n), None
    if n < 1:
        raise ValueError(f"n must be >= 1, got {n}")
    if n >= FEWEST_CLUSTERS:
        error = sqrt(widest_variance(baseline_mean, baseline_n) + widest_variance(candidate_mean, candidate_n))
    return with_bounds(candidate_mean - baseline_mean, (baseline_mean, candidate_mean), n, n, error, alpha)


def widest_variance(mean: float, n: int) -> float:
    """Return the largest variance of a mean of n scores in 0..1, with one success and one failure added."""
    drawn = (mean * n + 1) / (n + 2)
    return drawn * (1 - drawn) / (n + 2)


def mcnemar_p_value(baseline_only: int, candidate_only: int) -> float:
    """Return the exact two-sided p value of McNemar (Psychometrika 1947); ignores clusters."""
    fewer, both = min(baseline_only, candidate_only), baseline_only + candidate_only
    if fewer < 0:
        raise ValueError(f"counts must be >= 0, got {fewer}")
    if both == 0:
        return 1.0
    return min(1.0, 2 * fair_coin_tail(fewer, both))


def noninferiority(difference: PairedDifference, margin: float) -> Evidence:
    """Test that the candidate is not worse by `margin` or more; shown when L > -margin.

    H0: difference <= -margin (FDA, Non-Inferiority Clinical Trials, 2016); margin on the 0..1 scale.
    """
    return evidence(difference, difference.difference + checked_margin(margin), difference.skew)


def superiority(difference: PairedDifference) -> Evidence:
    """Test that the candidate is better; shown when L > 0."""
    return evidence(difference, difference.difference, difference.skew)


def inferiority(difference: PairedDifference) -> Evidence:
    """Test that the candidate is worse; shown when U < 0."""
    return evidence(difference, -difference.difference, -difference.skew)


def evidence(difference: PairedDifference, distance: float, skew: float) -> Evidence:
    """Test that the expectation of `distance`, whose skew coefficient is given, is above 0."""
    if difference.standard_error is None:
        return Evidence(None, False)
    statistic = distance / difference.standard_error
    p_value = t_upper_tail(min(statistic, unskewed(statistic, skew)), difference.clusters - 1)
    return Evidence(p_value, p_value < difference.alpha)


def checked_margin(margin: float) -> float:
    """Return `margin`; ValueError unless 0 < margin <= 1 (5 points are 0.05)."""
    if not 0 < margin <= 1:
        raise ValueError(f"margin must be above 0 and at most 1 (5 points are 0.05), got {margin:g}")
    return margin


def smallest_decidable_margin(difference: PairedDifference) -> float | None:
    """Return the margin above which these data decide; 0 if they decide at any, None if at none.

    The rule of `gate_decision` solved for its margin: with U < 0 any margin is decided, else those above -L.
    """
    if difference.lower_bound is None or difference.upper_bound is None:
        return None
    if difference.upper_bound < 0:
        return 0.0
    return max(0.0, -difference.lower_bound)


def minimum_detectable_effect(standard_error: float, clusters: int, alpha: float = 0.05, power: float = 0.8) -> float:
    """Return the true difference that a one-sided test at `alpha` shows with probability `power`.

    (t(1 - alpha) + t(power)) * standard_error with clusters - 1 degrees of freedom; Bloom, Evaluation
    Review 1995. Also the margin within which two equal models are proven not worse with that probability.
    """
    if not standard_error >= 0:
        raise ValueError(f"standard_error must be >= 0, got {standard_error:g}")
    if clusters < 2:
        raise ValueError(f"clusters must be >= 2, got {clusters}")
    if not 0.5 <= power < 1:
        raise ValueError(f"power must be at least 0.5 and below 1, got {power:g}")
    freedom = clusters - 1
    return (t_quantile(1 - checked_alpha(alpha), freedom) + t_quantile(power, freedom)) * standard_error


def holm(p_values: Sequence[float]) -> list[float]:
    """Return p values adjusted for their number (Holm, Scand. J. Statistics 1979), in the order given."""
    given = np.asarray(p_values, dtype=np.float64)
    if not ((given >= 0) & (given <= 1)).all():
        raise ValueError(f"p values must be in 0..1, got {list(p_values)}")
    order = np.argsort(given, kind="stable")
    scaled = given[order] * np.arange(len(given), 0, -1)
    adjusted = np.empty_like(given)
    adjusted[order] = np.minimum(1.0, np.maximum.accumulate(scaled))
    return [float(value) for value in adjusted]
