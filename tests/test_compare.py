"""The gate on made-up runs of CROSS's shape: what it refuses, what it decides, how it exits."""

import json
import re
import subprocess
import sys
from itertools import product
from math import nextafter
from pathlib import Path

import numpy as np
import pytest
from statsmodels.stats.multitest import multipletests

from lmms_eval_cross.benchmark.records import DIMENSIONS
from lmms_eval_cross.compare import decide
from lmms_eval_cross.compare.comparison import MetricResult
from lmms_eval_cross.compare.inputs import load_side
from lmms_eval_cross.compare.worst_slices import find_slices
from lmms_eval_cross.stats import inferiority, paired_difference
from tests.command import compare, said
from tests.made_runs import cross_samples, draw, task, with_failures, write_run
from tests.run_folders import STAMP, samples_file

SAMPLES = cross_samples()
GOOD = draw(SAMPLES, 0.7, seed=1)
WORSE = draw(SAMPLES, 0.7, seed=1, drop=0.2)
NOISY = draw(SAMPLES, 0.7, seed=1, flips=0.55)
"""As good as GOOD, but a quarter of the verdicts differ."""


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Runs that many tests read and none changes."""
    root = tmp_path_factory.mktemp("runs")
    for name, scores in {"good": GOOD, "worse": WORSE, "noisy": NOISY}.items():
        write_run(root / name, SAMPLES, scores)
    for name, scores in {"half-judged": GOOD, "worse-half-judged": WORSE}.items():
        write_run(root / name, SAMPLES, with_failures(scores, 0.3))
    return root


# --- no verdict ---


@pytest.mark.long
def test_an_unexpected_exception_is_no_verdict_and_keeps_its_traceback(runs, monkeypatch):
    def broken(*_: object) -> None:
        raise IndexError("a bug")

    monkeypatch.setattr(decide, "find_slices", broken)
    result = compare(runs / "good", runs / "good")
    assert result.exit_code == 3
    assert "Traceback" in result.output
    assert "IndexError: a bug" in result.output


@pytest.mark.long
@pytest.mark.parametrize("problem", [KeyboardInterrupt, MemoryError, SystemExit(1), BrokenPipeError(32, "Broken pipe")])
def test_what_click_or_python_would_exit_1_for_is_no_verdict(runs, monkeypatch, problem):
    def stopped(*_: object) -> None:
        raise problem

    monkeypatch.setattr(decide, "find_slices", stopped)
    assert compare(runs / "good", runs / "good").exit_code == 3


def test_ctrl_c_is_one_sentence_and_no_verdict(runs, monkeypatch):
    def stopped(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(decide, "find_slices", stopped)
    result = compare(runs / "good", runs / "good")
    assert result.exit_code == 3
    assert result.stderr.startswith("lmms-eval-cross: Stopped by Ctrl-C: ")
    assert result.stderr.count("\n") == 1


def test_an_output_that_nobody_can_read_is_no_verdict(runs, bare_environment):
    command = [sys.executable, "-m", "lmms_eval_cross", "compare", str(runs / "good"), str(runs / "worse")]
    with open("/dev/full", "w") as full:
        assert subprocess.run(command, stdout=full, stderr=subprocess.DEVNULL, check=False).returncode == 3


@pytest.mark.long
@pytest.mark.parametrize("candidate", ["good", "worse", "worse-half-judged"])
def test_a_judge_that_fails_three_calls_in_ten_gives_no_verdict_whatever_the_candidate(runs, candidate):
    for sides in ((runs / "half-judged", runs / candidate), (runs / candidate, runs / "half-judged")):
        result = compare(*sides, "--inconclusive", "pass")
        assert result.exit_code == 3
        assert "% of its awareness verdicts, and 99% are needed" in said(result)


@pytest.mark.long
def test_a_run_without_verdicts_is_named_once(runs, tmp_path):
    unjudged = write_run(tmp_path / "unjudged", SAMPLES, with_failures(GOOD, 1.0))
    sentence = (
        "The {} has only 0.0% of its awareness verdicts, and 99% are needed (education 0.0%, compliance 0.0%, "
        "helpfulness 0.0%); judge what is missing."
    )
    for candidate, sides in ((runs / "good", ["baseline"]), (unjudged, ["baseline", "candidate"])):
        assert compare(unjudged, candidate, "--json", tmp_path / "o.json").exit_code == 3
        reasons = json.loads((tmp_path / "o.json").read_text())["reasons"]
        assert reasons == [sentence.format(side) for side in sides]


@pytest.mark.long
def test_failures_that_could_turn_the_decision_give_no_verdict_where_low_coverage_is_allowed(runs, monkeypatch):
    monkeypatch.setenv("CROSS_MIN_COVERAGE", "50")
    result = compare(runs / "half-judged", runs / "half-judged", "--inconclusive", "pass")
    assert result.exit_code == 3
    assert "Failures could turn the decision" in said(result)


@pytest.mark.long
@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"judge_id": "judge-2"}, "The judge id differs in casa/english, casa/multilingual, safeworld/english"),
        ({"judge": "offline"}, "The judge differs"),
        ({"rubric_sha256": "ef" * 32}, "The rubric differs"),
        ({"profile": "one-call"}, "The judge profile differs"),
        ({"request": {"temperature": 1}}, "The judge request differs"),
        ({"data_sha256": "ef" * 32}, "The data hash differs"),
        ({"answered_by": "judge-1-2026-06"}, "The model that answered as the judge differs"),
    ],
)
def test_runs_that_were_judged_otherwise_are_not_compared(runs, tmp_path, change, words):
    other = write_run(tmp_path / "other", SAMPLES, WORSE, **change)
    result = compare(runs / "good", other, "--inconclusive", "pass", "--json", tmp_path / "o.json")
    assert result.exit_code == 3
    assert words in said(result)
    assert json.loads((tmp_path / "o.json").read_text())["metrics"] == []


@pytest.mark.long
def test_a_judge_id_of_ones_own_vouches_for_the_models_that_answer(tmp_path):
    sides = [
        write_run(tmp_path / name, SAMPLES, GOOD, judge_id="ours", answered_by=name) for name in ("host-a", "host-b")
    ]
    assert compare(*sides).exit_code == 0


def test_a_run_that_two_judges_judged_is_refused(tmp_path):
    half = len(SAMPLES) // 8
    write_run(tmp_path / "mixed", SAMPLES[:half], GOOD)
    other = write_run(tmp_path / "x", SAMPLES[half : 2 * half], GOOD, judge_id="judge-2")
    samples_file(tmp_path / "mixed", "b").write_bytes(samples_file(other, "cross_casa").read_bytes())
    result = compare(tmp_path / "mixed", tmp_path / "mixed")
    assert result.exit_code == 2
    assert "judged in 2 ways within casa/english" in said(result)


@pytest.mark.long
def test_other_wordings_are_not_compared(runs, tmp_path):
    first = [each for each in SAMPLES if each.wording == 1]
    result = compare(runs / "good", write_run(tmp_path / "first", first, GOOD))
    assert result.exit_code == 3
    assert "only one side has casa/english wording 2, casa/english wording 3" in said(result)


@pytest.mark.long
def test_more_missing_samples_than_allowed_give_no_verdict_and_fewer_count_as_failures(runs, tmp_path):
    few = write_run(tmp_path / "few", SAMPLES[12:], GOOD)
    many = write_run(tmp_path / "many", SAMPLES[13:], GOOD)
    assert compare(runs / "good", few).exit_code == 0
    result = compare(runs / "good", many)
    assert result.exit_code == 3
    assert "13 only in the baseline and 0 only in the candidate, of 1,284; 1% may" in said(result)


def test_too_few_norms_are_no_verdict_that_nobody_can_wave_through(tmp_path):
    few = [each for each in SAMPLES if each.norm.endswith(("casa0000", "casa0001"))]
    run = write_run(tmp_path / "few", few, GOOD)
    result = compare(run, run, "--inconclusive", "pass")
    assert result.exit_code == 3
    assert "Too few clusters" in said(result)


@pytest.mark.long
def test_data_that_cannot_decide_name_the_smallest_margin_that_they_can(runs, tmp_path):
    arguments = [runs / "good", runs / "noisy", "--margin", "compliance=2"]
    result = compare(*arguments, "--json", tmp_path / "o.json")
    assert result.exit_code == 3
    told = json.loads((tmp_path / "o.json").read_text())
    metric = next(each for each in told["metrics"] if each["name"] == "compliance")
    assert metric["smallest_margin"] == pytest.approx(-100 * metric["difference"]["lower_bound"])
    assert re.search(r"The smallest that they decide: compliance [\d.]+ \(given 2\) points", said(result))


@pytest.mark.long
@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("failed", [0.0, 0.005])
def test_the_smallest_margins_decide_when_typed_back_and_less_does_not(tmp_path, monkeypatch, seed, failed):
    monkeypatch.setenv("CROSS_MIN_COVERAGE", "95")
    samples = SAMPLES[::3]
    scores = draw(samples, 0.7, seed), draw(samples, 0.7, seed, flips=0.5 + seed / 20)
    sides = [
        write_run(tmp_path / str(side), samples, with_failures(drawn, failed, seed + side))
        for side, drawn in enumerate(scores)
    ]
    result = typed(sides, dict.fromkeys(DIMENSIONS, 0.5), "--json", tmp_path / "o.json")
    told = dict(re.findall(r"(\w+) ([\d.]+) \(given 0.5\)", said(result)))
    metrics = json.loads((tmp_path / "o.json").read_text())["metrics"]
    exact = {each["name"]: each["smallest_margin"] for each in metrics if each["name"] in told}
    assert len(told) >= 2
    assert [typed(sides, margins).exit_code for margins in (told, exact)] == [0, 0]
    assert [typed(sides, {name: nextafter(exact[name], 0)}).exit_code for name in told] == [3] * len(told)
    assert all(float(told[name]) - exact[name] < 0.1 for name in told)


def typed(sides, margins, *more):
    return compare(*sides, *(f"--margin={name}={margin}" for name, margin in margins.items()), *more)


def test_a_fall_that_holm_hides_is_decided_by_the_margin_alone():
    clusters = np.repeat(np.arange(40), 2)
    after = np.where(np.arange(80) < 12, 0.0, 1.0)
    fell = paired_difference(np.ones(80), after, clusters)
    assert fell.upper_bound < 0
    hidden = MetricResult("awareness", fell, "paired", 5.0, "inconclusive")
    assert hidden.smallest_margin == pytest.approx(-100 * fell.lower_bound)
    assert MetricResult("awareness", fell, "paired", 5.0, "worse").smallest_margin == 0


def test_a_metric_whose_failures_take_back_its_verdict_is_among_the_smallest_margins(tmp_path, monkeypatch):
    monkeypatch.setenv("CROSS_MIN_COVERAGE", "50")
    scores = draw(SAMPLES, 0.5, seed=1)
    rose = {}
    for place, (sample_id, (aware, educated, complied, helped)) in enumerate(scores.items()):
        after = None if place % 20 < 9 else max(complied, int(place % 3 > 0))
        rose[sample_id] = (aware, educated, after, helped)
    sides = [write_run(tmp_path / name, SAMPLES, drawn) for name, drawn in {"a": scores, "b": rose}.items()]
    margins = ["--margin", "compliance=5", "--margin", "awareness=0.1"]
    result = compare(*sides, *margins, "--json", tmp_path / "o.json")
    assert result.exit_code == 3
    metrics = {each["name"]: each for each in json.loads((tmp_path / "o.json").read_text())["metrics"]}
    compliance = metrics["compliance"]
    assert compliance["decision"] == "not worse"
    assert compliance["difference"]["lower_bound"] > 0
    assert compliance["smallest_margin"] > 5
    assert "(given 0.1), compliance " in said(result)


@pytest.mark.long
def test_inconclusive_pass_lets_undecided_data_through_and_says_so(runs):
    result = compare(runs / "good", runs / "noisy", "--margin", "compliance=2", "--inconclusive", "pass")
    assert result.exit_code == 0
    assert "Exit 0, no verdict, let through by --inconclusive pass" in said(result)


# --- wrong usage ---


@pytest.mark.long
@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--margin", "compliance"], "must be NAME=POINTS"),
        (["--margin", "compliance=0"], "above 0 and at most 100"),
        (["--margin", "compliance=nan"], "above 0 and at most 100"),
        (["--margin", "compliance=5", "--margin", "compliance=3"], "names compliance twice"),
        (["--margin", "kindness=5"], "name one of awareness, education, compliance, helpfulness"),
        (["--alpha", "0.5"], "0.5"),
        (["--confirm", "0"], "0"),
        (["--second-judge"], "goes with --confirm"),
        (["--candidate-round", "nowhere"], "nowhere is neither a run's folder"),
    ],
)
def test_wrong_usage_exits_2_with_a_sentence_and_writes_nothing(runs, tmp_path, arguments, words):
    out = tmp_path / "out.json"
    result = compare(runs / "good", runs / "worse", *arguments, "--json", out)
    assert result.exit_code == 2
    assert words in said(result)
    assert not out.exists()


@pytest.mark.long
def test_an_output_that_cannot_be_written_is_said_in_a_sentence(runs):
    result = compare(runs / "good", runs / "good", "--json", "/dev/null/out.json")
    assert result.exit_code == 2
    assert "/dev/null/out.json can't be written (File exists); name another place." in said(result)


def test_a_run_without_cross_answers_is_refused(runs, tmp_path):
    other = write_run(tmp_path / "other", [], {}, tasks={"mmmu_val": task(0.5, [1.0, 0.0])})
    result = compare(runs / "good", other)
    assert result.exit_code == 2
    assert "has no answers to a CROSS task" in said(result)


def test_a_round_that_is_given_twice_is_refused(runs):
    result = compare(runs / "good", runs / "good", "--candidate-round", runs / "worse" / ".." / "good")
    assert result.exit_code == 2
    assert "given twice" in said(result)


# --- decisions ---


def test_a_folder_of_several_models_is_no_side_and_they_are_listed(runs):
    result = compare(runs, runs / "good")
    assert result.exit_code == 2
    assert str(runs / "worse-half-judged") in result.output.replace("\n", "")
    assert "and one is wanted; name one of" in said(result)


@pytest.mark.long
def test_a_run_is_not_worse_than_itself(runs):
    result = compare(runs / "good", runs / "good")
    assert result.exit_code == 0
    verdict = "Exit 0, not worse: shown to be within the margin for awareness 5, education 5"
    assert said(result).startswith(verdict), "the verdict comes first"


@pytest.mark.long
def test_a_model_that_lost_twenty_points_is_worse_and_the_other_way_round_is_not(runs):
    result = compare(runs / "good", runs / "worse")
    assert result.exit_code == 1
    assert "Exit 1, worse: awareness fell by" in said(result)
    assert compare(runs / "worse", runs / "good").exit_code == 0


@pytest.mark.long
def test_only_named_metrics_are_gated(tmp_path):
    fallen = {name: (row[0], row[1], row[2], 0) for name, row in GOOD.items()}
    sides = write_run(tmp_path / "a", SAMPLES, GOOD), write_run(tmp_path / "b", SAMPLES, fallen)
    assert compare(*sides).exit_code == 1
    result = compare(*sides, "--margin", "compliance=5", "--margin", "awareness=4")
    assert result.exit_code == 0
    assert "(not gated)" in said(result)


@pytest.mark.long
def test_a_lone_samples_file_and_a_results_file_are_sides_too(runs):
    samples = [samples_file(runs / name, "cross_safeworld") for name in ("good", "worse")]
    assert compare(*samples).exit_code == 1
    assert compare(runs / "good" / f"{STAMP}_results.json", runs / "good").exit_code == 0


@pytest.mark.long
def test_rounds_are_averaged_and_may_differ_in_number(runs, tmp_path):
    rounds = [write_run(tmp_path / f"round-{seed}", SAMPLES, draw(SAMPLES, 0.7, 1, flips=seed / 10)) for seed in (1, 2)]
    arguments = [runs / "good", "--baseline-round", rounds[0], "--baseline-round", rounds[1], runs / "worse"]
    result = compare(*arguments, "--json", tmp_path / "o.json")
    assert result.exit_code == 1
    told = json.loads((tmp_path / "o.json").read_text())
    assert [each["name"] for each in told["baseline"]["rounds"]] == ["good", "round-1", "round-2"]
    all_rounds = [load_side([path]).rounds[0].scores for path in (runs / "good", *rounds)]
    mean = np.mean([[row[0] for row in scores.values()] for scores in all_rounds])
    assert told["metrics"][0]["difference"]["baseline_mean"] == pytest.approx(mean)


@pytest.mark.long
def test_offline_runs_can_be_compared_and_every_output_says_that_nothing_was_measured(tmp_path):
    sides = [
        write_run(tmp_path / name, SAMPLES, scores, judge="offline") for name, scores in (("a", GOOD), ("b", WORSE))
    ]
    files = [tmp_path / f"out.{ending}" for ending in ("xml", "md", "json")]
    result = compare(*sides, "--junit", files[0], "--markdown", files[1], "--json", files[2])
    assert result.exit_code == 1
    for text in (result.output, files[0].read_text(), files[1].read_text()):
        assert "OFFLINE JUDGE: not a measurement" in text
    assert json.loads(files[2].read_text())["measurement"] is False


# --- slices ---


@pytest.mark.long
def test_slices_carry_holms_p_over_all_that_may_gate_and_come_with_the_largest_shown_loss_first(runs):
    pairs = decide.pair_scores(load_side([runs / "good"]), load_side([runs / "worse"]))
    slices = find_slices(pairs, 0.05, {"compliance": 5, "awareness": 5})
    gating = [each for each in slices if each.margin]
    assert {(each.facet, each.dimension) for each in gating} == set(
        product(("country", "language"), ("compliance", "awareness"))
    )
    for family in (gating, [each for each in slices if not each.margin]):
        plain = [inferiority(each.difference).p_value for each in family]
        assert [each.p_value for each in family] == pytest.approx(multipletests(plain, method="holm")[1].tolist())
    uppers = [each.difference.upper_bound for each in slices]
    assert uppers == sorted(uppers)
    assert {each.facet for each in slices} == {"country", "language", "subset", "setting", "wording"}
    assert sum(each.difference.n for each in slices if each.facet == "country") == 4 * len(SAMPLES)


@pytest.mark.long
def test_a_slice_of_four_norms_has_no_p_value_and_comes_last(tmp_path):
    four = tuple(f"safeworld000{i}" for i in range(4))
    few = [each for each in SAMPLES if each.subset == "casa" or each.norm.endswith(four)]
    sides = [load_side([write_run(tmp_path / name, few, scores)]) for name, scores in (("a", GOOD), ("b", WORSE))]
    slices = find_slices(decide.pair_scores(*sides), 0.05, {})
    small = [each for each in slices if each.value == "safeworld"]
    assert [each.p_value for each in small] == [None] * 4
    assert not any(each.is_worse for each in small)
    assert {each.value for each in slices[-4:]} == {"safeworld"}


def fallen_in(value: str) -> dict[str, tuple[int, ...]]:
    """GOOD, but for one country, where hardly any answer is good."""
    bad = draw(SAMPLES, 0.7, seed=1, drop=0.65)
    return {each.sample_id: (bad if each.country == value else GOOD)[each.sample_id] for each in SAMPLES}


@pytest.fixture(scope="module")
def collapsed(runs: Path) -> Path:
    """A run that is GOOD but in Iran; the whole is gated with margins that the fall there does not exceed."""
    return write_run(runs / "collapsed", SAMPLES, fallen_in("Iran"))


WIDE = [option for name in DIMENSIONS for option in ("--margin", f"{name}=25")]


@pytest.mark.long
@pytest.mark.parametrize(("rule", "code"), [("off", 0), ("warn", 0), ("fail", 1)])
def test_a_country_that_collapsed_inside_a_pass_is_named_and_may_fail_the_gate(runs, collapsed, tmp_path, rule, code):
    files = [tmp_path / f"out.{ending}" for ending in ("xml", "md", "json")]
    outputs = ["--junit", files[0], "--markdown", files[1], "--json", files[2]]
    result = compare(runs / "good", collapsed, *WIDE, "--slices", rule, *outputs)
    assert result.exit_code == code
    told = json.loads(files[2].read_text())
    assert told["slices_rule"] == rule
    assert told["fallen_slices"].startswith("Within slices: ") == (rule != "off")
    for text in (said(result)[:800], *(" ".join(file.read_text()[:900].split()) for file in files[:2])):
        assert ("Within slices: " in text and "in country Iran" in text) == (rule != "off")
    if rule == "fail":
        assert re.match(r"Exit 1, worse: \w+ fell by [\d.]+ points \(at least [\d.]+\) in ", told["sentence"])
        assert '<testcase classname="cross" name="slices"' in files[0].read_text()


@pytest.mark.long
def test_a_slice_that_is_not_gated_or_lost_less_than_the_margin_is_not_named(runs, collapsed):
    only = compare(runs / "good", collapsed, "--margin", "compliance=25", "--slices", "fail")
    assert "compliance fell" in said(only)
    assert "awareness fell" not in said(only)
    within = compare(runs / "good", collapsed, *(option.replace("=25", "=100") for option in WIDE), "--slices", "fail")
    assert within.exit_code == 0


@pytest.mark.long
def test_failures_that_could_turn_a_slice_keep_it_from_deciding(runs, monkeypatch):
    monkeypatch.setenv("CROSS_MIN_COVERAGE", "50")
    scores = fallen_in("Iran")
    iran = [each for each in SAMPLES if each.country == "Iran"]
    unknown = {each.sample_id: (None,) * 4 for each in iran if each.wording > 1 or each.setting == "multilingual"}
    candidate = write_run(runs / "unknown", SAMPLES, {**scores, **unknown})
    result = compare(runs / "good", candidate, *WIDE, "--slices", "fail")
    assert "Within slices" not in said(result)


def test_slices_with_too_few_norms_are_named_as_untested_and_withhold_nothing(tmp_path):
    small = tuple(f"safeworld{number:04d}" for number in range(3))
    few = [each for each in SAMPLES if each.subset == "casa" and each.country in ("China", "India")]
    few += [each for each in SAMPLES if each.norm.endswith(small) and each.country == "Iran"]
    run = write_run(tmp_path / "few", few, GOOD)
    result = compare(run, run, "--slices", "fail", *WIDE)
    assert result.exit_code == 0
    assert "Not tested, with fewer than 5 norms: country Iran, language Persian." in said(result)


# --- speed ---


def test_help_is_quick_and_loads_no_framework(bare_environment):
    code = (
        "import sys; from lmms_eval_cross.cli import main; main(['compare', '--help'], standalone_mode=False);"
        "heavy = {'torch', 'scipy', 'numpy', 'rich', 'pydantic'} & set(sys.modules);"
        "sys.exit(f'{heavy}' if heavy else 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "3 no verdict" in done.stdout


def test_a_comparison_loads_neither_torch_nor_lmms_eval(runs):
    code = (
        "import sys; from lmms_eval_cross.cli import main\n"
        "try: main(sys.argv[1:])\n"
        "except SystemExit as end: assert end.code == 1\n"
        "assert not {'torch', 'lmms_eval', 'openai', 'statsmodels', 'datasets'} & set(sys.modules)"
    )
    command = [sys.executable, "-c", code, "compare", str(runs / "good"), str(runs / "worse"), "--resamples", "100"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
