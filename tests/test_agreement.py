"""Agreement against scikit-learn, statsmodels, krippendorff and irrCAC (whose values are copied: it needs NumPy 1)."""

import krippendorff
import numpy as np
import pytest
from scipy import stats as scipy_stats
from scipy.stats import bootstrap
from statsmodels.stats.inter_rater import cohens_kappa

from lmms_eval_cross import stats
from lmms_eval_cross.stats.panel_agreement import panel_agreement

REFERENCE = np.array(
    [int(c) for c in "10111011111111110110111111101111111111111011111110111111110111111111011101110011"]
)
OTHER = np.array([int(c) for c in "11110011111111110110011111101110101111111011111110011101010011111011001101100011"])
WEIGHTS = np.random.default_rng(1).uniform(1, 5, len(REFERENCE))
NORMS = np.arange(len(REFERENCE)) // 4


def test_scores_other_than_0_and_1_are_refused():
    with pytest.raises(ValueError, match=r"must be 0 or 1, got 0\.5"):
        stats.confusion([0.5], [1])
    with pytest.raises(ValueError, match="must be 0 or 1, got nan"):
        stats.confusion([1], [np.nan])
    with pytest.raises(ValueError, match="at least one"):
        stats.confusion([], [])


def test_weights_of_zero_or_infinity_are_refused():
    for weight in (0.0, -1.0, np.inf, np.nan):
        with pytest.raises(ValueError, match="finite and above 0"):
            stats.confusion([1, 0], [1, 0], [1.0, weight])


def test_kappa_is_none_where_both_raters_know_one_score_only():
    table = stats.confusion([1, 1, 1], [1, 1, 1])
    assert (table.agreement, table.kappa, table.ac1, table.specificity) == (1, None, 1, None)


def test_kappa_agrees_with_scikit_learn_and_statsmodels():
    from sklearn.metrics import cohen_kappa_score, confusion_matrix

    table = stats.confusion(REFERENCE, OTHER)
    assert table.kappa == pytest.approx(cohen_kappa_score(REFERENCE, OTHER), abs=1e-12)
    assert table.kappa == pytest.approx(cohens_kappa(confusion_matrix(REFERENCE, OTHER)).kappa, abs=1e-12)


def test_weighted_kappa_sensitivity_and_specificity_agree_with_scikit_learn():
    from sklearn.metrics import cohen_kappa_score, recall_score

    table = stats.confusion(REFERENCE, OTHER, WEIGHTS)
    assert table.kappa == pytest.approx(cohen_kappa_score(REFERENCE, OTHER, sample_weight=WEIGHTS), abs=1e-12)
    for score, found in ((1, table.sensitivity), (0, table.specificity)):
        expected = recall_score(REFERENCE, OTHER, pos_label=score, sample_weight=WEIGHTS)
        assert found == pytest.approx(expected, abs=1e-12)


def test_ac1_and_kappa_are_those_of_irrcac_0_4_4():
    table = stats.confusion(REFERENCE, OTHER)
    assert table.ac1 == pytest.approx(0.774542038516, abs=1e-11)
    assert table.kappa == pytest.approx(0.56204379562, abs=1e-11)


def test_a_constant_rater_reaches_the_constant_agreement_and_kappa_0():
    constant = stats.confusion(REFERENCE, np.ones(len(REFERENCE)), WEIGHTS)
    assert constant.agreement == pytest.approx(stats.confusion(REFERENCE, OTHER, WEIGHTS).constant_agreement)
    assert constant.kappa == pytest.approx(0, abs=1e-12)


def test_alpha_agrees_with_the_krippendorff_package_with_gaps():
    generator = np.random.default_rng(3)
    truth = generator.random(60) < 0.7
    ratings = np.array([np.where(generator.random(60) < 0.85, truth, ~truth) for _ in range(3)], dtype=float)
    ratings[generator.random(ratings.shape) < 0.2] = np.nan
    expected = krippendorff.alpha(reliability_data=ratings, level_of_measurement="nominal")
    assert stats.krippendorff_alpha(ratings) == pytest.approx(expected, abs=1e-12)


def test_alpha_is_none_without_a_pair_or_a_second_score():
    assert stats.krippendorff_alpha([[1, np.nan], [np.nan, 0]]) is None
    assert stats.krippendorff_alpha([[1, 1], [1, 1]]) is None


def test_shift_without_weights_is_the_paired_difference():
    shift, paired = (f(REFERENCE, OTHER, NORMS) for f in (stats.score_shift, stats.paired_difference))
    assert (shift.difference, shift.low, shift.high) == pytest.approx((paired.difference, paired.low, paired.high))


def test_shift_with_whole_weights_is_that_of_repeated_samples():
    weights = np.random.default_rng(4).integers(1, 5, len(REFERENCE))
    repeated = [np.repeat(values, weights) for values in (REFERENCE, OTHER, NORMS)]
    shift, expected = stats.score_shift(REFERENCE, OTHER, NORMS, weights), stats.paired_difference(*repeated)
    assert (shift.difference, shift.low, shift.high) == pytest.approx(
        (expected.difference, expected.low, expected.high)
    )
    assert shift.n == len(REFERENCE)


def test_two_equal_judges_have_no_shift_but_an_interval():
    shift = stats.score_shift(REFERENCE, REFERENCE, NORMS)
    assert shift.difference == 0
    assert shift.low < 0 < shift.high


def test_shift_of_four_norms_has_no_interval():
    shift = stats.score_shift([1, 0, 1, 1], [1, 1, 1, 0], "abcd")
    assert (shift.low, shift.reason) == (None, "too few clusters")


def test_whole_weights_make_a_judges_consistency_that_of_repeated_answers():
    generator = np.random.default_rng(4)
    askings = np.where(generator.random((6, 30)) < 0.05, np.nan, generator.random((6, 30)) < 0.7)
    times = generator.integers(1, 5, 30)
    repeated = np.repeat(askings, times, axis=1)
    assert stats.consistency(askings, times) == pytest.approx(stats.consistency(repeated))
    assert stats.majority_agreement(askings, times) == pytest.approx(stats.majority_agreement(repeated))


def test_consistency_counts_equal_pairs_of_askings():
    repeats = [[1, 0, 1, np.nan], [1, 1, 0, np.nan], [1, np.nan, 0, 1]]
    assert stats.consistency(repeats) == pytest.approx((3 / 3 + 0 / 1 + 1 / 3) / 3)
    assert stats.consistency([[1, 0]]) is None


# --- intervals and the ceiling ---


def noisy_raters(seed: int, norms: int = 60) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Two raters whose agreement is another in each norm."""
    generator = np.random.default_rng(seed)
    clusters = np.repeat(np.arange(norms), 4)
    reference = (generator.random(norms * 4) < 0.6).astype(int)
    wrong = generator.random(norms * 4) < generator.beta(1, 5, norms)[clusters]
    return reference, np.where(wrong, 1 - reference, reference), clusters


@pytest.mark.long
def test_intervals_are_those_of_scipys_bootstrap_over_whole_norms():
    reference, other, clusters = noisy_raters(1)
    by_norm = [np.flatnonzero(clusters == norm) for norm in range(60)]

    def value(name: str, chosen: np.ndarray) -> float:
        rows = np.concatenate([by_norm[norm] for norm in chosen])
        return getattr(stats.confusion(reference[rows], other[rows]), name)

    ends = stats.agreement_intervals(reference, other, clusters.tolist())
    expanded = 1 - 2 * scipy_stats.norm.cdf(-np.sqrt(60 / 59) * scipy_stats.t.ppf(0.975, 59))  # Hesterberg 2015
    for name in ("agreement", "kappa", "ac1", "sensitivity", "specificity"):
        expected = bootstrap(
            (np.arange(60),),
            lambda chosen, name=name: value(name, chosen),
            vectorized=False,
            n_resamples=1500,
            confidence_level=expanded,
            method="percentile",
            rng=np.random.default_rng(2),
        ).confidence_interval
        assert ends[name] == pytest.approx(tuple(expected), abs=0.012)
    assert ends == stats.agreement_intervals(reference, other, clusters.tolist())


@pytest.mark.long
def test_intervals_hold_the_truth_about_as_often_as_they_promise():
    """Agreement is 1 - 1/6 by the beta's mean."""
    covered = []
    for seed in range(200):
        reference, other, clusters = noisy_raters(seed)
        low, high = stats.agreement_intervals(reference, other, clusters.tolist())["agreement"]
        covered.append(low <= 5 / 6 <= high)
    assert np.mean(covered) == pytest.approx(0.94, abs=0.04)


def test_judges_that_never_differ_are_not_certain_never_to():
    ones = [1, 0] * 20
    ends = stats.agreement_intervals(ones, ones, [place // 4 for place in range(40)])
    assert ends["agreement"][0] < 0.8
    assert ends["agreement"][1] == 1
    assert (ends["kappa"], ends["ac1"]) == (None, None)
    assert set(stats.agreement_intervals(ones, ones, [place // 10 for place in range(40)]).values()) == {None}


def test_a_judge_that_never_gives_a_0_is_not_certain_never_to():
    """Its specificity is 0 in every resample, and its kappa too."""
    people = ([1, 0, 1, 1] * 5 + [0, 1, 1, 1] * 5)[:36]
    ends = stats.agreement_intervals(people, [1] * 36, [place // 4 for place in range(36)])
    assert ends["specificity"] == pytest.approx((0.0, 0.3714), abs=1e-4)
    assert ends["specificity"][1] == pytest.approx(
        scipy_stats.t.ppf(0.975, 8) ** 2 / (9 + scipy_stats.t.ppf(0.975, 8) ** 2)
    )
    assert ends["kappa"] is None


@pytest.mark.parametrize("name", ["agreement", "sensitivity", "specificity"])
def test_judges_that_always_differ_are_not_certain_always_to(name):
    ones = np.array([1, 0] * 20)
    low, high = stats.agreement_intervals(ones, 1 - ones, [place // 4 for place in range(40)])[name]
    assert (low, round(high, 2)) == (0.0, 0.34)


def test_a_panel_that_never_agrees_is_not_certain_never_to():
    ends = panel_agreement(np.zeros(40), [place // 4 for place in range(40)])
    assert (ends.low, round(ends.high)) == (0, 34)


def test_norms_that_are_all_alike_give_no_certainty():
    clusters = [place // 4 for place in range(40)]
    ends = stats.agreement_intervals([1, 1, 0, 0] * 10, [1, 0, 1, 0] * 10, clusters)
    quantile = scipy_stats.t.ppf(0.975, 9)
    half = quantile / (2 * np.sqrt(10 + quantile**2))  # Wilson's of 5 in 10
    assert ends["agreement"] == pytest.approx((0.5 - half, 0.5 + half))
    assert ends["kappa"] is None


@pytest.mark.long
def test_intervals_of_few_norms_hold_the_truth_as_often_as_they_promise():
    """Agreement is 4 in 5 by the beta's mean; plain percentiles hold it in 88 to 90% of cases."""
    covered: list[bool] = []
    generator = np.random.default_rng(8)
    clusters = np.repeat(np.arange(8), 8)
    for _ in range(150):
        right = generator.random(len(clusters)) < generator.beta(4.8, 1.2, 8)[clusters]
        people = generator.random(len(clusters)) < 0.6
        low, high = stats.agreement_intervals(people, people == right, clusters.tolist())["agreement"]
        covered.append(low <= 0.8 <= high)
    assert np.mean(covered) > 0.92


def test_a_judge_agrees_with_itself_less_than_a_steady_one_of_its_mind_does():
    """8% of flips: 1 - 2 * 0.08 * 0.92 is 85.28%, and the steady judge agrees in 92%."""
    low, high = stats.ceiling(1 - 2 * 0.08 * 0.92)
    assert (low, high) == (pytest.approx(0.8528), pytest.approx(0.92))
    assert stats.ceiling(0.49) is None
    assert stats.ceiling(1.0) == (1.0, 1.0)


@pytest.mark.parametrize("kind", ["alike", "borderline", "mixed"])
def test_the_ceiling_answer_by_answer_lies_between_the_ends_and_near_the_truth(kind):
    generator = np.random.default_rng(3)
    chances = {"alike": np.full(4000, 0.08), "borderline": np.where(generator.random(4000) < 0.3, 0.5, 0.0)}
    flips = chances.get(kind, generator.beta(0.5, 4, 4000).clip(0, 0.5))
    table = (generator.random((9, 4000)) < flips).astype(float)
    low, high = stats.ceiling(stats.consistency(table))
    found = stats.majority_agreement(table)
    assert low - 0.01 <= found <= high + 0.01
    assert found == pytest.approx(np.mean(1 - flips), abs=0.012)
    assert stats.majority_agreement(table[:4]) is None
