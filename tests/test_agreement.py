"""Agreement against scikit-learn, statsmodels, krippendorff and irrCAC (whose values are copied: it needs NumPy 1)."""

import krippendorff
import numpy as np
import pytest
from sklearn.metrics import cohen_kappa_score, confusion_matrix, recall_score
from statsmodels.stats.inter_rater import cohens_kappa

from lmms_eval_cross import stats

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
    table = stats.confusion(REFERENCE, OTHER)
    assert table.kappa == pytest.approx(cohen_kappa_score(REFERENCE, OTHER), abs=1e-12)
    assert table.kappa == pytest.approx(cohens_kappa(confusion_matrix(REFERENCE, OTHER)).kappa, abs=1e-12)


def test_weighted_kappa_sensitivity_and_specificity_agree_with_scikit_learn():
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


def test_consistency_counts_equal_pairs_of_askings():
    repeats = [[1, 0, 1, np.nan], [1, 1, 0, np.nan], [1, np.nan, 0, 1]]
    assert stats.consistency(repeats) == pytest.approx((3 / 3 + 0 / 1 + 1 / 3) / 3)
    assert stats.consistency([[1, 0]]) is None
