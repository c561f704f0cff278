"""The sequential gate's levels, plan and decisions, on made-up runs of CROSS's shape."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import f_oneway, multivariate_normal, norm

from lmms_eval_cross.benchmark.records import DIMENSIONS, Dimension, Outcome
from lmms_eval_cross.compare.baseline_file import read_baseline, write_baseline
from lmms_eval_cross.compare.comparison import Comparison, Rules
from lmms_eval_cross.compare.gate_json import render_json
from lmms_eval_cross.compare.gating import gate_by_looks
from lmms_eval_cross.compare.inputs import load_side
from lmms_eval_cross.compare.look_plan import plan_looks
from lmms_eval_cross.compare.pairs import pair_scores
from lmms_eval_cross.compare.rounds import Side
from lmms_eval_cross.runs.sample_record import JudgedAnswer
from lmms_eval_cross.stats import information_fractions, intraclass_correlation, nominal_levels
from tests.made_runs import cross_samples, draw, with_failures, write_run

SAMPLES = cross_samples()
GOOD = draw(SAMPLES, 0.7, seed=1)
WORSE = draw(SAMPLES, 0.7, seed=1, drop=0.2)
NOISY = draw(SAMPLES, 0.7, seed=1, flips=0.55)


FIVE_POINTS = Rules()
MARGINS = dict.fromkeys(DIMENSIONS, 10.0)


# --- levels ---


@pytest.mark.parametrize(
    ("alpha", "fractions", "published"),
    [
        # the example of SeqBounds.jl, whose bounds are those of ld98 (Reboussin, DeMets, Kim & Lan 2000)
        (0.05, (0.25, 0.5, 0.75, 1.0), (3.74955, 2.53993, 2.01604, 1.72014)),
        # Reboussin, DeMets, Kim & Lan, Controlled Clinical Trials 2000: five looks, two-sided 5%
        (0.025, (0.2, 0.4, 0.6, 0.8, 1.0), (4.8769, 3.3569, 2.6803, 2.2898, 2.0310)),
    ],
)
def test_the_looks_bounds_are_the_published_ones(alpha, fractions, published):
    bounds = -norm.ppf(nominal_levels(alpha, fractions))
    assert bounds == pytest.approx(published, abs=1.5e-4)


@pytest.mark.parametrize("fractions", [(0.22, 0.51, 0.80, 1.0), (0.3, 0.31, 1.0), (0.9, 1.0)])
def test_all_looks_together_spend_alpha_by_another_integral(fractions):
    bounds = -norm.ppf(nominal_levels(0.05, fractions))
    earlier, later = np.minimum.outer(fractions, fractions), np.maximum.outer(fractions, fractions)
    within = multivariate_normal(cov=np.sqrt(earlier / later), allow_singular=True, seed=1).cdf(bounds)
    assert 1 - within == pytest.approx(0.05, abs=2e-4)


@pytest.mark.parametrize(
    ("alpha", "fractions", "before"),
    [
        (
            0.05,
            (0.24, 0.5, 0.74, 1.0),
            (6.313944251390179e-05, 0.005552272279996822, 0.020978285618009553, 0.04296163978382255),
        ),
        (
            0.025,
            (0.22, 0.51, 0.8, 1.0),
            (1.7644390355484803e-06, 0.0016969591947897278, 0.0116669141272287, 0.02127700594555849),
        ),
        (0.05, (0.5, 1.0), (0.005574596673840596, 0.048245703000274136)),
        (0.05, (0.3, 0.31, 1.0), (0.00034571958003798143, 0.0003391956660550029, 0.04985215380118716)),
    ],
)
def test_levels_are_those_of_the_first_release(alpha, fractions, before):
    assert nominal_levels(alpha, fractions) == pytest.approx(before, abs=1e-12, rel=0)


def test_one_look_is_the_fixed_gate():
    assert nominal_levels(0.05, [1.0]) == pytest.approx([0.05])


@pytest.mark.parametrize("fractions", [[], [0.5, 0.4], [0.5, 0.502], [0.5, 1.1], [0.0, 1.0]])
def test_fractions_that_do_not_rise_within_one_are_refused(fractions):
    with pytest.raises(ValueError, match="fractions must"):
        nominal_levels(0.05, fractions)


# --- information ---


def test_the_correlation_within_norms_is_that_of_an_analysis_of_variance():
    generator = np.random.default_rng(3)
    clusters = np.repeat(np.arange(40), generator.integers(1, 9, 40))
    effects = generator.normal(size=40)
    scores = (effects[clusters] + generator.normal(size=len(clusters)) > 0).astype(float)
    ratio = f_oneway(*(scores[clusters == number] for number in range(40))).statistic
    sizes = np.bincount(clusters)
    typical = (len(scores) - (sizes**2).sum() / len(scores)) / (len(sizes) - 1)
    expected = (ratio - 1) / (ratio + typical - 1)
    assert intraclass_correlation(scores, clusters.tolist()) == pytest.approx(expected)


def test_no_correlation_can_be_estimated_of_equal_scores_or_of_norms_with_one_sample():
    assert intraclass_correlation([1.0, 1.0, 1.0, 1.0], "aabb") is None
    assert intraclass_correlation([1.0, 0.0, 1.0], "abc") is None


def test_information_counts_samples_where_nothing_is_shared_and_norms_where_all_is():
    assert information_fractions([1, 3, 4], [1, 2, 3], 0.0) == pytest.approx([1 / 8, 4 / 8, 1])
    assert information_fractions([2, 2, 2, 2], [1, 2, 4], 1.0) == pytest.approx([0.25, 0.5, 1])


# --- the plan ---


@pytest.fixture(scope="module")
def sides(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Side]:
    root = tmp_path_factory.mktemp("looks")
    made: dict[str, Side] = {}
    for name, scores in {"good": GOOD, "worse": WORSE, "noisy": NOISY}.items():
        responses = {sample.sample_id: f"{name} {sample.sample_id}" for sample in SAMPLES}
        made[name] = load_side([write_run(root / name, SAMPLES, scores, responses=responses)])
    return made


@pytest.mark.long
def test_trying_again_draws_no_other_order_and_another_run_does(sides):
    def order(baseline: Side, candidate: Side) -> tuple[str, ...]:
        return plan_looks(baseline, candidate, pair_scores(baseline, candidate)).norms

    first = order(sides["good"], sides["noisy"])
    assert order(sides["good"], unjudged(sides["noisy"])) == first
    assert order(sides["good"], sides["worse"]) != first
    assert sorted(order(sides["good"], sides["worse"])) == sorted(first)


def test_a_baseline_file_gives_the_order_that_its_run_gives(sides, tmp_path):
    (tmp_path / "baseline.json").write_text(write_baseline(sides["good"]), encoding="utf-8")
    file = Side(read_baseline(tmp_path / "baseline.json"))
    plans = [
        plan_looks(before, sides["noisy"], pair_scores(before, sides["noisy"])) for before in (sides["good"], file)
    ]
    assert plans[0] == plans[1]


def test_the_looks_have_a_fourth_of_the_norms_more_each_and_the_last_has_all(sides):
    plan = plan_looks(sides["good"], sides["noisy"], pair_scores(sides["good"], sides["noisy"]))
    assert plan.counts == (43, 85, 127, 169)
    assert plan.fractions == pytest.approx((0.25, 0.5, 0.75, 1.0), abs=0.06)
    assert plan.fractions[-1] == 1


# --- decisions ---


class Judge:
    """Gives what a run's answers were given, and notes what it is asked."""

    def __init__(self, side: Side) -> None:
        self.asked: list[tuple[str, Dimension]] = []
        self._answers = side.rounds[0].answers

    def __call__(
        self, answers: Sequence[JudgedAnswer], dimensions: Sequence[Dimension]
    ) -> list[Mapping[Dimension, Outcome]]:
        given: list[Mapping[Dimension, Outcome]] = []
        for answer in answers:
            sample_id = answer.sample.sample_id
            self.asked += [(sample_id, name) for name in dimensions]
            given.append({name: self._answers[sample_id].outcomes[name] for name in dimensions})
        return given


def unjudged(side: Side) -> Side:
    """The side as --predict_only leaves it."""
    (one,) = side.rounds
    answers = {name: replace(answer, outcomes={}) for name, answer in one.answers.items()}
    judging = {split: replace(judging, answered_by=()) for split, judging in one.judging.items()}
    return Side((replace(one, answers=answers, scores={}, judging=judging),))


def gate(baseline: Side, candidate: Side, rules: Rules = FIVE_POINTS) -> tuple[Comparison, Judge]:
    judge = Judge(candidate)
    return gate_by_looks(baseline, unjudged(candidate), rules, judge), judge


@pytest.mark.long
def test_equal_models_are_decided_before_all_is_judged_and_what_is_decided_is_asked_no_more(sides):
    comparison, judge = gate(sides["good"], sides["noisy"], Rules(MARGINS))
    assert (comparison.decision, comparison.exit_code) == ("not worse", 0)
    assert len(judge.asked) == len(set(judge.asked)) < 4 * len(SAMPLES)
    looks = comparison.looks
    assert looks is not None
    assert looks.taken[-1].asked == len(judge.asked)
    assert looks.verdicts == 4 * len(SAMPLES)
    for name in DIMENSIONS:
        norms = {sample.norm_id for sample in SAMPLES if (sample.sample_id, name) in set(judge.asked)}
        assert len(norms) == looks.last[name].norms


def test_one_dimension_that_is_worse_ends_the_gate(sides):
    comparison, judge = gate(sides["good"], sides["worse"])
    assert comparison.exit_code == 1
    assert len(judge.asked) < 4 * len(SAMPLES) / 2
    assert any(metric.decision == "worse" for metric in comparison.metrics)


def test_slices_that_may_decide_have_everything_judged_before_it_is_not_worse_and_worse_stops_early(sides):
    rules = Rules(MARGINS, slices="fail")
    comparison, judge = gate(sides["good"], sides["noisy"], rules)
    assert comparison.exit_code == 0
    assert len(judge.asked) == 4 * len(SAMPLES)
    comparison, judge = gate(sides["good"], sides["worse"], rules)
    assert comparison.exit_code == 1
    assert len(judge.asked) < 4 * len(SAMPLES)


def test_only_gated_dimensions_are_asked(sides):
    comparison, judge = gate(sides["good"], sides["noisy"], Rules({"compliance": 10.0}))
    assert {name for _, name in judge.asked} == {"compliance"}
    assert [metric.name for metric in comparison.metrics] == ["compliance"]


def test_judged_runs_ask_for_nothing_and_decide_as_when_they_are_judged_on_the_way(sides):
    def nobody(*_: object) -> list[Mapping[Dimension, Outcome]]:
        raise AssertionError("asked")

    judged = gate_by_looks(sides["good"], sides["noisy"], Rules(MARGINS), nobody)
    on_the_way, _ = gate(sides["good"], sides["noisy"], Rules(MARGINS))
    assert judged.looks is not None
    assert on_the_way.looks is not None
    decided = [
        {name: (one.norms, one.decision) for name, one in looks.last.items()}
        for looks in (judged.looks, on_the_way.looks)
    ]
    assert decided[0] == decided[1]


def test_the_bounds_of_a_look_hold_at_its_levels(sides):
    comparison, _ = gate(sides["good"], sides["noisy"], Rules(MARGINS))
    assert comparison.looks is not None
    look = comparison.looks.taken[0]
    for looked in look.dimensions:
        difference = looked.difference
        assert difference is not None
        reach = (difference.difference - (difference.lower_bound or 0)) / (difference.standard_error or 1)
        assert reach >= -norm.ppf(look.levels.not_worse), "by t, whose quantiles lie beyond the normal ones"


@pytest.mark.long
def test_too_few_verdicts_decide_nothing(sides, tmp_path):
    failing = load_side([write_run(tmp_path / "failing", SAMPLES, with_failures(WORSE, 0.3))])
    comparison, _ = gate(sides["good"], failing)
    assert comparison.exit_code == 3
    assert "of its awareness verdicts, and 99% are needed" in comparison.obstacles[0]


def test_another_judge_decides_nothing_and_costs_nothing(sides, tmp_path):
    other = load_side([write_run(tmp_path / "other", SAMPLES, NOISY, judge_id="judge-2")])
    comparison, judge = gate(sides["good"], other)
    assert comparison.exit_code == 3
    assert not judge.asked


@pytest.mark.long
def test_a_candidate_that_another_model_judged_is_seen_at_the_first_look(sides, tmp_path):
    other = load_side([write_run(tmp_path / "other", SAMPLES, NOISY, answered_by="judge-1-2026-06")])
    comparison, judge = gate(sides["good"], other)
    assert comparison.exit_code == 3
    assert "The model that answered as the judge differs" in comparison.obstacles[0]
    assert len(judge.asked) < 2 * len(SAMPLES)


def test_the_json_holds_every_look(sides):
    comparison, _ = gate(sides["good"], sides["noisy"], Rules(MARGINS))
    assert '"looks": {' in render_json(comparison)
