"""Bridges: refusals, what the difference reduces to, and how often its bounds hold."""

import numpy as np
import pytest

from lmms_eval_cross.errors import AnchorError
from lmms_eval_cross.runs.run_files import load_run
from lmms_eval_cross.stats import Bridge, bounds_with_failures, bridged_bounds, bridged_difference, paired_difference
from lmms_eval_cross.trust.anchor import Judgement, anchor_of_run, draw
from lmms_eval_cross.trust.bridge import bridges
from lmms_eval_cross.trust.stamp import JudgeStamp
from tests.judged_runs import chance, noisy, provenance, sample, write_run

SAMPLES = [sample(number) for number in range(200)]
OLD, NEW = (JudgeStamp.of(provenance(name)) for name in ("old-judge", "new-judge"))


def simulated(seed: int, drop: float = 0.0, norms: int = 150, size: int = 4, anchor: int = 300):
    """A baseline by the old judge, a candidate by the new one, and a bridge drawn from the baseline's answers."""
    generator = np.random.default_rng(seed)
    clusters = np.repeat(np.arange(norms), size)
    level = generator.normal(0, 0.15, norms)[clusters]
    good = [(generator.random(len(clusters)) < 0.6 - fall + level).astype(float) for fall in (0.0, drop)]
    old = judged(generator, good[0], 0.85, 0.9)
    seen = judged(generator, good[0], 0.75, 0.8)
    candidate = judged(generator, good[1], 0.75, 0.8)
    drawn = generator.choice(len(clusters), anchor, replace=False)
    return old, candidate, clusters, Bridge.of(old[drawn], seen[drawn], clusters[drawn].tolist())


def judged(generator: np.random.Generator, truth: np.ndarray, sensitivity: float, specificity: float) -> np.ndarray:
    right = generator.random(len(truth)) < np.where(truth == 1, sensitivity, specificity)
    return np.where(right, truth, 1 - truth)


# --- refusals ---


def test_a_bridge_of_nine_answers_of_a_score_is_refused():
    old = [1.0] * 9 + [0.0] * 30
    with pytest.raises(ValueError, match="old must hold 10 of each score, got 9 of 39"):
        Bridge.of(old, old, range(39))


def test_an_anchor_that_one_of_the_judges_never_saw_is_no_bridge(tmp_path):
    anchor = anchor_of_run(load_run(write_run(tmp_path / "a", SAMPLES, chance("x"))))
    with pytest.raises(AnchorError, match=r"a was not judged by new-judge .*; type `lmms-eval-cross anchor judge`"):
        bridges(anchor, OLD, NEW, ["compliance"])


def test_runs_without_a_score_on_both_sides_are_refused():
    _, _, _, bridge = simulated(0)
    with pytest.raises(ValueError, match="no sample has a score on both sides"):
        bridged_difference([np.nan, 1], [1, np.nan], "ab", bridge)


# --- what it reduces to ---


def test_the_difference_is_the_candidates_mean_less_the_post_stratified_baseline():
    old, candidate, clusters, bridge = simulated(1)
    found = bridged_difference(old, candidate, clusters, bridge)
    rates = [bridge.new[bridge.old == score].mean() for score in (0, 1)]
    expected = candidate.mean() - (rates[1] * old.mean() + rates[0] * (1 - old.mean()))
    assert found.difference == pytest.approx(expected)
    assert found.lower_bound < found.difference < found.upper_bound


def test_judges_that_agree_everywhere_bridge_to_the_paired_difference_with_wider_bounds():
    old, candidate, clusters, bridge = simulated(2)
    same = Bridge.of(bridge.old, bridge.old, bridge.clusters)
    found, plain = bridged_difference(old, candidate, clusters, same), paired_difference(old, candidate, clusters)
    assert found.difference == pytest.approx(plain.difference)
    assert (found.baseline_only, found.candidate_only) == (plain.baseline_only, plain.candidate_only)
    assert found.standard_error > plain.standard_error


def test_a_smaller_bridge_is_less_certain():
    errors = []
    for anchor in (60, 150, 600):
        errors.append(bridged_difference(*simulated(3, anchor=anchor)).standard_error)
    assert errors[0] > errors[1] > errors[2]


def test_weights_turn_an_unequal_draw_into_an_equal_one():
    old, candidate, clusters, whole = simulated(4, anchor=600)
    generator = np.random.default_rng(5)
    probabilities = np.where(whole.new == whole.old, 0.2, 0.8)
    means = []
    for _ in range(200):
        drawn = np.flatnonzero(generator.random(600) < probabilities)
        bridge = Bridge.of(whole.old[drawn], whole.new[drawn], [whole.clusters[i] for i in drawn], probabilities[drawn])
        means.append(bridged_difference(old, candidate, clusters, bridge).difference)
    expected = bridged_difference(old, candidate, clusters, whole).difference
    assert np.mean(means) == pytest.approx(expected, abs=4 * np.std(means) / np.sqrt(200) + 0.002)


@pytest.mark.long
def test_the_error_with_a_bridge_is_the_spread_of_the_difference():
    found = [bridged_difference(*simulated(seed)) for seed in range(300)]
    spread = np.std([each.difference for each in found])
    assert np.mean([each.standard_error for each in found]) == pytest.approx(spread, rel=0.12)


@pytest.mark.long
def test_bounds_hold_the_true_difference_as_often_as_they_promise():
    """On the new judge's scale a true drop of 10 points is 5.5: sensitivity + specificity - 1 of it."""
    found = [bridged_difference(*simulated(2_000 + seed, drop=0.1)) for seed in range(400)]
    covered = np.mean([each.low <= -0.055 <= each.high for each in found])
    assert covered == pytest.approx(0.95, abs=0.035)


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("agree", [True, False])
def test_weighted_judges_that_always_agree_or_never_do_have_rates_of_0_and_1(seed, agree):
    """Shares of floats may add up to 1.0000000000000002, which is no score."""
    generator = np.random.default_rng(seed)
    old = np.repeat([0.0, 1.0], 150)
    bridge = Bridge.of(old, old if agree else 1 - old, range(300), generator.uniform(0.01, 1, 300))
    rates = [bridge.rate(score) for score in (0, 1)]
    assert rates == pytest.approx([0, 1] if agree else [1, 0])
    assert max(rates) <= 1
    found = bridged_difference(old, old, range(300), bridge)
    assert found.difference == pytest.approx(0)


# --- failures ---


def test_failures_are_filled_on_the_new_scale_and_counted():
    old, candidate, clusters, bridge = simulated(6)
    old[:3], candidate[3:5] = np.nan, np.nan
    found, plain = bridged_bounds(old, candidate, clusters, bridge), bounds_with_failures(old, candidate, clusters)
    assert (found.baseline_failures, found.candidate_failures) == (3, 2)
    assert found.complete.n == plain.complete.n == 595
    assert found.against.difference < found.complete.difference < found.in_favour.difference
    swing = found.in_favour.difference - found.against.difference
    assert swing == pytest.approx(5 / 600)


def test_rounds_are_averaged():
    old, candidate, clusters, bridge = simulated(7)
    twice = bridged_difference(np.stack([old, old], 1), np.stack([candidate, candidate], 1), clusters, bridge)
    once = bridged_difference(old, candidate, clusters, bridge)
    assert twice == once


# --- from an anchor ---


def test_an_anchor_judged_by_both_bridges_every_dimension(tmp_path):
    rule = chance("x", 0.6)
    old = anchor_of_run(load_run(write_run(tmp_path / "a", SAMPLES, rule)))
    new = anchor_of_run(load_run(write_run(tmp_path / "b", SAMPLES, noisy(rule, "new"), provenance("new-judge"))))
    both = old.model_copy(
        update={"judgements": [*old.judgements, Judgement(judge=NEW, verdicts=new.judgements[0].verdicts)]}
    )
    found = bridges(draw(both, 120), OLD, NEW, ["compliance", "awareness"])
    assert set(found) == {"compliance", "awareness"}
    assert found["compliance"].rate(1) == pytest.approx(0.8, abs=0.12)
    assert found["compliance"].rate(0) == pytest.approx(0.1, abs=0.12)
