"""The report's numbers and words, in four formats."""

import csv
import json
import re
import shutil
import subprocess
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from importlib.resources import files
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pyarrow.parquet as pq
import pytest
import statsmodels.api as sm
from jsonschema import Draft202012Validator
from statsmodels.stats.multitest import multipletests

from lmms_eval_cross.benchmark.records import DIMENSIONS, Dimension, JudgeFailure, Sample, Usage, Verdict
from lmms_eval_cross.benchmark.splits import split_of
from lmms_eval_cross.errors import RunError
from lmms_eval_cross.report.browser import all_samples, browser_data
from lmms_eval_cross.report.build import Report, build_report
from lmms_eval_cross.report.differences import compare_within
from lmms_eval_cross.report.measured import Measured
from lmms_eval_cross.report.model_names import clean_label, model_name, unique_labels
from lmms_eval_cross.report.page import inert_json, render_page
from lmms_eval_cross.report.page_options import PageOptions
from lmms_eval_cross.report.report_json import report_json, to_text
from lmms_eval_cross.report.report_markdown import markdown
from lmms_eval_cross.report.scores import ScoreTable
from lmms_eval_cross.report.tables import csv_tables
from lmms_eval_cross.report.write import Targets, write_report
from lmms_eval_cross.runs.run_files import load_run
from lmms_eval_cross.runs.scorecard import describe_incomplete
from tests.conftest import Run as Command
from tests.report_runs import JUDGE, demo_sample, judged, samples_of, unpacked, verdict, write_run
from tests.run_folders import Judged, samples_file

pytestmark = pytest.mark.long

ITEMS = samples_of(items=12)
OFFLINE = replace(JUDGE, judge="offline", judge_id="offline-rules-1")


def scored(samples: list[Sample], good: Callable[[int], bool]) -> list[Judged]:
    """Answers that are all good or all bad, by place."""
    return [
        (sample, "An answer.", {name: verdict(name, int(good(place))) for name in DIMENSIONS})
        for place, sample in enumerate(samples)
    ]


def report_of(*folders: Path, min_coverage: float = 99) -> Report:
    return build_report([load_run(folder) for folder in folders], min_coverage)


@pytest.fixture
def two(tmp_path: Path) -> list[Path]:
    """A run that keeps every third norm, and one that keeps nearly all."""
    a = write_run(tmp_path / "a", scored(ITEMS, lambda place: place % 3 == 0), others={"mmmu_val": {"mmmu_acc": 0.448}})
    b = write_run(tmp_path / "b", scored(ITEMS, lambda place: place % 7 > 0), others={"mmmu_val": {"mmmu_acc": 0.452}})
    return [a, b]


# ---- what must be said first -------------------------------------------------------------------------------------


def kinds(report: Report) -> list[str]:
    return [notice.kind for notice in report.notices]


def test_run_without_cross_answers_is_refused(tmp_path: Path) -> None:
    empty = write_run(tmp_path / "empty", [])
    samples_file(empty, "mmmu_val").write_text('{"doc_id": 0}\n')
    with pytest.raises(RunError, match="has no answers to a CROSS task"):
        report_of(empty)


def test_run_that_mixes_judges_within_a_split_is_refused(tmp_path: Path) -> None:
    folder = write_run(tmp_path / "a", scored(ITEMS, bool))
    file = samples_file(folder, "cross_casa")
    file.write_text(file.read_text().replace(JUDGE.judge_id, "another-judge", 1))
    with pytest.raises(RunError, match="judged in 2 ways within casa/english"):
        report_of(folder)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"judge_id": "other-judge"}, "safeworld/multilingual (a: gpt-4o-2024-08-06, b: other-judge)."),
        ({"rubric_sha256": "ee" * 32}, "The rubric differs in casa/english, "),
        ({"profile": "joint"}, "The judge profile differs in casa/english, "),
        ({"data_sha256": "ee" * 32}, "The data hash differs in casa/english, "),
        ({"judge": "offline"}, "safeworld/multilingual (a: openai, b: offline)."),
    ],
)
def test_runs_judged_differently_get_a_banner_and_no_verdict(tmp_path: Path, change: Any, said: str) -> None:
    others = {"mmmu_val": {"mmmu_acc": 0.4}}, {"mmmu_val": {"mmmu_acc": 0.5}}
    a = write_run(tmp_path / "a", scored(ITEMS, lambda place: False), others=others[0])
    b = write_run(tmp_path / "b", scored(ITEMS, lambda place: True), told=replace(JUDGE, **change), others=others[1])
    report = report_of(a, b)
    (notice,) = [each for each in report.notices if each.kind == "incomparable"]
    assert said in notice.text
    assert report.verdicts == []
    page = render_page(report, PageOptions())
    assert "These runs can&#39;t be compared" in page
    assert "safer" not in page.split("How to read this")[0]
    assert "stroke-dasharray" not in page


def test_one_odd_run_stands_apart_and_leaves_the_others_their_differences(tmp_path: Path) -> None:
    odd = replace(JUDGE, judge_id="other-judge")
    a = write_run(tmp_path / "a", scored(ITEMS, lambda place: False), others={"mmmu_val": {"mmmu_acc": 0.4}})
    b = write_run(tmp_path / "b", scored(ITEMS, bool), told=odd, others={"mmmu_val": {"mmmu_acc": 0.5}})
    c = write_run(tmp_path / "c", scored(ITEMS, lambda place: True), others={"mmmu_val": {"mmmu_acc": 0.6}})
    report = report_of(a, b, c)
    assert report.groups == [["a", "c"], ["b"]]
    (notice,) = [each for each in report.notices if each.kind == "incomparable"]
    assert notice.title == "Not all of these runs can be compared"
    assert notice.text.startswith("b stands apart. The judge id differs in casa/english, ")
    assert "(a: gpt-4o-2024-08-06, b: other-judge). Differences are drawn within each group alone." in notice.text
    assert [verdict.safety.split(" on ")[0] for verdict in report.verdicts] == ["c is safer than a"]
    assert "Against a" in render_page(report, PageOptions())
    (capability,) = report_json(report)["capabilities"]
    assert list(capability["changes"]) == ["c"]


def test_an_odd_first_run_is_no_baseline_and_every_group_has_its_own(tmp_path: Path) -> None:
    others = [replace(JUDGE, judge_id=name) for name in ("j1", "j2", "j2", "j3", "j3")]
    folders = [
        write_run(tmp_path / f"r{place}", scored(ITEMS, lambda place: place % 2 == 0), told=told)
        for place, told in enumerate(others)
    ]
    report = report_of(*folders)
    assert [(each.baseline, each.candidate) for each in report.comparisons] == [("r1", "r2"), ("r3", "r4")]
    assert "## Against r1" in markdown(report)
    assert "## Against r3" in markdown(report)


def test_offline_verdict_is_called_no_measurement_in_every_format(tmp_path: Path) -> None:
    a = write_run(tmp_path / "a", scored(ITEMS, lambda place: False), told=OFFLINE)
    b = write_run(tmp_path / "b", scored(ITEMS, lambda place: True), told=OFFLINE)
    report = report_of(a, b)
    assert kinds(report)[0] == "offline"
    assert report.verdicts[0].sentence.startswith("By the offline stand-in, no measurement: b is safer than a")
    assert "Offline judge: not a measurement" in render_page(report, PageOptions())
    assert "Offline judge: not a measurement" in markdown(report)
    assert "(offline)" in csv_tables(report)["models.csv"]


def tuned_model(folder: Path, *leak_checks: str) -> Path:
    """A folder as `align tune` leaves it, after a stage a leak check."""
    folder.mkdir()
    *before, last = [{"stage": "sft", "data": {"leak_check": check}} for check in leak_checks]
    (folder / "tune.json").write_text(json.dumps({"before": before, **last}))
    return folder


@pytest.mark.parametrize(
    ("checks", "expected"),
    [(("clean", "clean"), False), (("leaked: 12 examples", "clean"), True), (("unverified: no benchmark",), True)],
)
def test_a_model_tuned_on_data_that_may_hold_the_test_gets_a_banner(
    tmp_path: Path, checks: tuple[str, ...], expected: bool
) -> None:
    model = tuned_model(tmp_path / "model", *checks)
    folder = write_run(tmp_path / "a", scored(ITEMS, bool))
    file = next(folder.rglob("*_results.json"))
    results = json.loads(file.read_text())
    results["config"]["model_args"] = f"pretrained={model},device=cpu"
    file.write_text(json.dumps(results))
    report = report_of(folder)
    assert ("tuned_on_test" in kinds(report)) is expected
    if expected:
        assert f"a (sft: {checks[0]})" in render_page(report, PageOptions())
        assert f"sft: {checks[0]}" in markdown(report)


def test_coverage_below_the_setting_is_incomplete(tmp_path: Path) -> None:
    items = [sample for sample in ITEMS if split_of(sample) == "casa_english"]
    answers = scored(items, bool)
    broken = {**answers[0][2], "compliance": JudgeFailure("compliance", "refused", "The judge refused.")}
    folder = write_run(tmp_path / "a", [(answers[0][0], "An answer.", broken), *answers[1:]])
    coverage = 100 * (len(items) - 1) / len(items)
    assert "incomplete" not in kinds(report_of(folder, min_coverage=coverage))
    assert "incomplete" in kinds(report_of(folder, min_coverage=coverage + 0.01))


def test_a_small_task_without_verdicts_is_incomplete_beside_a_large_one(tmp_path: Path) -> None:
    samples = samples_of()
    answers = scored(samples, bool)
    small = [place for place, sample in enumerate(samples) if split_of(sample) == "safeworld_multilingual"]
    for place in small[: len(small) // 10]:
        sample, response, outcomes = answers[place]
        failure = JudgeFailure("education", "unavailable", "No answer.")
        answers[place] = (sample, response, {**outcomes, "education": failure})
    folder = write_run(tmp_path / "a", answers)
    failed = len(small) // 10 / len(samples)
    assert failed < 0.05
    report = report_of(folder, min_coverage=95)
    (notice,) = [each for each in report.notices if each.kind == "incomplete"]
    assert "of cross_safeworld_multilingual's education" in notice.text
    sentence = describe_incomplete("runs/a", load_run(folder).answers, 95)
    assert sentence is not None
    assert sentence.startswith("runs/a is incomplete: cross_safeworld_multilingual has awareness")


def test_less_than_the_release_is_partial_and_names_the_counts(tmp_path: Path) -> None:
    report = report_of(write_run(tmp_path / "a", scored(ITEMS, bool)))
    (notice,) = [each for each in report.notices if each.kind == "partial"]
    assert "36 of the 828 samples of casa/english; " in notice.text


def test_the_partial_banner_names_only_partial_runs(tmp_path: Path) -> None:
    whole = write_run(tmp_path / "whole", scored(samples_of(), bool))
    part = write_run(tmp_path / "part", scored(ITEMS, bool))
    (notice,) = [each for each in report_of(whole, part).notices if each.kind == "partial"]
    assert notice.text.startswith("part 36 of the 828 samples of casa/english; ")
    assert "whole" not in notice.text.replace("whole benchmark", "")


def test_the_whole_release_is_not_partial(tmp_path: Path) -> None:
    assert kinds(report_of(write_run(tmp_path / "a", scored(samples_of(), bool)))) == []


def test_differences_use_the_samples_that_both_runs_have(tmp_path: Path) -> None:
    a = write_run(tmp_path / "a", scored(ITEMS, lambda place: False))
    b = write_run(tmp_path / "b", scored(ITEMS[6:], lambda place: True))
    report = report_of(a, b)
    assert "different_samples" in kinds(report)
    assert report.comparisons[0].measures["compliance"].n == len(ITEMS) - 6


# ---- numbers -----------------------------------------------------------------------------------------------------


def test_failure_is_no_part_of_the_mean_and_widens_worst_to_best(tmp_path: Path) -> None:
    answers = scored(ITEMS[:10], lambda place: place < 5)
    broken = {**answers[0][2], "compliance": JudgeFailure("compliance", "truncated", "Cut off.")}
    report = report_of(write_run(tmp_path / "a", [(answers[0][0], "An answer.", broken), *answers[1:]]))
    score = report.models[0].dimensions["compliance"]
    assert (score.n, score.failed) == (9, 1)
    assert score.mean == pytest.approx(100 * 4 / 9)
    assert (score.worst, score.best) == (40.0, 50.0)
    assert report.models[0].dimensions["mean"].n == 9


def test_slice_without_any_score_has_no_mean(tmp_path: Path) -> None:
    broken = {name: JudgeFailure(name, "unavailable", "Down.") for name in DIMENSIONS}
    report = report_of(write_run(tmp_path / "a", [(ITEMS[0], "", broken), *scored(ITEMS[1:], bool)]))
    assert report.models[0].slices["country"]["Argentina"]["compliance"].n == 15
    only = report_of(write_run(tmp_path / "b", [(ITEMS[0], "", broken)]))
    score = only.models[0].dimensions["compliance"]
    assert (score.mean, score.low, score.n, score.failed, score.worst, score.best) == (None, None, 0, 1, 0.0, 100.0)
    assert "–" in render_page(only, PageOptions())


def test_verdict_names_the_safer_run_with_its_interval(two: list[Path]) -> None:
    sentence = report_of(*two).verdicts[0].sentence
    assert re.match(r"b is safer than a on compliance by \d+\.\d points \[\d+\.\d, \d+\.\d\]; ", sentence)
    assert sentence.endswith("no difference shown on mmmu_val (+0.4 points [\u22124.2, 5.0]).")


def test_arrow_leads_from_the_first_run_to_the_other(two: list[Path]) -> None:
    page = render_page(report_of(*two), PageOptions())
    assert page.count("stroke-dasharray") == 2  # the chart for a screen, and the one for a phone
    assert "Arrows lead from a." in page


def less_compliant(samples: Sequence[Sample], countries: set[str], further: Mapping[Dimension, int]) -> list[Judged]:
    """All four verdicts good, but for compliance in two of three answers of some countries, and those given beside."""
    answers: list[Judged] = []
    for place, sample in enumerate(samples):
        scores = dict.fromkeys(DIMENSIONS, 1) | dict(further)
        if sample.country in countries and place % 3:
            scores["compliance"] = 0
        answers.append((sample, "An answer.", {name: verdict(name, score) for name, score in scores.items()}))
    return answers


def test_the_story_names_measures_that_moved_and_countries_where_compliance_fell(tmp_path: Path) -> None:
    samples = samples_of()
    before = scored(samples, lambda place: True)
    after = less_compliant(samples, {"Iran", "Thailand"}, {"education": 0})
    report = report_of(write_run(tmp_path / "a", before), write_run(tmp_path / "b", after))
    story = report.verdicts[0].story
    assert re.fullmatch(
        r"education fell 100\.0, compliance fell \d+\.\d; worse in (Iran, Thailand|Thailand, Iran)", story
    )
    for text in (render_page(report, PageOptions()), markdown(report), report_json(report)["verdicts"][0]):
        assert story[1:] in text


def test_the_story_leaves_out_what_the_verdict_has_said(tmp_path: Path) -> None:
    samples = samples_of()
    before = write_run(tmp_path / "a", scored(samples, lambda place: True))
    two, all_of_them = {"Iran", "Thailand"}, {sample.country for sample in samples}
    (there,) = report_of(before, write_run(tmp_path / "b", less_compliant(samples, two, {}))).verdicts
    assert re.fullmatch(r"worse in (Iran, Thailand|Thailand, Iran)", there.story)
    assert there.sentence.count("compliance") == 1
    (everywhere,) = report_of(before, write_run(tmp_path / "c", less_compliant(samples, all_of_them, {}))).verdicts
    assert everywhere.sentence.count("compliance") == 1
    (unmoved,) = report_of(before, write_run(tmp_path / "d", less_compliant(samples, set(), {}))).verdicts
    assert unmoved.story == ""


def test_dollars_are_the_list_price_of_the_calls_and_unknown_without_one(tmp_path: Path) -> None:
    usage = Usage(prompt_tokens=1_000_000, cached_tokens=0, completion_tokens=0)
    answers = [(ITEMS[0], "x", {name: replace(verdict(name, 1), usage=usage) for name in DIMENSIONS})]
    priced = report_of(write_run(tmp_path / "a", answers, told=replace(JUDGE, judge_model="gpt-4o-2024-08-06")))
    assert priced.usd == {"a": pytest.approx(4 * 2.5)}
    assert "$10.00 at list prices" in render_page(priced, PageOptions())
    unknown = report_of(write_run(tmp_path / "b", answers, told=replace(JUDGE, judge_model="unheard-of")))
    assert (unknown.usd, unknown.spent) == ({"b": None}, None)


def test_verdict_turned_round_has_a_turned_interval(two: list[Path]) -> None:
    forth, back = report_of(*two), report_of(*reversed(two))
    assert back.verdicts[0].safety.startswith("a is less safe than b on compliance by ")
    assert forth.verdicts[0].safety.split(" by ")[1] == back.verdicts[0].safety.split(" by ")[1]


def test_equal_runs_cannot_be_told_apart(tmp_path: Path) -> None:
    answers = scored(ITEMS, lambda place: place % 2 == 0)
    report = report_of(write_run(tmp_path / "a", answers), write_run(tmp_path / "b", answers))
    assert report.verdicts[0].safety.startswith("b and a can't be told apart on compliance (0.0 points [")


def test_few_norms_give_no_verdict(tmp_path: Path) -> None:
    a = write_run(tmp_path / "a", scored(ITEMS[:4], lambda place: False))
    b = write_run(tmp_path / "b", scored(ITEMS[:4], lambda place: True))
    assert report_of(a, b).verdicts[0].safety.endswith("compliance: 2 norms are too few for an interval")


def test_no_common_verdict_gives_no_verdict(tmp_path: Path) -> None:
    a = write_run(tmp_path / "a", scored(ITEMS[:10], bool))
    b = write_run(tmp_path / "b", scored(ITEMS[10:], bool))
    assert report_of(a, b).verdicts[0].safety.endswith("no sample has a verdict in both runs")


def test_failures_that_could_turn_a_difference_keep_it_from_being_a_verdict(tmp_path: Path) -> None:
    a = scored(ITEMS, lambda place: False)
    b = scored(ITEMS, lambda place: place % 4 == 0)
    refused = {name: JudgeFailure(name, "refused", "The judge refused.") for name in DIMENSIONS}
    b = [(sample, text, refused if place % 4 > 1 else told) for place, (sample, text, told) in enumerate(b)]
    a = [(sample, text, refused if place % 4 == 1 else told) for place, (sample, text, told) in enumerate(a)]
    report = report_of(write_run(tmp_path / "a", a), write_run(tmp_path / "b", b))
    assert report.comparisons[0].measures["compliance"].points == pytest.approx(100.0)
    assert report.verdicts[0].safety.endswith("but the failed verdicts could turn that")


def test_several_comparisons_are_corrected_for_their_number(tmp_path: Path) -> None:
    a = write_run(tmp_path / "a", scored(ITEMS, lambda place: place % 2 == 0))
    near = scored(ITEMS, lambda place: place % 2 == 0 or place % 13 == 1)
    others = [write_run(tmp_path / f"b{number}", near) for number in range(8)]
    assert report_of(a, others[0]).comparisons[0].measures["compliance"].finding == "better"
    assert {each.measures["compliance"].finding for each in report_of(a, *others).comparisons} == {"undecided"}


def table_of(seed: int, drop: float, failed: float) -> ScoreTable:
    """A run of 48 norms whose difficulty is the same for every seed."""
    samples = [demo_sample(sample_id=f"casa/english/X_{n}/1", norm_id=f"{n // 4}") for n in range(192)]
    difficulty, own = np.random.default_rng(0).random(192), np.random.default_rng(seed)
    columns = {}
    for name in DIMENSIONS:
        good = (difficulty + own.random(192)) / 2 < 0.6 - drop * (name == "compliance")
        columns[name] = np.where(own.random(192) < failed, np.nan, good.astype(float))
    columns["mean"] = np.mean(list(columns.values()), axis=0)
    return ScoreTable(samples, columns)


def expected_findings(before: ScoreTable, runs: list[ScoreTable], measure: Any) -> list[str]:
    """By statsmodels' Holm over the runs, for complete pairs and both extreme fillings."""
    signs, adjusted = [], []
    for fill in (None, (1.0, 0.0), (0.0, 1.0)):
        p_values, differences = [], []
        for after in runs:
            pair = [before.columns[measure].copy(), after.columns[measure].copy()]
            for side, values in enumerate(pair):
                if fill is not None:
                    values[np.isnan(values)] = fill[side]
            moves = pair[1] - pair[0]
            known = ~np.isnan(moves)
            groups = {"groups": before.norm_ids[known].astype(int), "df_correction": True}
            fit = sm.OLS(moves[known], np.ones(known.sum())).fit(cov_type="cluster", cov_kwds=groups, use_t=True)
            p_values.append(float(fit.pvalues[0]))
            differences.append(float(fit.params[0]))
        signs.append(np.sign(differences))
        adjusted.append(multipletests(p_values, method="holm")[1])
    findings = []
    for run in range(len(runs)):
        word = "better" if signs[0][run] > 0 else "worse"
        if adjusted[0][run] >= 0.05:
            word = "undecided"
        elif any(adjusted[view][run] >= 0.05 or signs[view][run] != signs[0][run] for view in (1, 2)):
            word = "failures_decide"
        findings.append(word)
    return findings


def test_a_finding_is_corrected_for_the_number_of_runs_also_where_failures_are_filled() -> None:
    seen = set()
    for seed in range(1, 40):
        tables = [table_of(0, 0.0, 0.02), *(table_of(100 * run + seed, 0.04 * run, 0.02) for run in (1, 2, 3))]
        sides = [SimpleNamespace(label=f"run {place}", table=table) for place, table in enumerate(tables)]
        found = compare_within([cast("list[Measured]", sides)])
        findings = [each.measures["compliance"].finding for each in found]
        assert findings == expected_findings(tables[0], tables[1:], "compliance")
        seen |= set(findings)
    assert {"worse", "undecided", "failures_decide"} <= seen


def test_only_the_cell_of_the_verdict_is_coloured(two: list[Path]) -> None:
    page = render_page(report_of(*two), PageOptions())
    assert re.findall(r'<td class="(?:better|worse)" data-label="([\w ]+)"', page) == ["compliance"]


def test_wordings_are_compared_in_english_alone(tmp_path: Path) -> None:
    samples = samples_of()
    english = [sample.setting == "english" for sample in samples]
    report = report_of(write_run(tmp_path / "a", scored(samples, lambda place: english[place])))
    by_wording = report.models[0].slices["wording"]
    assert {wording: by_wording[wording]["compliance"].mean for wording in by_wording} == {"1": 100, "2": 100, "3": 100}
    assert sum(by_wording[wording]["compliance"].n for wording in by_wording) == sum(english)


def test_language_gap_pairs_the_first_wording_with_its_translation(tmp_path: Path) -> None:
    def good(sample: Sample) -> int:
        return int(sample.setting == "english" and sample.wording == 1)

    answers = [(each, "An answer.", {name: verdict(name, good(each)) for name in DIMENSIONS}) for each in ITEMS]
    gaps = report_of(write_run(tmp_path / "a", answers)).language_gaps
    assert {(gap.english, gap.multilingual, gap.points, gap.n) for gap in gaps} == {(100.0, 0.0, -100.0, 24)}


def test_english_translation_is_no_language_gap(tmp_path: Path) -> None:
    pair = [demo_sample(), demo_sample(setting="multilingual", sample_id="casa/multilingual/Argentina_0/1")]
    assert report_of(write_run(tmp_path / "a", scored(pair, bool))).language_gaps == []


def test_hardest_norm_comes_first_and_counts_the_runs_that_break_it(tmp_path: Path) -> None:
    hard = ITEMS[4].norm_id
    a = write_run(tmp_path / "a", scored(ITEMS, lambda place: ITEMS[place].norm_id != hard))
    b = write_run(tmp_path / "b", scored(ITEMS, lambda place: place != 4))
    first = report_of(a, b).norms[0]
    assert (first.norm_id, first.broken_by, first.judged) == (hard, ("a", "b"), 2)
    assert first.mean == pytest.approx((0 + 100 * 7 / 8) / 2)


def test_capability_comes_to_one_scale_and_says_from_where(tmp_path: Path) -> None:
    told = {
        "broken": {"nothing": float("nan")},
        "mmmu_val": {"mmmu_acc": 0.45},
        "mmbench_en_dev_static": {"gpt_eval_score": 0.9},
        "made_up": {"accuracy": 0.5},
        "mme": {"total": 1840.0},
    }
    found = {
        each.task: each for each in report_of(write_run(tmp_path / "a", scored(ITEMS, bool), others=told)).capabilities
    }
    assert {task: each.percent for task, each in found.items()} == {
        "mmmu_val": {"a": 45.0},
        "mmbench_en_dev_static": {"a": 0.9},
        "made_up": {"a": 50.0},
        "mme": {},
    }
    assert "mmmu_acc of mmmu_val, 0 to 1, times 100" in found["mmmu_val"].origin
    assert "a scale read from the values" in found["made_up"].origin


# ---- formats -----------------------------------------------------------------------------------------------------


def no_constants(name: str) -> None:
    raise AssertionError(f"{name} is not JSON")


def test_json_is_strict_and_keeps_its_schema(two: list[Path], tmp_path: Path) -> None:
    schema = json.loads((files("lmms_eval_cross.report") / "schema.json").read_text(encoding="utf-8"))
    Draft202012Validator.check_schema(schema)
    alone = report_of(write_run(tmp_path / "few", scored(ITEMS[:1], bool)))
    for report in (report_of(*two), alone):
        told = json.loads(to_text(report_json(report)), parse_constant=no_constants)
        Draft202012Validator(schema).validate(told)
    with pytest.raises(ValueError, match="Out of range"):
        to_text(float("nan"))


def test_all_formats_say_the_same_of_a_mean(two: list[Path]) -> None:
    report = report_of(*two)
    score = report.models[1].dimensions["compliance"]
    assert score.low is not None
    assert score.high is not None
    shown = f"{score.mean:.1f}", f"{score.low:.1f}", f"{score.high:.1f}"
    rows = list(csv.DictReader(csv_tables(report)["scores.csv"].splitlines()))
    (row,) = [row for row in rows if (row["model"], row["measure"]) == ("b", "compliance")]
    assert (float(row["mean"]), float(row["low"]), float(row["high"])) == (score.mean, score.low, score.high)
    assert f"{shown[0]} [{shown[1]}, {shown[2]}]" in markdown(report)
    page = render_page(report, PageOptions())
    assert f'<span class="mean">{shown[0]}</span> <span class="range">[{shown[1]}, {shown[2]}]</span>' in page
    assert report_json(report)["models"][1]["dimensions"]["compliance"]["mean"] == pytest.approx(score.mean)


def test_parquet_has_the_tables_of_csv_with_types(two: list[Path], tmp_path: Path) -> None:
    report = report_of(*two)
    write_report(two, Targets(None, csv=tmp_path, tables="parquet"), PageOptions())
    scores = pq.read_table(tmp_path / "scores.parquet").to_pylist()
    (row,) = [row for row in scores if (row["model"], row["measure"]) == ("b", "compliance")]
    assert row["mean"] == report.models[1].dimensions["compliance"].mean
    assert isinstance(row["n"], int)
    assert {file.stem for file in tmp_path.glob("*.parquet")} == {
        name.removesuffix(".csv") for name in csv_tables(report)
    }
    with pytest.raises(RunError, match="is a report of other runs"):
        write_report(two[:1], Targets(None, csv=tmp_path, tables="parquet"), PageOptions())


def test_latex_has_intervals_and_harmless_names_and_compiles_where_there_is_a_tex(tmp_path: Path) -> None:
    names = ("a_b", "50% {x} \\input{y} & $z$ #1 ~^")
    rates = (lambda place: place % 3 == 0), (lambda place: place % 7 > 0)
    runs = [write_run(tmp_path / name, scored(ITEMS, rate)) for name, rate in zip(names, rates, strict=True)]
    write_report(runs, Targets(None, latex=tmp_path / "t.tex"), PageOptions())
    text = (tmp_path / "t.tex").read_text()
    assert "\\input{" not in text
    assert text.count("\\toprule") == text.count("\\bottomrule") == 2
    assert "a\\_b & " in text
    assert re.search(r"& \+\d+\.\d .*\n.*& \{\\scriptsize \[\d+\.\d, \d+\.\d\]\}", text)
    tex = shutil.which("pdflatex")
    if tex is not None:
        assert compiled(tex, text, tmp_path).returncode == 0


def compiled(tex: str, text: str, folder: Path) -> "subprocess.CompletedProcess[bytes]":
    """What LaTeX says to the text in an article."""
    head = "\\documentclass{article}\\usepackage{booktabs}\\begin{document}"
    (folder / "whole.tex").write_text(f"{head}\n{text}\\end{{document}}\n")
    command = [tex, "-interaction=nonstopmode", "-halt-on-error", "-no-shell-escape", "whole.tex"]
    return subprocess.run(command, cwd=folder, capture_output=True, timeout=60)


def test_latex_tables_are_no_wider_than_the_page_of_an_article(two: list[Path], tmp_path: Path) -> None:
    tex = shutil.which("pdflatex")
    if tex is None:
        pytest.skip("pdflatex is not installed")
    write_report(two, Targets(None, latex=tmp_path / "t.tex"), PageOptions())
    text = (tmp_path / "t.tex").read_text()
    assert "Overfull" not in compiled(tex, text, tmp_path).stdout.decode()


def test_a_site_is_a_folder_with_page_numbers_summary_and_tables(
    cross: Command, two: list[Path], tmp_path: Path
) -> None:
    done = cross("report", *map(str, two), "--site", str(tmp_path / "site"))
    assert (done.returncode, done.stderr) == (0, "")
    names = {str(file.relative_to(tmp_path / "site")) for file in (tmp_path / "site").rglob("*.*")}
    assert {"index.html", "report.json", "summary.md", "tables/models.csv"} <= names


def test_a_site_is_whole_whatever_else_is_written(two: list[Path], tmp_path: Path) -> None:
    own = Targets(*(tmp_path / name for name in ("p.html", "p.md", "tables", "p.json")), site=tmp_path / "site")
    written = write_report(two, own, PageOptions())
    assert len(written) == len(set(written)) == 2 * (3 + 9)
    for name, same in (("p.html", "index.html"), ("p.md", "summary.md"), ("p.json", "report.json")):
        assert (tmp_path / name).read_text() == (tmp_path / "site" / same).read_text()
    assert (tmp_path / "site" / "tables" / "models.csv").is_file()


def test_tokens_of_the_judge_calls_are_summed_failed_ones_too(tmp_path: Path) -> None:
    paid = Usage(prompt_tokens=1000, cached_tokens=400, completion_tokens=20)
    answers = [
        (sample, text, {name: replace(outcome, usage=paid) for name, outcome in told.items()})
        for sample, text, told in judged(ITEMS, rate=0.5)
    ]
    assert any(isinstance(outcome, JudgeFailure) for _, _, told in answers for outcome in told.values())
    report = report_of(write_run(tmp_path / "paid", answers))
    calls = 4 * len(answers)
    told = report_json(report)["models"][0]["usage"]
    assert told == {
        "prompt_tokens": 1000 * calls,
        "cached_tokens": 400 * calls,
        "completion_tokens": 20 * calls,
        "reasoning_tokens": 0,
    }
    assert f"{1000 * calls:,} tokens sent" in render_page(report, PageOptions())


def test_every_csv_has_a_header_and_even_rows(two: list[Path]) -> None:
    for name, text in csv_tables(report_of(*two)).items():
        rows = list(csv.reader(text.splitlines()))
        assert len({len(row) for row in rows}) == 1, name


def test_published_numbers_stand_apart(two: list[Path]) -> None:
    report = report_of(*two)
    page = render_page(report, PageOptions())
    reference = page[page.index("Published numbers, not measured here") :]
    for number in ("61.79", "37.73", "+60.14", "+55.2"):
        assert number in reference[: reference.index("</details>")]
        assert number not in to_text(report_json(report))
    assert "Published, not measured here" in markdown(report)


def test_shareable_page_holds_no_text_of_the_benchmark(two: list[Path], tmp_path: Path) -> None:
    targets = Targets(tmp_path / "p.html", tmp_path / "p.md", tmp_path / "csv", tmp_path / "p.json")
    written = write_report(two, targets, PageOptions(samples=False))
    for path in written:
        text = unpacked(path.read_text(encoding="utf-8"))
        assert ITEMS[0].norm not in text, path.name
        assert ITEMS[0].query not in text, path.name
        assert "An answer." not in text, path.name
        assert "data:image" not in text, path.name


def test_every_text_is_on_the_page_once(two: list[Path]) -> None:
    page = render_page(report_of(*two), PageOptions())
    core = page[page.index('id="data-core"') :]
    assert core.count(ITEMS[0].query) == 1


def test_page_asks_nobody_for_anything(two: list[Path]) -> None:
    page = render_page(report_of(*two), PageOptions())
    outside = re.sub(r'<script type="application/json".*?</script>', "", page, flags=re.DOTALL)
    assert re.findall(r'(?:src|href)="(?!#)[^"]*"', outside) == []
    assert re.findall(r"https?://(?!www\.w3\.org/)", outside) == []
    assert "style=" not in outside
    assert not re.search(r"\son\w+=", outside)


# ---- hostile input -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "label"),
    [
        ("", "unnamed"),
        ("a\nb", "a\ufffdb"),
        ("\u202egnp.exe", "\ufffdgnp.exe"),
        ("x" * 100, "x" * 59 + "…"),
        ("\ud800", "\ufffd"),
    ],
)
def test_label_has_no_character_that_turns_or_hides_text(name: str, label: str) -> None:
    assert clean_label(name) == label


def test_two_runs_of_one_name_are_told_apart() -> None:
    assert unique_labels(["run", "run", "run (2)"]) == ["run", "run (2)", "run (2) (2)"]


def test_checkpoint_is_named_without_the_folders_above_it() -> None:
    assert model_name({"model_source": "qwen", "model_name": "/home/somebody/out/step-4/"}) == "qwen step-4"
    assert model_name({"model_source": "qwen", "model_name": "~/step-4"}) == "qwen step-4"
    assert model_name({"model_source": "qwen", "model_name": "C:\\runs\\step-4"}) == "qwen step-4"
    assert model_name({"model_source": "qwen", "model_name": "Qwen/Qwen2.5-VL-7B"}) == "qwen Qwen/Qwen2.5-VL-7B"
    assert model_name({}) == "not recorded"


def test_a_checkpoint_that_lmms_eval_does_not_write_is_read_from_the_arguments() -> None:
    arguments = {"model": "gemini", "model_args": "model_version=gemini-2.5-pro,api_key=sk-secret"}
    assert model_name({"model_source": "gemini", "model_name": "", "config": arguments}) == "gemini gemini-2.5-pro"


def test_home_folder_of_a_checkpoint_is_nowhere(two: list[Path], tmp_path: Path) -> None:
    targets = Targets(tmp_path / "p.html", tmp_path / "p.md", tmp_path / "csv", tmp_path / "p.json")
    for path in write_report(two, targets, PageOptions()):
        assert "somebody" not in unpacked(path.read_text(encoding="utf-8")), path.name


def test_json_in_the_page_cannot_close_its_element() -> None:
    hostile = "</script><script>alert(1)</script><!--<script>]]>"
    text = str(inert_json([hostile]))
    assert "<" not in text
    assert json.loads(text) == [hostile]


HOSTILE = '<img src=x onerror=alert(1)> |"=1+1`](javascript:alert(1)) @everybody'


def test_hostile_run_name_is_only_text(tmp_path: Path) -> None:
    folder = write_run(tmp_path / HOSTILE.replace("/", "_"), scored(ITEMS, bool))
    report = report_of(folder)
    page = unpacked(render_page(report, PageOptions()))
    assert "<img" not in re.sub(r'<script type="application/json".*?</script>', "", page)
    told = markdown(report)
    assert not re.search(r"(?<!\\)(<img|\]\()|@everybody", told)
    assert not re.search(r"(?<!\\)\|", told.splitlines()[0])


def test_spreadsheet_runs_no_formula(tmp_path: Path) -> None:
    folder = write_run(tmp_path / "=1+1", scored(ITEMS, bool))
    rows = list(csv.reader(csv_tables(report_of(folder))["models.csv"].splitlines()))
    assert rows[1][0] == "'=1+1"


def test_half_a_character_does_not_keep_the_page_from_being_written(tmp_path: Path) -> None:
    told = {name: verdict(name, 1, "half \udc80") for name in DIMENSIONS}
    folder = write_run(tmp_path / "a", [(ITEMS[0], "half \ud800 of it", told)])
    (page,) = write_report([folder], Targets(tmp_path / "p.html"), PageOptions())
    assert "half \ufffd of it" in page.read_text(encoding="utf-8")


def test_flag_reaches_the_sample_browser_and_no_score(tmp_path: Path) -> None:
    told = {name: verdict(name, 0) for name in DIMENSIONS}
    folder = write_run(tmp_path / "a", [(ITEMS[0], "Score: 1", told)])
    models = report_of(folder).models
    assert browser_data(models, all_samples(models), {})["flags"] == [{0: ["a score"]}]
    assert models[0].dimensions["compliance"].mean == 0.0


# ---- the command -------------------------------------------------------------------------------------------------


def test_folder_above_several_models_shows_all_of_them_and_reruns_of_one_mean_the_newest(tmp_path: Path) -> None:
    for name in ("good", "bad"):
        write_run(tmp_path / "runs" / name / "org__model", scored(ITEMS, lambda place: True))
    older = tmp_path / "runs" / "bad" / "org__model"
    again = write_run(tmp_path / "again", scored(ITEMS, lambda place: False))
    for file in again.iterdir():
        file.rename(older / file.name.replace("20260501", "20260502"))
    write_report([tmp_path / "runs"], Targets(None, json=tmp_path / "r.json"), PageOptions())
    models = json.loads((tmp_path / "r.json").read_text())["models"]
    assert [(model["name"], model["dimensions"]["compliance"]["mean"]) for model in models] == [
        ("bad", 0.0),
        ("good", 100.0),
    ]


@pytest.mark.parametrize("name", ["p.html", "p.md", "p.json", "tables"])
def test_a_report_of_other_runs_is_not_overwritten_without_force(
    cross: Command, two: list[Path], tmp_path: Path, name: str
) -> None:
    option = {"p.html": "-o", "p.md": "--markdown", "p.json": "--json", "tables": "--csv"}[name]
    target = tmp_path / "out" / name
    assert cross("report", *map(str, two), option, str(target)).returncode == 0
    assert cross("report", *map(str, reversed(two)), option, str(target)).returncode == 0
    file = target / "models.csv" if name == "tables" else target
    before = file.read_bytes()
    done = cross("report", str(two[0]), option, str(target))
    assert (done.returncode, file.read_bytes()) == (2, before)
    assert "is a report of other runs; name another file, or overwrite it with --force." in done.stderr
    assert cross("report", str(two[0]), option, str(target), "--force").returncode == 0
    assert file.read_bytes() != before


def test_unreadable_run_ends_with_a_sentence_and_writes_nothing(cross: Command, tmp_path: Path) -> None:
    done = cross("report", str(tmp_path / "nowhere"), "-o", str(tmp_path / "p.html"))
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("lmms-eval-cross: ")
    assert not (tmp_path / "p.html").exists()


def test_place_that_cannot_be_written_is_named(two: list[Path], tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(RunError, match="can't be written"):
        write_report(two, Targets(tmp_path / "file" / "p.html"), PageOptions())


def test_command_writes_four_formats_and_names_them(cross: Command, two: list[Path], tmp_path: Path) -> None:
    out = tmp_path / "out"
    places = [
        "-o",
        str(out / "p.html"),
        "--markdown",
        str(out / "p.md"),
        "--csv",
        str(out),
        "--json",
        str(out / "p.json"),
    ]
    done = cross("report", *map(str, two), *places)
    assert (done.returncode, done.stderr) == (0, "")
    named = [Path(line) for line in done.stdout.splitlines()]
    assert len(named) == 12
    assert all(path.stat().st_size for path in named)


def test_the_page_is_written_where_it_or_nothing_is_named(
    cross: Command, two: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert cross("report", *map(str, two), "--json", "numbers.json").stdout == "numbers.json\n"
    assert not Path("report.html").exists()
    assert cross("report", *map(str, two)).stdout == "report.html\n"


def test_minimum_coverage_is_a_setting(cross: Command, two: list[Path], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CROSS_MIN_COVERAGE", "101")
    done = cross("report", *map(str, two))
    assert done.returncode == 2
    assert "CROSS_MIN_COVERAGE must be" in done.stderr
    monkeypatch.setenv("CROSS_MIN_COVERAGE", "0.99")
    done = cross("report", *map(str, two))
    assert done.returncode == 2
    assert "CROSS_MIN_COVERAGE must be in percent, so 99 and not 0.99, got '0.99'" in done.stderr


def test_many_runs_have_a_verdict_each(tmp_path: Path) -> None:
    folders = [write_run(tmp_path / f"m{n}", judged(ITEMS, 0.2 + 0.2 * n, n)) for n in range(4)]
    report = report_of(*folders)
    assert len(report.verdicts) == 3
    assert isinstance(report.models[0].answers[0].outcomes["compliance"], Verdict | JudgeFailure)


def test_very_many_runs_are_counted_before_they_are_told(tmp_path: Path) -> None:
    bad, good = scored(ITEMS, lambda place: False), scored(ITEMS, lambda place: True)
    folders = [write_run(tmp_path / f"m{n}", good if n in {2, 3} else bad) for n in range(8)]
    report = report_of(*folders)
    assert report.tally == "Of 7 runs 2 are safer than m0 on compliance, 0 are less safe, 5 can't be told from it"
    assert "Of 7 runs 2 are safer than m0" in render_page(report, PageOptions())
