"""Corrected means: what is refused, and the estimators against ppi-python, textbook formulas and simulation."""

from dataclasses import replace

import numpy as np
import pytest
from scipy import stats as scipy_stats

from lmms_eval_cross.errors import CrossError, LabelError
from lmms_eval_cross.runs.run_files import load_run
from lmms_eval_cross.stats import FEWEST_LABELS, Labelled, mean_interval, ppi_mean, rogan_gladen, wilson_interval
from lmms_eval_cross.stats.agreement_intervals import agreement_intervals
from lmms_eval_cross.trust.anchor import anchor_of_run, draw, scores
from lmms_eval_cross.trust.corrected_means import corrected_mean, corrected_table
from lmms_eval_cross.trust.human_labels import LabelSet, labels_table
from tests.judged_runs import chance, label_set, noisy, provenance, sample, write_run

SAMPLES = [sample(number) for number in range(400)]
TRUTH = chance("truth", 0.7)
JUDGE = noisy(TRUTH, "judge")


def draws(seed: int, labelled: int = 120, unlabelled: int = 900, rate: float = 0.6):
    """Labels and judge scores of independent answers: (labels, judged), judged of the rest."""
    generator = np.random.default_rng(seed)
    truth = (generator.random(labelled + unlabelled) < rate).astype(float)
    right = generator.random(len(truth)) < np.where(truth == 1, 0.8, 0.9)
    judged = np.where(right, truth, 1 - truth)
    return truth[:labelled], judged[:labelled], judged[labelled:]


def apart(labels, judged, rest, **options):
    """The estimators' arguments for clusters of one, none shared by run and labels."""
    return rest, [f"run-{i}" for i in range(len(rest))], Labelled.of(labels, judged, range(len(labels)), **options)


# --- refusals ---


def test_nine_labels_of_a_class_are_too_few():
    judged = [1.0, 0.0] * 20
    with pytest.raises(ValueError, match="labels must hold 10 of each class, got 9 of 40"):
        Labelled.of([1.0] * 9 + [0.0] * 31, judged, range(40))
    with pytest.raises(ValueError, match=r"got 9\.5 of 49"):
        Labelled.of([0.5] * 19 + [0.0] * 30, [1.0] * 49, range(49))
    assert len(Labelled.of([1.0] * FEWEST_LABELS + [0.0] * 30, judged, range(40)).labels) == 40


def test_a_judge_that_is_no_better_than_chance_corrects_nothing():
    labels, judged = np.tile([1, 1, 0, 0], 10), np.tile([1, 0, 1, 0], 10)
    with pytest.raises(ValueError, match="add up to 1"):
        rogan_gladen([1, 0, 1], "abc", Labelled.of(labels, judged, range(40)), of_run=False)
    judged[2] = 0
    found = rogan_gladen([1, 0, 1], "abc", Labelled.of(labels, judged, range(40)), of_run=False)
    assert found.low is None
    assert "no better than chance" in found.reason


def test_labels_of_four_norms_tell_of_the_run_and_not_of_other_norms():
    labels, judged, rest = draws(1, 40)
    labelled = Labelled.of(labels, judged, [i % 4 for i in range(40)])
    for found in (ppi_mean(rest, range(900), labelled), rogan_gladen(rest, range(900), labelled)):
        assert (found.low, found.high, found.reason) == (None, None, "too few clusters")
        assert found.run_low < found.mean < found.run_high


@pytest.mark.long
def test_labels_of_another_judge_rubric_or_profile_are_refused(tmp_path):
    labels = label_set(load_run(write_run(tmp_path / "a", SAMPLES, JUDGE)), SAMPLES, TRUTH)
    for name, other in (("b", provenance("new-judge")), ("c", provenance(rubric_sha256="b" * 64))):
        run = load_run(write_run(tmp_path / name, SAMPLES, JUDGE, other))
        with pytest.raises(LabelError, match=r"The labels calibrate old-judge .* and the scores are of"):
            corrected_mean(run.answers, labels, "compliance")


def test_too_few_labels_of_a_class_are_refused_with_the_counts(tmp_path):
    run = load_run(write_run(tmp_path / "a", SAMPLES, JUDGE))
    labels = label_set(
        run, SAMPLES, lambda each, dimension: int(TRUTH(each, dimension) or each.sample_id > "casa/english/Br")
    )
    with pytest.raises(CrossError, match="compliance has 195 labels of 1 and 5 of 0") as caught:
        corrected_mean(run.answers, _with_zeros(labels, 5), "compliance")
    assert caught.value.exit_code == 2


def _with_zeros(labels: LabelSet, zeros: int) -> LabelSet:
    changed = [
        each.model_copy(update={"labels": {**each.labels, "compliance": int(i >= zeros)}})
        for i, each in enumerate(labels.annotations)
    ]
    return labels.model_copy(update={"annotations": changed})


# --- PPI++ ---


@pytest.mark.long
@pytest.mark.parametrize("power", [0.0, 0.5, 1.0])
def test_ppi_is_ppi_pythons_at_clusters_of_one(power):
    from ppi_py import ppi_mean_ci, ppi_mean_pointestimate

    labels, judged, rest = draws(2)
    ours = ppi_mean(*apart(labels, judged, rest), power=power)
    theirs = ppi_mean_pointestimate(labels, judged, rest, lam=power).item()
    assert ours.mean == pytest.approx(theirs, abs=1e-12)
    low, high = ppi_mean_ci(labels, judged, rest, alpha=0.05, lam=power)
    their_error = (high.item() - low.item()) / 2 / scipy_stats.norm.ppf(0.975)
    assert ours.standard_error == pytest.approx(their_error * np.sqrt(120 / 119), rel=1e-9)


def test_weighted_ppi_is_ppi_pythons():
    from ppi_py import ppi_mean_pointestimate

    labels, judged, rest = draws(3)
    probabilities = np.random.default_rng(4).uniform(0.1, 0.9, len(labels))
    weights = (1 / probabilities) / (1 / probabilities).mean()
    ours = ppi_mean(*apart(labels, judged, rest, probabilities=probabilities), power=0.7)
    theirs = ppi_mean_pointestimate(labels, judged, rest, lam=0.7, w=weights).item()
    assert ours.mean == pytest.approx(theirs, abs=1e-12)


def test_tuned_power_is_ppi_pythons_up_to_how_the_variance_of_the_judge_is_pooled():
    from ppi_py import ppi_mean_pointestimate

    for seed in range(5):
        labels, judged, rest = draws(seed, 400, 4_000)
        ours = ppi_mean(*apart(labels, judged, rest))
        theirs = ppi_mean_pointestimate(labels, judged, rest).item()
        assert ours.mean == pytest.approx(theirs, abs=1e-3)


def test_tuned_power_has_the_least_error():
    labels, judged, rest = draws(6)
    tuned = ppi_mean(*apart(labels, judged, rest))
    errors = [ppi_mean(*apart(labels, judged, rest), power=power).standard_error for power in np.linspace(0, 1, 21)]
    assert tuned.standard_error <= min(errors) + 1e-12


def test_all_answers_labelled_is_the_labels_own_mean_and_error():
    labels, judged, _ = draws(7, 300)
    norms = [i // 3 for i in range(300)]
    found = ppi_mean(judged, norms, Labelled.of(labels, judged, norms))
    plain = mean_interval(labels, norms)
    assert (found.mean, found.standard_error) == pytest.approx((plain.mean, plain.standard_error))
    assert (found.low, found.high) == pytest.approx((plain.low, plain.high))


def test_ignoring_norms_would_claim_too_much():
    labels, judged, rest = draws(8, 30)
    copies = [np.tile(values, 4) for values in (labels, judged)]
    alike = ppi_mean(rest, [f"run-{i}" for i in range(900)], Labelled.of(*copies, list(range(30)) * 4))
    as_if = ppi_mean(*apart(*copies, rest))
    assert alike.standard_error > 1.5 * as_if.standard_error


# --- Rogan-Gladen ---


def test_rogan_gladen_is_the_textbook_formula():
    labels, judged, rest = draws(9)
    found = rogan_gladen(*apart(labels, judged, rest), of_run=False)
    sensitivity, specificity = judged[labels == 1].mean(), 1 - judged[labels == 0].mean()
    assert found.mean == pytest.approx((rest.mean() + specificity - 1) / (sensitivity + specificity - 1))


def test_rogan_gladens_error_is_the_delta_methods_at_clusters_of_one():
    labels, judged, rest = draws(10)
    found = rogan_gladen(*apart(labels, judged, rest), of_run=False)
    p, s, c = rest.mean(), judged[labels == 1].mean(), 1 - judged[labels == 0].mean()
    gap, positive = s + c - 1, labels.sum()
    variance = p * (1 - p) / len(rest)
    variance += found.mean**2 * s * (1 - s) / positive
    variance += (1 - found.mean) ** 2 * c * (1 - c) / (len(labels) - positive)
    rarer = min(positive, len(labels) - positive)
    expected = np.sqrt(variance * rarer / (rarer - 1)) / gap
    assert found.standard_error == pytest.approx(expected, rel=1e-9)


def test_fiellers_interval_holds_the_ratios_that_a_t_test_keeps():
    labels, judged, rest = draws(11)
    found = rogan_gladen(*apart(labels, judged, rest), of_run=False)
    p, s1, s0 = rest.mean(), judged[labels == 1].mean(), judged[labels == 0].mean()
    n1 = labels.sum()
    n0 = len(labels) - n1
    for end in (found.low, found.high):
        variance = p * (1 - p) / len(rest) + end**2 * s1 * (1 - s1) / n1 + (1 - end) ** 2 * s0 * (1 - s0) / n0
        rarer = min(n0, n1)
        statistic = (p - s0 - end * (s1 - s0)) / np.sqrt(variance * rarer / (rarer - 1))
        assert abs(statistic) == pytest.approx(scipy_stats.t.ppf(0.975, rarer - 1), rel=1e-9)


def test_with_labels_drawn_from_the_run_it_is_the_mean_of_labels_post_stratified_by_verdict():
    labels, judged, rest = draws(12)
    run, norms = np.concatenate([judged, rest]), range(1020)
    found = rogan_gladen(run, norms, Labelled.of(labels, judged, norms[:120]))
    rate = run.mean()
    expected = rate * labels[judged == 1].mean() + (1 - rate) * labels[judged == 0].mean()
    assert found.mean == pytest.approx(expected, abs=1e-12)


def test_labels_of_another_run_say_nothing_of_the_runs_mean():
    found = rogan_gladen(*apart(*draws(14)), of_run=False)
    assert (found.run_low, found.run_high) == (None, None)
    assert found.low < found.high


def test_a_class_without_seen_errors_widens_fiellers_interval_by_laplaces_rule():
    labels, judged = np.repeat([1.0, 0.0], 60), np.repeat([1.0, 0.0, 0.0], [48, 12, 60])
    _, _, rest = draws(18)
    found = rogan_gladen(*apart(labels, judged, rest), of_run=False)
    p, s, rate = rest.mean(), 0.8, 1 / 62
    for end in (found.low, found.high):
        seen = p * (1 - p) / len(rest) + end**2 * s * (1 - s) / 60
        variance = seen * 60 / 59 + (1 - end) ** 2 * rate * (1 - rate) / 60
        assert abs(p - end * s) / np.sqrt(variance) == pytest.approx(scipy_stats.t.ppf(0.975, 59), rel=1e-9)


def test_a_judge_that_turns_things_round_gets_no_interval():
    labels, judged, rest = draws(19)
    found = rogan_gladen(*apart(labels, 1 - judged, rest), of_run=False)
    assert (found.low, found.reason) == (None, "by these labels the judge may be no better than chance")


def test_the_interval_is_between_0_and_1():
    for rate in (0.02, 0.98):
        labels, judged, rest = draws(13, 900, 300, rate)
        found = rogan_gladen(*apart(labels, judged, rest), of_run=False)
        assert 0 <= found.low <= found.mean <= found.high <= 1


@pytest.mark.long
def test_intervals_hold_the_truth_as_often_as_they_promise():
    """600 independent draws; 95% has a standard error of 0.9 points. benchmarks/labels.py does it with clusters."""
    covered = np.zeros(2)
    for seed in range(600):
        arguments = apart(*draws(1_000 + seed, 150, 600))
        for i, found in enumerate((rogan_gladen(*arguments, of_run=False), ppi_mean(*arguments))):
            covered[i] += found.low <= 0.6 <= found.high
    assert (np.abs(covered / 600 - 0.95) < 0.03).all()


# --- the run's mean ---


def of_the_run(seed: int, drawn: int, answers: int = 600, rate: float = 0.6, judge: tuple[float, float] = (0.8, 0.9)):
    """A run's judge scores, norms, labels of answers drawn from it, and what people would say of all."""
    generator = np.random.default_rng(seed)
    norms = np.arange(answers) // 6
    often = np.clip(rate + generator.normal(0, 0.25, answers // 6), 0, 1)[norms]
    truth = (generator.random(answers) < often).astype(float)
    right = generator.random(answers) < np.where(truth == 1, *judge)
    judged = np.where(right, truth, 1 - truth)
    chosen = generator.choice(answers, drawn, replace=False)
    return judged, norms.tolist(), Labelled.of(truth[chosen], judged[chosen], norms[chosen].tolist()), truth


@pytest.mark.parametrize("power", [0.0, 1.0])
def test_the_runs_interval_is_survey_samplings_for_a_draw_without_replacement(power):
    judged, norms, labelled, _ = of_the_run(1, 150)
    found = ppi_mean(judged, norms, labelled, power=power)
    error = np.sqrt((1 - 150 / 600) * np.var(labelled.labels - power * labelled.judged, ddof=1) / 150)
    effective = found.mean * (1 - found.mean) / error**2
    expected = wilson_interval(found.mean, effective, scipy_stats.t.ppf(0.975, 149))
    assert (found.run_low, found.run_high) == pytest.approx(expected, rel=1e-9)


def unequal(seed: int):
    """A run of 600 and labels drawn one by one, those that the judge calls bad four times as often."""
    _, _, whole, _ = of_the_run(seed, 600, judge=(0.8, 0.6))
    judged, truth, norms = whole.judged, whole.labels, list(whole.clusters)
    probabilities = np.where(judged == 0, 0.6, 0.15)
    chosen = np.nonzero(np.random.default_rng(seed + 1).random(600) < probabilities)[0]
    labelled = Labelled.of(truth[chosen], judged[chosen], [norms[i] for i in chosen], probabilities[chosen])
    return judged, norms, labelled, truth


def hajek(found, residuals, weights, n):
    """The run's interval by Hajek's variance, drawing probabilities scaled to the run's size."""
    drawn = weights.sum() / (n * weights)
    variance = (np.square(residuals / drawn) * (1 - drawn)).sum() / n**2
    variance *= len(weights) / (len(weights) - 1)
    effective = found.mean * (1 - found.mean) / variance
    return wilson_interval(found.mean, effective, scipy_stats.t.ppf(0.975, len(weights) - 1))


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_the_runs_interval_of_ppi_is_hajeks_for_unequal_draws(seed):
    judged, norms, labelled, _ = unequal(seed)
    found = ppi_mean(judged, norms, labelled, power=0.7)
    gap = labelled.labels - 0.7 * labelled.judged
    residuals = gap - np.average(gap, weights=labelled.weights)
    assert (found.run_low, found.run_high) == pytest.approx(hajek(found, residuals, labelled.weights, 600), rel=1e-9)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_rogan_gladens_interval_for_the_run_is_hajeks_within_verdicts(seed):
    judged, norms, labelled, _ = unequal(seed)
    found = rogan_gladen(judged, norms, labelled)
    residuals, weights, mean = labelled.labels.copy(), labelled.weights.copy(), 0.0
    for score in (0, 1):
        here, share = labelled.judged == score, np.mean(judged == score)
        within = np.average(labelled.labels[here], weights=labelled.weights[here])
        residuals[here] -= within
        weights[here] *= share / labelled.weights[here].sum()
        mean += share * within
    assert found.mean == pytest.approx(mean, abs=1e-12)
    expected = hajek(found, residuals, weights * len(weights), 600)
    assert (found.run_low, found.run_high) == pytest.approx(expected, rel=1e-9)


def test_a_weak_judge_costs_rogan_gladen_no_more_than_ppi():
    judged, norms, labelled, truth = of_the_run(6, 150, judge=(0.55, 0.6))
    ppi, rates = ppi_mean(judged, norms, labelled), rogan_gladen(judged, norms, labelled)
    assert rates.run_high - rates.run_low < 1.05 * (ppi.run_high - ppi.run_low)
    assert rates.high - rates.low < 1.05 * (ppi.high - ppi.low)
    assert rates.run_low < truth.mean() < rates.run_high


def test_a_judge_that_says_one_thing_leaves_the_labels_mean():
    _, norms, labelled, _ = of_the_run(7, 150)
    same = Labelled(labelled.labels, np.ones(150), labelled.clusters, labelled.weights)
    for found in (ppi_mean(np.ones(600), norms, same), rogan_gladen(np.ones(600), norms, same)):
        assert found.mean == pytest.approx(labelled.labels.mean())
        assert found.low < found.run_low < found.mean < found.run_high < found.high


def test_labels_of_one_norm_crash_nothing():
    labels, judged, rest = draws(16, 40)
    one = Labelled.of(labels, judged, ["n"] * 40)
    found = rogan_gladen(rest, range(900), one)
    assert (found.low, found.reason) == (None, "too few clusters")
    norms = np.where(labels == 0, "n", np.arange(40).astype(str)).tolist()
    found = rogan_gladen(rest, range(900), Labelled.of(labels, judged, norms), of_run=False)
    assert (found.low, found.reason) == (None, "too few clusters")


def test_scores_that_the_labels_rates_rule_out_give_no_interval():
    labels, judged, _ = draws(17, 400)
    found = rogan_gladen(np.ones(500), range(500), Labelled.of(labels, judged, range(400)), of_run=False)
    assert (found.low, found.high) == (None, None)
    assert found.reason == "the judge can't err here as often as on the labelled answers"


def test_a_run_labelled_whole_is_known():
    judged, norms, labelled, truth = of_the_run(3, 600)
    for found in (ppi_mean(judged, norms, labelled), rogan_gladen(judged, norms, labelled)):
        assert (found.mean, found.run_low, found.run_high) == pytest.approx([truth.mean()] * 3)
        assert found.low < found.mean < found.high


def test_a_batch_labelled_half_leaves_more_open_than_its_probabilities_say():
    judged, norms, labelled, _ = of_the_run(4, 300)
    widths = []
    for n in (300, 150):
        part = Labelled.of(labelled.labels[:n], labelled.judged[:n], labelled.clusters[:n], np.full(n, 0.5))
        found = ppi_mean(judged, norms, part)
        widths.append(found.run_high - found.run_low)
    assert widths[1] / widths[0] == pytest.approx(np.sqrt(0.75 / 150) / np.sqrt(0.5 / 300), rel=0.1)


@pytest.mark.parametrize("drawn", [100, 300])
def test_a_judge_that_no_label_contradicts_may_still_err(drawn):
    judged, norms, labelled, _ = of_the_run(5, drawn, judge=(1.0, 1.0))
    for found in (ppi_mean(judged, norms, labelled), rogan_gladen(judged, norms, labelled)):
        assert found.mean == pytest.approx(judged.mean(), abs=1e-3)
        assert 1 / drawn < found.run_high - found.run_low < 10 / drawn
        assert found.low < found.run_low < found.run_high < found.high


def test_a_judge_that_no_label_contradicts_is_taken_to_err_by_laplaces_rule():
    judged, norms, labelled, _ = of_the_run(9, 300, judge=(1.0, 1.0))
    found = rogan_gladen(judged, norms, labelled)
    variance = 0.0
    for score in (0, 1):
        size, seen = (judged == score).sum(), (labelled.judged == score).sum()
        rate = 1 / (seen + 2)
        variance += (size / 600) ** 2 * (1 - seen / size) * rate * (1 - rate) / seen
    effective = found.mean * (1 - found.mean) / variance
    expected = wilson_interval(found.mean, effective, scipy_stats.t.ppf(0.975, 299))
    assert (found.run_low, found.run_high) == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize(("errors", "enough"), [(1, False), (2, False), (3, True)])
def test_three_errors_show_how_errors_vary(errors, enough):
    judged, truth = np.repeat([0.0, 1.0], 300), np.repeat([0.0, 1.0], 300)
    truth[:errors], truth[300:320] = 1.0, 0.0
    chosen = np.concatenate([np.arange(100), np.arange(300, 400)])
    found = rogan_gladen(judged, range(600), Labelled.of(truth[chosen], judged[chosen], chosen.tolist()))
    residuals = truth[chosen] - np.repeat([errors / 100, 0.8], 100)
    low, high = hajek(found, residuals, np.ones(200), 600)
    assert (found.run_high - found.run_low == pytest.approx(high - low, rel=1e-9)) == enough
    assert found.run_high - found.run_low > (high - low) * (1 - 1e-9)


def test_errors_seen_in_one_verdict_say_nothing_of_the_other():
    """Good answers that the judge calls bad are unseen: 100 zeros of a run's 480 were labelled, none wrongly 0."""
    judged = np.repeat([0.0, 1.0], [480, 120])
    truth = np.concatenate([np.zeros(480), np.repeat([1.0, 0.0], [100, 20])])
    chosen = np.concatenate([np.arange(100), np.arange(480, 600, 2)])
    labelled = Labelled.of(truth[chosen], judged[chosen], chosen.tolist())
    for found in (ppi_mean(judged, range(600), labelled), rogan_gladen(judged, range(600), labelled)):
        unseen = 0.8 * np.sqrt((1 / 102) * (101 / 102) / 100)
        assert found.run_high - found.mean > 1.9 * unseen


def test_few_errors_of_the_judge_leave_room_for_more_with_labels_of_another_run():
    labels, _, rest = draws(15)
    found = rogan_gladen(*apart(labels, labels, rest), of_run=False)
    rate = mean_interval(rest, range(len(rest)))
    assert found.mean == pytest.approx(rate.mean)
    assert found.high - found.low > 1.1 * (rate.high - rate.low)


@pytest.mark.long
def test_intervals_hold_the_runs_mean_as_often_as_they_promise():
    """600 runs with norms; 95% has a standard error of 0.9 points. The norms' interval would hold it too often."""
    covered = np.zeros(3)
    for seed in range(600):
        judged, norms, labelled, truth = of_the_run(2_000 + seed, 200)
        ppi, rates = ppi_mean(judged, norms, labelled), rogan_gladen(judged, norms, labelled)
        ends = [(ppi.run_low, ppi.run_high), (rates.run_low, rates.run_high), (ppi.low, ppi.high)]
        covered += [low <= truth.mean() <= high for low, high in ends]
    assert (np.abs(covered[:2] / 600 - 0.95) < 0.03).all()
    assert covered[2] / 600 > 0.98


# --- a run with a label file ---


def test_a_run_corrected_by_its_own_labels_comes_close_to_what_people_would_say(tmp_path):
    run = load_run(write_run(tmp_path / "a", SAMPLES, JUDGE))
    truth = np.mean([TRUTH(each, "compliance") for each in SAMPLES])
    found = corrected_mean(run.answers, label_set(run, SAMPLES, TRUTH), "compliance")
    assert found.of_run
    assert found.judge_rate.high < truth
    for each in (found.rogan_gladen, found.ppi):
        assert each.low < each.run_low < truth < each.run_high < each.high
        assert each.labels == found.labels == 200
    assert found.sensitivity == pytest.approx(0.8, abs=0.1)
    assert found.specificity == pytest.approx(0.9, abs=0.1)
    for name, true_rate in (("sensitivity", 0.8), ("specificity", 0.9)):
        rate, (low, high) = getattr(found, name), found.intervals[name]
        assert low < rate < high
        assert low < true_rate < high
        assert f"{rate:.2f} [{low:.2f}, {high:.2f}]" in corrected_table([found])


def test_the_table_of_labels_has_an_interval_of_every_rate_that_needs_one(tmp_path):
    """The same as agree's: over resampled norms."""
    run = load_run(write_run(tmp_path / "a", SAMPLES, JUDGE))
    labels = label_set(run, SAMPLES, TRUTH)
    (judge,) = labels.judges.values()
    found = labels.judge_agreement(judge, "compliance")
    kept = ~np.isnan(labels.consensus("compliance"))
    norms = [item.norm_id for item in labels.batch.items]
    judged = np.array(scores(labels.judgement_of(judge), "compliance"))
    expected = agreement_intervals(
        labels.consensus("compliance")[kept], judged[kept], norms, 1 / labels.batch.probabilities[kept]
    )
    assert kept.all()
    assert found.intervals == expected
    low, high = expected["kappa"]
    assert f"| {found.table.kappa:.2f} [{low:.2f}, {high:.2f}] |" in labels_table(labels)


@pytest.mark.long
def test_labels_of_another_models_answers_give_no_ppi(tmp_path):
    other = load_run(write_run(tmp_path / "other", SAMPLES, JUDGE, answer=lambda each: f"Another to {each.item}."))
    run = load_run(write_run(tmp_path / "a", SAMPLES, JUDGE))
    found = corrected_mean(run.answers, label_set(other, SAMPLES, TRUTH), "compliance")
    assert (found.of_run, found.ppi) == (False, None)
    assert found.rogan_gladen.low < np.mean([TRUTH(each, "compliance") for each in SAMPLES]) < found.rogan_gladen.high


def test_labels_of_a_part_of_the_run_count_as_labels_of_another(tmp_path):
    part = load_run(write_run(tmp_path / "part", SAMPLES[:300], JUDGE))
    whole = load_run(write_run(tmp_path / "whole", SAMPLES, JUDGE))
    labels = label_set(part, SAMPLES, TRUTH)
    assert corrected_mean(part.answers, labels, "compliance").of_run
    found = corrected_mean(whole.answers, labels, "compliance")
    assert (found.of_run, found.ppi, found.rogan_gladen.run_low) == (False, None, None)


def test_a_slice_is_corrected_by_its_own_labels(tmp_path):
    run = load_run(write_run(tmp_path / "a", SAMPLES, JUDGE))
    labels = label_set(run, SAMPLES, TRUTH)
    japan = [answer for answer in run.answers if answer.sample.country == "Japan"]
    found = corrected_mean(japan, labels, "compliance")
    assert found.labels == sum(item.country == "Japan" for item in labels.batch.items) < 200


def test_a_run_is_corrected_with_the_probabilities_of_the_draw(tmp_path):
    run = load_run(write_run(tmp_path / "a", SAMPLES, chance("rare", 0.1)))
    labels = label_set(run, SAMPLES, TRUTH, 150)
    probabilities = np.array([item.probability for item in labels.batch.items])
    assert probabilities.max() > 2 * probabilities.min()
    truth = np.array([each.labels["compliance"] for each in labels.annotations], dtype=float)
    told = np.array([verdict["compliance"].score for verdict in labels.batch.latest.verdicts])
    rate = np.mean([answer.outcomes["compliance"].score for answer in run.answers])
    within = [np.average(truth[told == score], weights=1 / probabilities[told == score]) for score in (0, 1)]
    found = corrected_mean(run.answers, labels, "compliance")
    assert found.rogan_gladen.mean == pytest.approx((1 - rate) * within[0] + rate * within[1], abs=1e-12)


@pytest.mark.long
@pytest.mark.parametrize(("kept", "of_run"), [(0.6, True), (0.4, False)])
def test_labels_are_of_the_run_if_most_of_its_answers_are_the_labelled_ones(tmp_path, kept, of_run):
    labels = label_set(load_run(write_run(tmp_path / "old", SAMPLES, JUDGE)), SAMPLES, TRUTH)
    same = chance("kept", kept)

    def answer(each):
        return f"An answer to {each.item}." if same(each, "compliance") else "Another."

    run = load_run(write_run(tmp_path / "new", SAMPLES, JUDGE, answer=answer))
    found = corrected_mean(run.answers, labels, "compliance")
    unchanged = sum(bool(same(each, "compliance")) for each in SAMPLES if each.sample_id in labels_of(labels))
    assert (found.of_run, found.labels) == (of_run, unchanged if of_run else 200)


def labels_of(labels: LabelSet) -> set[str]:
    return {item.sample_id for item in labels.batch.items}


@pytest.mark.long
def test_another_part_of_the_benchmark_had_no_chance_to_be_labelled(tmp_path):
    other = [replace(each, setting="multilingual", sample_id=f"{each.sample_id}m") for each in SAMPLES[200:]]
    labels = label_set(load_run(write_run(tmp_path / "old", SAMPLES, JUDGE)), SAMPLES, TRUTH)
    run = load_run(write_run(tmp_path / "new", [*SAMPLES[:200], *other], JUDGE))
    assert not corrected_mean(run.answers, labels, "compliance").of_run


def test_two_draws_have_together_the_probabilities_of_one(tmp_path):
    run = anchor_of_run(load_run(write_run(tmp_path / "a", SAMPLES, chance("rare", 0.15))))
    twice, once = draw(draw(run, 300, seed=1), 60, seed=2), draw(run, 60)
    spread = [np.ptp(np.log([item.probability for item in each.items])) for each in (twice, once)]
    assert spread[0] < 1.2 * spread[1]
    estimate = sum(1 / item.probability for item in twice.items)
    assert estimate == pytest.approx(400, rel=0.25)


@pytest.mark.long
def test_two_annotators_who_differ_count_half_each(tmp_path):
    run = load_run(write_run(tmp_path / "a", SAMPLES, JUDGE))
    one, two = (label_set(run, SAMPLES, rule, annotators=(name,)) for rule, name in ((TRUTH, "x"), (JUDGE, "y")))
    both = one.model_copy(update={"annotations": [*one.annotations, *two.annotations]})
    assert set(both.consensus("compliance")) == {0.0, 0.5, 1.0}
    means = [corrected_mean(run.answers, labels, "compliance").rogan_gladen.mean for labels in (one, both, two)]
    assert means[1] == pytest.approx((means[0] + means[2]) / 2, abs=1e-9)
