"""Every statistic against a value computed elsewhere: statsmodels, SciPy or a second definition written here."""

from __future__ import annotations

import os
import subprocess
import sys
from inspect import ismodule
from itertools import pairwise, product

import numpy as np
import pytest
import statsmodels.api as sm
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import optimize
from scipy import stats as scipy_stats
from statsmodels.stats.contingency_tables import mcnemar
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.proportion import proportion_confint

from lmms_eval_cross import stats

NORMS = [1] * 49 + [2] * 37 + [3] * 32 + [4] * 13 + [5] + [1] * 30 + [2] * 6 + [3]
"""Items of each of CROSS's norms (DATA.md)."""


def cross_clusters(samples_per_item: int = 4) -> np.ndarray:
    return np.array([f"norm-{i}" for i, items in enumerate(NORMS) for _ in range(items * samples_per_item)])


def correlated_scores(seed: int, rate: float = 0.6, clusters: np.ndarray | None = None) -> np.ndarray:
    """0/1 scores whose latent variance is 40% the cluster's."""
    generator = np.random.default_rng(seed)
    _, codes = np.unique(cross_clusters() if clusters is None else clusters, return_inverse=True)
    latent = np.sqrt(0.4) * generator.standard_normal(codes.max() + 1)[codes]
    latent = latent + np.sqrt(0.6) * generator.standard_normal(len(codes))
    return (latent < scipy_stats.norm.ppf(rate)).astype(float)


def ols_by_cluster(values: np.ndarray, clusters: np.ndarray):
    _, codes = np.unique(clusters, return_inverse=True)
    model = sm.OLS(values, np.ones(len(values)))
    return model.fit(
        cov_type="cluster", cov_kwds={"groups": codes, "use_correction": True, "df_correction": True}, use_t=True
    )


def clustered_pairs(per_cluster: int, before: list[float], after: list[float]):
    clusters = np.repeat(np.arange(len(before)), per_cluster)
    return np.repeat(before, per_cluster), np.repeat(after, per_cluster), clusters


# --- means ---


def test_standard_error_of_a_mean_agrees_with_statsmodels_clustered_ols():
    scores, clusters = correlated_scores(1), cross_clusters()
    interval, fit = stats.mean_interval(scores, clusters), ols_by_cluster(scores, clusters)
    assert interval.mean == pytest.approx(fit.params[0], abs=1e-12)
    assert interval.standard_error == pytest.approx(fit.bse[0], rel=1e-10)
    assert (interval.n, interval.clusters, interval.method) == (1284, 169, "wilson")


def test_standard_error_agrees_with_gee_once_the_finite_cluster_factor_is_taken_off():
    scores, clusters = correlated_scores(2), cross_clusters()
    _, codes = np.unique(clusters, return_inverse=True)
    fit = sm.GEE(scores, np.ones(len(scores)), groups=codes).fit()
    plain = stats.mean_interval(scores, clusters).standard_error / np.sqrt(169 / 168)
    assert plain == pytest.approx(fit.bse[0], rel=1e-6)


def test_standard_error_follows_millers_equation_4_times_the_finite_cluster_factor():
    clusters = ["a", "a", "a", "b", "b", "c", "d", "e"]
    scores = np.array([1, 1, 0, 0, 0, 1, 1, 0.0])
    centred, n = scores - scores.mean(), len(scores)
    variance = (centred**2).sum() / n**2
    pairs = [(i, j) for i, j in product(range(n), range(n)) if i != j and clusters[i] == clusters[j]]
    variance += sum(centred[i] * centred[j] for i, j in pairs) / n**2
    error = stats.mean_interval(scores, clusters).standard_error
    assert error == pytest.approx(np.sqrt(variance * 5 / 4), rel=1e-12)


def test_interval_of_a_mean_solves_wilsons_equation_with_the_clustered_error():
    scores, clusters = correlated_scores(3), cross_clusters()
    interval = stats.mean_interval(scores, clusters, alpha=0.1)
    spread = ols_by_cluster(scores, clusters).bse[0] ** 2 / (scores.mean() * (1 - scores.mean()))
    for end in (interval.low, interval.high):
        distance = abs(scores.mean() - end) / np.sqrt(end * (1 - end) * spread)
        assert distance == pytest.approx(scipy_stats.t.ppf(0.95, 168), rel=1e-9)


def test_interval_of_a_mean_is_close_to_the_t_interval_of_statsmodels_far_from_the_edges():
    scores, clusters = correlated_scores(4, rate=0.5), cross_clusters()
    interval = stats.mean_interval(scores, clusters)
    low, high = ols_by_cluster(scores, clusters).conf_int()[0]
    assert (interval.low, interval.high) == pytest.approx((low, high), abs=0.002)


def test_scores_in_clusters_of_one_have_the_ordinary_standard_error():
    scores = correlated_scores(5, clusters=np.arange(60))
    assert stats.mean_interval(scores, range(60)).standard_error == pytest.approx(scipy_stats.sem(scores), rel=1e-12)


@pytest.mark.parametrize(("successes", "n"), [(0, 20), (20, 20), (7, 31), (1, 400)])
def test_wilson_interval_agrees_with_statsmodels(successes, n):
    expected = proportion_confint(successes, n, alpha=0.05, method="wilson")
    found = stats.wilson_interval(successes / n, n, scipy_stats.norm.ppf(0.975))
    assert found == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("score", [0.0, 1.0])
def test_equal_scores_get_wilsons_interval_with_one_trial_per_effective_cluster(score):
    clusters = cross_clusters()
    interval = stats.mean_interval(np.full(len(clusters), score), clusters)
    sizes = 4.0 * np.array(NORMS)
    effective = sizes.sum() ** 2 / (sizes**2).sum()
    quantile = scipy_stats.t.ppf(0.975, 168)
    reach = quantile**2 / (effective + quantile**2)  # Wilson's at 0 of n, solved by hand
    expected = (0.0, reach) if score == 0 else (1 - reach, 1.0)
    assert (interval.low, interval.high) == pytest.approx(expected, abs=1e-12)
    assert interval.standard_error == 0


@pytest.mark.parametrize("common", [0.0, 1.0])
def test_one_odd_answer_does_not_make_the_interval_narrower_than_none(common):
    clusters = cross_clusters()
    same, odd = np.full(len(clusters), common), np.full(len(clusters), common)
    odd[7] = 1 - common
    widths = [each.high - each.low for each in (stats.mean_interval(s, clusters) for s in (same, odd))]
    assert widths[1] >= widths[0]


@pytest.mark.long
def test_an_interval_over_failures_holds_whatever_they_had_been():
    """2% missing, all of them zeros, at a true 97%: the interval of what is left held the truth in 16% of runs."""
    clusters, covered = cross_clusters(), []
    for seed in range(150):
        truth = correlated_scores(seed, 0.97)
        zeros = np.flatnonzero(truth == 0)
        seen = truth.copy()
        seen[zeros[: round(0.02 * len(truth))]] = np.nan
        found = stats.interval_over_fillings(seen, clusters)
        covered.append(found.low <= 0.97 <= found.high)
        scored = ~np.isnan(seen)
        assert found.mean == pytest.approx(seen[scored].mean())
        assert found.n == scored.sum()
    assert np.mean(covered) >= 0.93


def test_an_interval_over_failures_has_the_ends_of_the_two_extreme_fillings():
    seen, clusters = correlated_scores(3), cross_clusters()
    seen[::50] = np.nan
    found = stats.interval_over_fillings(seen, clusters)
    for value, end in ((0.0, "low"), (1.0, "high")):
        filled = np.where(np.isnan(seen), value, seen)
        fit = ols_by_cluster(filled, clusters)
        effective = filled.mean() * (1 - filled.mean()) / fit.bse[0] ** 2
        quantile = scipy_stats.t.ppf(0.975, len(np.unique(clusters)) - 1)
        middle, half = stats.wilson_interval(filled.mean(), effective, quantile)
        assert getattr(found, end) == pytest.approx(middle if end == "low" else half)
    assert stats.interval_over_fillings(filled, clusters) == stats.mean_interval(filled, clusters)


def test_a_missing_round_is_filled_though_the_sample_has_another():
    clusters = np.repeat([f"norm-{norm}" for norm in range(8)], 3)
    seen = np.column_stack([correlated_scores(3, clusters=clusters), correlated_scores(4, clusters=clusters)])
    seen[::4, 1] = np.nan
    found = stats.interval_over_fillings(seen, clusters)
    ends = [stats.mean_interval(np.where(np.isnan(seen), fill, seen).mean(axis=1), clusters) for fill in (0.0, 1.0)]
    assert (found.low, found.high) == (ends[0].low, ends[1].high)
    assert found.mean == pytest.approx(np.nanmean(seen, axis=1).mean(), rel=1e-12)
    with_one = stats.interval_over_fillings(np.nanmean(seen, axis=1), clusters)
    assert found.low < with_one.low
    assert found.high > with_one.high


def test_interval_never_leaves_the_scale_and_always_holds_the_mean():
    for wrong in range(9):
        scores = np.array([0.0] * wrong + [1.0] * (40 - wrong))
        interval = stats.mean_interval(scores, np.arange(40) // 5)
        assert 0 <= interval.low <= interval.mean <= interval.high <= 1


def test_a_slice_of_four_clusters_says_that_it_is_too_small():
    for interval in (stats.mean_interval([1, 0, 1, 1], "abcd"), stats.cluster_bootstrap([1, 0, 1, 1], "abcd")):
        assert (interval.low, interval.high, interval.standard_error) == (None, None, None)
        assert (interval.mean, interval.n, interval.clusters) == (0.75, 4, 4)
        assert interval.reason == "too few clusters"


# --- bootstrap ---


def test_bootstrap_agrees_with_scipys_over_whole_clusters():
    scores, clusters = correlated_scores(6), cross_clusters()
    _, codes = np.unique(clusters, return_inverse=True)
    totals, sizes = np.bincount(codes, scores), np.bincount(codes)

    def ratio(drawn_totals, drawn_sizes, axis=-1):
        return drawn_totals.sum(axis=axis) / drawn_sizes.sum(axis=axis)

    expected = scipy_stats.bootstrap(
        (totals, sizes), ratio, paired=True, vectorized=True, method="percentile", n_resamples=10_000, rng=1
    )
    found = stats.cluster_bootstrap(scores, clusters)
    ends = expected.confidence_interval
    assert (found.low, found.high) == pytest.approx((ends.low, ends.high), abs=0.002)
    assert found.standard_error == pytest.approx(expected.standard_error, rel=0.04)
    assert found.method == "bootstrap"


def test_bootstrap_is_a_second_opinion_on_a_paired_difference():
    before, after, clusters = correlated_scores(7), correlated_scores(8), cross_clusters()
    first = stats.paired_difference(before, after, clusters)
    second = stats.cluster_bootstrap(after - before, clusters)
    assert second.mean == pytest.approx(first.difference)
    assert (second.low, second.high) == pytest.approx((first.low, first.high), abs=0.006)


def test_bootstrap_repeats_itself_and_ignores_the_order_of_samples():
    scores, clusters = correlated_scores(9), cross_clusters()
    order = np.random.default_rng(0).permutation(len(scores))
    first = stats.cluster_bootstrap(scores, clusters, resamples=500)
    assert first == stats.cluster_bootstrap(scores, clusters, resamples=500)
    assert first == stats.cluster_bootstrap(scores[order], clusters[order], resamples=500)
    assert first != stats.cluster_bootstrap(scores, clusters, resamples=500, seed=1)


def test_a_bootstrap_of_several_measures_gives_each_what_it_has_alone():
    clusters = cross_clusters()
    samples = {
        "first": (correlated_scores(5), clusters),
        "second": (correlated_scores(6), clusters),
        "shorter": (correlated_scores(6)[:150], clusters[:150]),
        "small": ([1, 0, 1, 1], "abcd"),
    }
    alone = {name: stats.cluster_bootstrap(*sample, resamples=1_500) for name, sample in samples.items()}
    assert stats.cluster_bootstraps(samples, resamples=1_500) == alone


def test_paired_difference_agrees_with_statsmodels_clustered_ols():
    before, after, clusters = correlated_scores(10), correlated_scores(11, 0.55), cross_clusters()
    found, fit = stats.paired_difference(before, after, clusters), ols_by_cluster(after - before, clusters)
    assert found.difference == pytest.approx(fit.params[0], abs=1e-12)
    assert found.standard_error == pytest.approx(fit.bse[0], rel=1e-10)
    assert (found.low, found.high) == pytest.approx(tuple(fit.conf_int(0.05)[0]), abs=1e-10)
    assert (found.lower_bound, found.upper_bound) == pytest.approx(tuple(fit.conf_int(0.10)[0]), abs=1e-10)
    assert (found.baseline_mean, found.candidate_mean) == (before.mean(), after.mean())


@pytest.mark.parametrize("seed", range(6))
def test_skew_safe_bounds_solve_halls_equation_and_are_never_narrower_than_ts(seed):
    clusters, generator = cross_clusters(), np.random.default_rng(seed)
    before = correlated_scores(seed, 0.9)
    fallen = generator.random(len(NORMS)) < 0.06
    after = np.where(fallen[np.unique(clusters, return_inverse=True)[1]], 0.0, correlated_scores(seed + 50, 0.9))
    plain = stats.paired_difference(before, after, clusters)
    safe = stats.paired_difference(before, after, clusters, skew_safe=True)
    assert (safe.low, safe.high, safe.standard_error) == (plain.low, plain.high, plain.standard_error)
    moves = after - before
    totals = [(moves[clusters == name] - moves.mean()).sum() for name in np.unique(clusters)]
    count, skewness = len(totals), scipy_stats.skew(totals)
    quantile = scipy_stats.t.ppf(0.95, count - 1)

    def halls(statistic: float, sign: int) -> float:
        a = sign * skewness / np.sqrt(count)
        return statistic + a * statistic**2 / 3 + a**2 * statistic**3 / 27 + a / 6 - quantile

    for bound, by_t, sign in ((safe.lower_bound, plain.lower_bound, 1), (safe.upper_bound, plain.upper_bound, -1)):
        root = optimize.brentq(halls, -50, 50, args=(sign,))
        expected = safe.difference - sign * max(quantile, root) * safe.standard_error
        assert bound == pytest.approx(expected)
        assert sign * bound <= sign * by_t
    assert abs(skewness) > 0.1


@given(pairs=st.integers(0, 200), margin=st.floats(0.005, 0.3))
@settings(max_examples=60, deadline=None)
def test_skew_safe_tests_say_the_same_as_skew_safe_bounds(pairs, margin):
    generator = np.random.default_rng(pairs)
    clusters = np.repeat(np.arange(30), 3)
    before, after = (generator.random(90) < rate for rate in (0.9, 0.8))
    found = stats.paired_difference(before, after, clusters, skew_safe=True)
    assert stats.noninferiority(found, margin).shown == (found.lower_bound > -margin)
    assert stats.inferiority(found).shown == (found.upper_bound < 0)
    assert stats.superiority(found).shown == (found.lower_bound > 0)


def test_where_too_few_clusters_changed_the_least_error_stands_alone():
    before, after, clusters = clustered_pairs(4, [1.0] * 40, [1.0] * 38 + [0.0] * 2)
    assert stats.paired_difference(before, after, clusters, skew_safe=True) == stats.paired_difference(
        before, after, clusters
    )


def test_in_clusters_of_one_the_tests_are_the_paired_t_test():
    before, after = (correlated_scores(seed, clusters=np.arange(80)) for seed in (12, 13))
    found = stats.paired_difference(before, after, range(80))
    less = scipy_stats.ttest_rel(after, before, alternative="less").pvalue
    greater = scipy_stats.ttest_rel(after, before, alternative="greater").pvalue
    beyond = scipy_stats.ttest_1samp(after - before, -0.1, alternative="greater").pvalue
    assert stats.inferiority(found).p_value == pytest.approx(less, rel=1e-9)
    assert stats.superiority(found).p_value == pytest.approx(greater, rel=1e-9)
    assert stats.noninferiority(found, 0.1).p_value == pytest.approx(beyond, rel=1e-9)


def test_three_wordings_that_move_together_tell_no_more_than_one():
    before, after = correlated_scores(14, clusters=np.arange(50)), correlated_scores(15, clusters=np.arange(50))
    one = stats.paired_difference(before, after, range(50))
    three = stats.paired_difference(np.repeat(before, 3), np.repeat(after, 3), np.repeat(range(50), 3))
    assert three.standard_error == pytest.approx(one.standard_error, rel=1e-12)
    assert three.mcnemar_p < one.mcnemar_p  # it counts each wording, which is why it informs and never decides


def test_samples_that_differ_by_rounding_alone_are_no_discordance():
    thirds = np.mean([[0.1, 0.2, 0.3]] * 6, axis=1)
    found = stats.paired_difference(thirds, np.full(6, 0.2), range(6))
    assert thirds[0] != 0.2
    assert (found.baseline_only, found.candidate_only) == (0, 0)


def test_discordance_is_counted_and_mcnemar_agrees_with_statsmodels():
    before, after = correlated_scores(16), correlated_scores(17, 0.55)
    found = stats.paired_difference(before, after, cross_clusters())
    table = [[np.sum((before == b) & (after == a)) for a in (1, 0)] for b in (1, 0)]
    assert (found.baseline_only, found.candidate_only) == (table[0][1], table[1][0])
    assert found.mcnemar_p == pytest.approx(mcnemar(table, exact=True).pvalue, rel=1e-9)


@pytest.mark.parametrize(("clusters", "same"), [(29, True), (30, False)])
def test_skew_of_few_clusters_is_not_believed(clusters, same):
    before, after = np.ones(clusters), np.array([0.0] * (clusters - 5) + [1.0] * 5)
    plain = stats.paired_difference(before, after, range(clusters))
    safe = stats.paired_difference(before, after, range(clusters), skew_safe=True)
    assert (safe == plain) is same
    assert plain.upper_bound < 0


@pytest.mark.parametrize(("losses", "gains"), [(0, 0), (5, 5), (1, 9), (0, 3), (300, 250)])
def test_mcnemar_is_the_binomial_test_of_the_discordant(losses, gains):
    both = losses + gains
    expected = scipy_stats.binomtest(losses, both).pvalue if both else 1.0
    assert stats.mcnemar_p_value(losses, gains) == pytest.approx(expected, rel=1e-9)


def test_two_equal_runs_prove_only_what_a_change_too_rare_to_be_seen_leaves():
    scores = correlated_scores(18, clusters=np.repeat(np.arange(40), 5))
    found = stats.paired_difference(scores, scores, np.repeat(np.arange(40), 5))
    at_most = scipy_stats.binomtest(0, 40).proportion_ci(confidence_level=0.90, method="exact").high
    assert found.lower_bound == pytest.approx(-at_most, rel=1e-9)
    assert found.upper_bound == pytest.approx(at_most, rel=1e-9)
    assert found.difference == 0


@pytest.mark.parametrize("fallen", [0, 1, 2])
def test_where_few_norms_fall_whole_the_bound_is_clopper_and_pearsons(fallen):
    before, after, clusters = clustered_pairs(4, [1.0] * 120, [0.0] * fallen + [1.0] * (120 - fallen))
    found = stats.paired_difference(before, after, clusters)
    at_most = scipy_stats.binomtest(fallen, 120).proportion_ci(confidence_level=0.90, method="exact").high
    assert found.lower_bound == pytest.approx(-at_most, rel=1e-9)


def test_where_few_norms_change_a_little_the_bound_is_stringers():
    before, after, clusters = clustered_pairs(4, [1.0] * 60, [1.0] * 60)
    after[:3], after[4:5] = 0.0, 0.0  # three of four answers to a norm, one of four to the next
    shares = [scipy_stats.beta.ppf(0.95, seen + 1, 60 - seen) for seen in range(3)]
    stringer = shares[0] + (shares[1] - shares[0]) * 0.75 + (shares[2] - shares[1]) * 0.25
    assert stats.paired_difference(before, after, clusters).lower_bound == pytest.approx(-stringer)


@pytest.mark.parametrize("fallen", [0, 1, 2])
def test_few_norms_that_fall_never_make_the_bounds_reach_less_far_than_none(fallen):
    """The largest of these norms weighs as much as all others, so that they count as three."""
    clusters = np.repeat(np.arange(7), [24, 4, 4, 4, 4, 4, 4])
    after = np.where((clusters > 0) & (clusters <= fallen), 0.0, 1.0)
    none, found = (stats.paired_difference(np.ones(48), one, clusters) for one in (np.ones(48), after))
    assert found.standard_error >= none.standard_error


@pytest.mark.parametrize(("share", "margin"), [(0.026, 0.026), (0.03, 0.03), (0.04, 0.04)])
def test_few_norms_that_fall_whole_pass_no_oftener_than_promised(share, margin):
    """With the bounds of one or two norms by t alone, 7 to 12% passed."""
    generator = np.random.default_rng(5)
    passed: list[bool] = []
    for _ in range(250):
        after = np.where(generator.random(169) < share, 0.0, 1.0)
        found = stats.paired_difference(np.ones(169), after, range(169), skew_safe=True)
        passed.append(stats.noninferiority(found, margin).shown)
    assert np.mean(passed) <= 0.05


def test_a_large_norm_makes_an_unseen_change_harder_to_exclude():
    equal, unequal = np.repeat(np.arange(20), 5), np.repeat(np.arange(20), [24, *[4] * 19])
    scores = np.ones(100)
    sizes = np.bincount(unequal)
    found = stats.paired_difference(scores, scores, unequal)
    assert found.lower_bound == pytest.approx(0.05 ** (1 / (sizes.sum() ** 2 / (sizes**2).sum())) - 1)
    assert found.lower_bound < stats.paired_difference(scores, scores, equal).lower_bound


def test_two_norms_that_change_widely_keep_their_own_error():
    clusters = np.repeat(np.arange(30), [20, 20, *[2] * 28])
    before, after = np.ones(96), np.where(clusters < 2, 0.0, 1.0)
    found = stats.paired_difference(before, after, clusters)
    assert found.standard_error == pytest.approx(ols_by_cluster(after - before, clusters).bse[0], rel=1e-10)


def test_one_changed_verdict_does_not_make_the_bounds_narrower_than_none():
    clusters = cross_clusters()
    same, changed = np.ones(len(clusters)), np.ones(len(clusters))
    changed[0] = 0
    none, one = (stats.paired_difference(same, after, clusters) for after in (same, changed))
    assert one.standard_error >= none.standard_error
    assert one.lower_bound < none.lower_bound


def test_bounds_stay_within_what_a_difference_can_be():
    before, after, clusters = clustered_pairs(3, [1.0] * 6, [0.0] * 6)
    found = stats.paired_difference(before, after, clusters)
    assert (found.difference, found.lower_bound, found.low) == (-1, -1, -1)
    assert -1 < found.upper_bound < 0


def test_four_clusters_give_counts_and_a_reason_instead_of_bounds():
    found = stats.paired_difference([1, 1, 0, 1], [0, 1, 0, 0], "abcd")
    assert (found.difference, found.baseline_only, found.candidate_only) == (-0.5, 2, 0)
    assert (found.lower_bound, found.upper_bound, found.low, found.high) == (None, None, None, None)
    assert found.reason == "too few clusters"
    assert stats.inferiority(found) == stats.Evidence(None, False)
    assert stats.smallest_decidable_margin(found) is None


# --- rounds ---


def test_rounds_are_averaged_over_what_was_scored():
    averaged = stats.average_rounds([[1, 0, 1], [1, np.nan, 0], [np.nan, np.nan, np.nan]])
    np.testing.assert_allclose(averaged, [2 / 3, 0.5, np.nan])
    np.testing.assert_array_equal(stats.average_rounds([1, None, 0]), [1, np.nan, 0])


def test_averaged_rounds_can_be_compared():
    clusters = cross_clusters()
    before, after = (
        stats.average_rounds(np.column_stack([correlated_scores(s + i) for i in range(3)])) for s in (20, 30)
    )
    found, fit = stats.paired_difference(before, after, clusters), ols_by_cluster(after - before, clusters)
    assert found.standard_error == pytest.approx(fit.bse[0], rel=1e-10)
    assert found.baseline_only == np.sum(before > after)


# --- decisions ---


@pytest.mark.parametrize(
    ("lower", "upper", "decision"),
    [
        (-0.04, 0.03, "not worse"),
        (-0.04, -0.01, "not worse"),
        (0.01, 0.03, "not worse"),
        (-0.05, -0.01, "worse"),
        (-0.09, -0.06, "worse"),
        (-0.05, 0.0, "inconclusive"),
        (-0.09, 0.03, "inconclusive"),
        (None, None, "inconclusive"),
    ],
)
def test_the_rule_of_the_gate(lower, upper, decision):
    assert stats.gate_decision(lower, upper, 0.05) == decision


@pytest.mark.parametrize(
    ("decisions", "together"),
    [
        (["not worse", "not worse"], "not worse"),
        (["not worse", "inconclusive"], "inconclusive"),
        (["not worse", "worse"], "worse"),
        (["inconclusive", "worse"], "worse"),
    ],
)
def test_worse_in_one_metric_is_worse_and_not_worse_needs_all(decisions, together):
    assert stats.combine_decisions(decisions) == together


def difference_of(mean: float, error: float, clusters: int = 169) -> stats.PairedDifference:
    half = scipy_stats.t.ppf(0.95, clusters - 1) * error
    wide = scipy_stats.t.ppf(0.975, clusters - 1) * error
    return stats.PairedDifference(
        difference=mean,
        lower_bound=mean - half,
        upper_bound=mean + half,
        low=mean - wide,
        high=mean + wide,
        standard_error=error,
        n=1284,
        clusters=clusters,
        alpha=0.05,
        baseline_mean=0.6,
        candidate_mean=0.6 + mean,
        baseline_only=0,
        candidate_only=0,
        mcnemar_p=1.0,
    )


def test_tests_say_the_same_as_the_bounds():
    for mean in np.linspace(-0.12, 0.12, 49):
        found = difference_of(mean, 0.02)
        assert stats.noninferiority(found, 0.05).shown == (found.lower_bound > -0.05)
        assert stats.inferiority(found).shown == (found.upper_bound < 0)
        assert stats.superiority(found).shown == (found.lower_bound > 0)


def test_one_metric_of_four_that_just_fails_alone_does_not_fail_together():
    just_worse = difference_of(-0.04, 0.02)  # p = 0.023; times four it is no longer below 0.05
    others = {name: difference_of(0.0, 0.02) for name in ("education", "helpfulness", "compliance")}
    margins = dict.fromkeys((*others, "awareness"), 0.05)
    assert stats.decide_each({"awareness": just_worse}, {"awareness": 0.05}) == {"awareness": "worse"}
    assert stats.decide_each({**others, "awareness": just_worse}, margins)["awareness"] == "inconclusive"
    much_worse = difference_of(-0.06, 0.02)
    assert stats.decide_each({**others, "awareness": much_worse}, margins)["awareness"] == "worse"


def test_a_metric_without_pairs_or_with_few_clusters_is_undecided_and_still_counts_in_the_family():
    few = stats.paired_difference([1, 1, 0, 1], [0, 0, 0, 0], "abcd")
    family = {"a": difference_of(-0.04, 0.021), "b": None, "c": few}
    decisions = stats.decide_each(family, dict.fromkeys(family, 0.05))
    assert decisions == {"a": "inconclusive", "b": "inconclusive", "c": "inconclusive"}


def test_margins_must_name_the_metrics():
    with pytest.raises(ValueError, match=r"margins must name the metrics \['awareness'\], got \['compliance'\]"):
        stats.decide_each({"awareness": None}, {"compliance": 0.05})


@pytest.mark.long
def test_holm_agrees_with_statsmodels():
    generator = np.random.default_rng(3)
    for size in (1, 2, 4, 16):
        p_values = generator.random(size) ** 3
        expected = multipletests(p_values, method="holm")[1]
        np.testing.assert_allclose(stats.holm(list(p_values)), expected, rtol=1e-12)
    assert stats.holm([0.01, 0.01, 0.9]) == pytest.approx([0.03, 0.03, 0.9])
    assert stats.holm([]) == []


def test_smallest_decidable_margin_is_where_the_decision_begins():
    undecided = difference_of(-0.01, 0.03)
    edge = stats.smallest_decidable_margin(undecided)
    assert edge == pytest.approx(0.01 + 0.03 * scipy_stats.t.ppf(0.95, 168))
    for factor, decision in ((1.001, "not worse"), (0.999, "inconclusive")):
        assert stats.gate_decision(undecided.lower_bound, undecided.upper_bound, edge * factor) == decision
    assert stats.smallest_decidable_margin(difference_of(-0.10, 0.03)) == 0
    assert stats.smallest_decidable_margin(difference_of(0.10, 0.03)) == 0


@pytest.mark.parametrize(("clusters", "power"), [(169, 0.8), (37, 0.8), (169, 0.9), (12, 0.8)])
def test_minimum_detectable_effect_is_shown_with_the_promised_power(clusters, power):
    effect = stats.minimum_detectable_effect(0.02, clusters, power=power)
    cut = scipy_stats.t.ppf(0.95, clusters - 1)
    assert scipy_stats.nct.sf(cut, clusters - 1, effect / 0.02) == pytest.approx(power, abs=0.01)


def test_minimum_detectable_effect_agrees_with_the_normal_formula_for_many_clusters():
    expected = (scipy_stats.norm.ppf(0.95) + scipy_stats.norm.ppf(0.8)) * 0.02
    assert stats.minimum_detectable_effect(0.02, 10**7) == pytest.approx(expected, rel=1e-5)


# --- failures ---


def with_failures(scores: np.ndarray, share: float, seed: int) -> np.ndarray:
    failed = np.random.default_rng(seed).random(scores.shape) < share
    return np.where(failed, np.nan, scores)


def decide(before, after, clusters, margin: float = 0.05) -> stats.GateVerdict:
    bounds = {"compliance": stats.bounds_with_failures(before, after, clusters)}
    return stats.decide_with_failures(bounds, {"compliance": margin})


def test_without_failures_the_three_views_are_one():
    before, after, clusters = correlated_scores(40), correlated_scores(41), cross_clusters()
    bounds = stats.bounds_with_failures(before, after, clusters)
    assert bounds.complete == bounds.against == bounds.in_favour == stats.paired_difference(before, after, clusters)
    assert (bounds.baseline_failures, bounds.candidate_failures) == (0, 0)


def test_extreme_fillings_bound_every_other_filling_of_the_failures():
    before = np.array([1, np.nan, 0, 1, 1, 0, 1, 0, 1, 1.0])
    after = np.array([np.nan, 1, 0, np.nan, 1, 0, 1, 1, 0, 1.0])
    bounds = stats.bounds_with_failures(before, after, range(10))
    every = []
    for one, two, three in product((0.0, 1.0), repeat=3):
        filled_before, filled_after = before.copy(), after.copy()
        filled_before[1], filled_after[0], filled_after[3] = one, two, three
        every.append(stats.paired_difference(filled_before, filled_after, range(10)))
    assert bounds.against.difference == min(each.difference for each in every)
    assert bounds.in_favour.difference == max(each.difference for each in every)
    assert bounds.against.lower_bound == min(each.lower_bound for each in every)
    assert bounds.in_favour.upper_bound == max(each.upper_bound for each in every)
    assert bounds.complete.n == 7
    assert (bounds.baseline_failures, bounds.candidate_failures) == (1, 2)


def test_a_judge_that_fails_three_calls_in_ten_gives_no_verdict_on_two_equal_models():
    scores, clusters = correlated_scores(42), cross_clusters()
    for before, after in ((scores, with_failures(scores, 0.3, 1)), (with_failures(scores, 0.3, 2), scores)):
        verdict = decide(before, after, clusters)
        assert verdict.metrics == {"compliance": "not worse"}
        assert verdict.decision == "inconclusive"
        assert verdict.reason == "failures could turn the decision"


def test_failures_can_turn_worse_into_no_verdict():
    clusters = cross_clusters()
    before, after = correlated_scores(43, 0.7), correlated_scores(44, 0.6)
    assert decide(before, after, clusters).decision == "worse"
    verdict = decide(before, with_failures(after, 0.3, 1), clusters)
    assert (verdict.decision, verdict.metrics["compliance"]) == ("inconclusive", "worse")
    assert verdict.reason == "failures could turn the decision"


def test_a_few_failures_do_not_hide_a_clear_decision():
    clusters = cross_clusters()
    scores, much_worse = correlated_scores(45, 0.8), correlated_scores(46, 0.4)
    assert decide(scores, with_failures(much_worse, 0.02, 1), clusters) == stats.GateVerdict(
        "worse", None, {"compliance": "worse"}
    )
    assert decide(scores, with_failures(scores, 0.01, 1), clusters).decision == "not worse"


def test_a_judge_that_always_fails_gives_no_verdict_and_says_why():
    clusters = cross_clusters()
    verdict = decide(correlated_scores(47), np.full(len(clusters), np.nan), clusters)
    assert verdict.decision == "inconclusive"
    assert verdict.reason == "no sample has a verdict on both sides"


def test_undecided_without_failures_names_the_data_or_the_clusters():
    clusters = cross_clusters()
    wide = decide(correlated_scores(48), correlated_scores(49), clusters, margin=0.001)
    assert (wide.decision, wide.reason) == ("inconclusive", "the data cannot decide at these margins")
    few = decide([1, 0, 1, 1], [1, 0, 1, 0], "abcd")
    assert (few.decision, few.reason) == ("inconclusive", "too few clusters")


def test_a_failure_in_one_of_three_rounds_counts_a_third():
    before = np.ones((10, 3))
    after = np.ones((10, 3))
    after[0, 1] = np.nan
    bounds = stats.bounds_with_failures(before, after, range(10))
    assert bounds.complete.difference == 0
    assert bounds.against.difference == pytest.approx(-1 / 30)
    assert bounds.in_favour.difference == 0
    assert bounds.candidate_failures == 1


def test_sides_may_have_different_numbers_of_rounds():
    bounds = stats.bounds_with_failures(np.ones((10, 3)), np.zeros(10), range(10))
    assert bounds.complete.difference == -1


# --- errors name the value and the rule ---


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: stats.mean_interval([], []), "scores must hold at least one score, got none"),
        (lambda: stats.mean_interval([1, 2], "ab"), r"scores must be scores in 0\.\.1, got 2"),
        (lambda: stats.mean_interval([1, np.nan], "ab"), r"scores must be scores in 0\.\.1, got nan"),
        (lambda: stats.mean_interval([1, 0], "abc"), "one cluster per score, got 3 for 2"),
        (lambda: stats.mean_interval([[1, 0]], "ab"), r"one score per sample, got shape \(1, 2\)"),
        (lambda: stats.mean_interval([1, 0], "ab", alpha=0), "alpha must be between 0 and 0.5, got 0"),
        (lambda: stats.cluster_bootstrap([1, 0], "ab", resamples=5), "resamples must be >= 100, got 5"),
        (lambda: stats.cluster_bootstrap([-2, 0], "ab"), r"values must be scores in -1\.\.1, got -2"),
        (lambda: stats.paired_difference([1, 0], [1], "ab"), "one score per baseline score, got 1 for 2"),
        (lambda: stats.paired_difference([1, 0], [1, -1], "ab"), r"candidate must be scores in 0\.\.1, got -1"),
        (lambda: stats.paired_difference([1, 0], [1, np.nan], "ab"), r"candidate must be scores in 0\.\.1, got nan"),
        (lambda: stats.bounds_with_failures([1, 0], [1], "ab"), "one row per baseline row, got 1 for 2"),
        (lambda: stats.bounds_with_failures([1, 0], [1, 1], "a"), "one cluster per score, got 1 for 2"),
        (lambda: stats.average_rounds([1, 7]), r"scores must be scores in 0\.\.1, or NaN for a failure, got 7"),
        (lambda: stats.average_rounds([[[1]]]), r"\(samples,\) or \(samples, rounds\), got \(1, 1, 1\)"),
        (lambda: stats.gate_decision(0, 0, 5), r"margin must be above 0 and at most 1 \(5 points are 0.05\), got 5"),
        (lambda: stats.gate_decision(0, 0, 0), "margin must be above 0"),
        (lambda: stats.combine_decisions([]), "decisions must hold at least one, got none"),
        (lambda: stats.holm([0.5, np.nan]), r"p values must be in 0\.\.1"),
        (lambda: stats.holm([1.5]), r"p values must be in 0\.\.1, got \[1.5\]"),
        (lambda: stats.wilson_interval(2, 10, 1.96), r"proportion must be in 0\.\.1, got 2"),
        (lambda: stats.wilson_interval(0.5, 0, 1.96), "n must be > 0, got 0"),
        (lambda: stats.mcnemar_p_value(-1, 2), "counts must be >= 0, got -1"),
        (lambda: stats.minimum_detectable_effect(-1, 9), "standard_error must be >= 0, got -1"),
        (lambda: stats.minimum_detectable_effect(0.1, 1), "clusters must be >= 2, got 1"),
        (lambda: stats.minimum_detectable_effect(0.1, 9, power=1), "power must be at least 0.5 and below 1, got 1"),
    ],
)
def test_a_wrong_value_is_named_with_its_rule(call, message):
    with pytest.raises(ValueError, match=message):
        call()


# --- properties ---

PAIRS = st.lists(
    st.tuples(st.sampled_from([0.0, 1 / 3, 1.0]), st.sampled_from([0.0, 2 / 3, 1.0]), st.integers(0, 11)),
    min_size=1,
    max_size=60,
)


@pytest.mark.long
@settings(max_examples=100, deadline=None, database=None)
@given(pairs=PAIRS, seed=st.integers(0, 99))
def test_the_order_of_samples_changes_nothing(pairs, seed):
    shuffled = [pairs[i] for i in np.random.default_rng(seed).permutation(len(pairs))]
    first, second = (stats.paired_difference(*zip(*each, strict=True)) for each in (pairs, shuffled))
    assert first.difference == pytest.approx(second.difference, abs=1e-9)
    assert first.lower_bound == pytest.approx(second.lower_bound, abs=1e-9)
    one, two = (stats.mean_interval([p[0] for p in each], [p[2] for p in each]) for each in (pairs, shuffled))
    assert (one.low, one.high) == (pytest.approx(two.low, abs=1e-9), pytest.approx(two.high, abs=1e-9))


@pytest.mark.long
@settings(max_examples=100, deadline=None, database=None)
@given(pairs=PAIRS)
def test_swapping_the_sides_turns_the_sign(pairs):
    before, after, clusters = zip(*pairs, strict=True)
    there, back = stats.paired_difference(before, after, clusters), stats.paired_difference(after, before, clusters)
    assert there.difference == pytest.approx(-back.difference, abs=1e-12)
    assert (there.baseline_only, there.candidate_only) == (back.candidate_only, back.baseline_only)
    if there.lower_bound is not None:
        assert there.lower_bound == pytest.approx(-back.upper_bound, abs=1e-12)
        assert there.low == pytest.approx(-back.high, abs=1e-12)


@settings(max_examples=100, deadline=None, database=None)
@given(pairs=PAIRS, small=st.floats(0.001, 0.5), factor=st.floats(1, 2))
def test_a_wider_margin_never_makes_the_decision_harsher(pairs, small, factor):
    found = stats.paired_difference(*zip(*pairs, strict=True))
    order = {"worse": 0, "inconclusive": 1, "not worse": 2}
    strict, loose = (stats.gate_decision(found.lower_bound, found.upper_bound, m) for m in (small, small * factor))
    assert order[strict] <= order[loose]


@settings(max_examples=100, deadline=None, database=None)
@given(pairs=PAIRS)
def test_bounds_are_ordered_and_hold_the_difference(pairs):
    found = stats.paired_difference(*zip(*pairs, strict=True))
    if found.lower_bound is not None:
        ends = [-1, found.low, found.lower_bound, found.difference, found.upper_bound, found.high, 1]
        assert all(a <= b + 1e-12 for a, b in pairwise(ends))
        assert found.standard_error > 0


# --- simulation, and what importing costs ---


@pytest.mark.long
def test_false_alarms_stay_near_the_promise_where_the_plain_t_test_does_not():
    clusters = cross_clusters()
    alarms, naive = 0, 0
    for seed in range(600):
        before, after = correlated_scores(2 * seed), correlated_scores(2 * seed + 1)
        alarms += stats.inferiority(stats.paired_difference(before, after, clusters)).shown
        naive += scipy_stats.ttest_rel(after, before, alternative="less").pvalue < 0.05
    assert 0.03 <= alarms / 600 <= 0.07
    assert naive / 600 > 0.12


def test_importing_loads_no_scipy_and_no_framework():
    code = (
        "import sys, lmms_eval_cross.stats;"
        "print([m for m in ('scipy', 'torch', 'pandas', 'statsmodels', 'lmms_eval') if m in sys.modules])"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment)
    assert ran.stdout.strip() == "[]"


def test_the_public_names_are_those_listed():
    found = {name for name, value in vars(stats).items() if not name.startswith("_") and not ismodule(value)}
    assert set(stats.__all__) == found
