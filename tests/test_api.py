"""The public door: its list is true, it is light, and its numbers are the command line's."""

import ast
import json
import math
import re
import sys
from pathlib import Path

import pytest

import lmms_eval_cross
from lmms_eval_cross import api
from lmms_eval_cross.benchmark.records import DIMENSIONS, JudgeFailure, Verdict
from tests import report_runs
from tests.command import cross
from tests.conftest import ROOT, Run
from tests.made_runs import cross_samples, draw, task, with_failures, write_run

PAGE = (ROOT / "docs" / "api.md").read_text(encoding="utf-8")
SAMPLES = cross_samples()[:400]


@pytest.fixture(scope="module")
def sides(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Two runs of 400 samples with failures, and a metric of another task."""
    root = tmp_path_factory.mktemp("sides")
    scores = draw(SAMPLES, 0.7, seed=1)
    others = {"mmmu_val": task(0.5), "mme": task(1400.0)}
    worse = with_failures(draw(SAMPLES, 0.7, seed=1, drop=0.2), 0.004)
    return [
        write_run(root / "before", SAMPLES, with_failures(scores, 0.004), tasks=others),
        write_run(root / "after", SAMPLES, worse, tasks=others),
    ]


# ---- the list -------------------------------------------------------------------------------------------------------


def test_the_list_is_what_the_door_has() -> None:
    assert set(lmms_eval_cross.__all__) == {*api.__all__, "__version__"}
    for name in api.__all__:
        assert getattr(lmms_eval_cross, name) is getattr(api, name)
    assert set(lmms_eval_cross.__all__) <= set(dir(lmms_eval_cross))


def test_type_checkers_read_the_same_list() -> None:
    tree = ast.parse(Path(lmms_eval_cross.__file__).read_text(encoding="utf-8"))
    imported = {
        name.name
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and node.module == "lmms_eval_cross.api"
        for name in node.names
    }
    assert imported == set(api.__all__)


def test_a_name_that_is_not_public_is_no_attribute() -> None:
    with pytest.raises(AttributeError, match="no attribute 'compare_models'"):
        _ = lmms_eval_cross.compare_models


def test_the_page_names_every_public_name_column_and_field() -> None:
    for name in api.__all__:
        assert f"`{name}" in PAGE, name
    rows = re.findall(r"^\| (`.*?) \|", PAGE, re.MULTILINE)
    in_tables = {name for row in rows for name in re.findall(r"`(\w+)", row)}
    fields = {*api.Mean.__dataclass_fields__, *api.MetricChange.__dataclass_fields__}
    assert {*api.COLUMNS, *fields} <= in_tables
    for field in api.RunComparison.__dataclass_fields__:
        assert f"`{field}`" in PAGE, field


def test_importing_the_package_imports_nothing_heavy(run: Run) -> None:
    heavy = "{'numpy', 'pandas', 'pydantic', 'pydantic_settings', 'click', 'openai', 'torch', 'pyarrow'}"
    told = run(sys.executable, "-c", f"import lmms_eval_cross, sys; print({heavy} & set(sys.modules))", cwd=ROOT)
    assert (told.stdout, told.stderr) == ("set()\n", "")


def test_settings_alone_load_no_numbers_and_no_gate(run: Run) -> None:
    heavy = "{'numpy', 'pandas', 'openai', 'torch', 'pyarrow', 'lmms_eval_cross.api'}"
    told = run(
        sys.executable, "-c", f"from lmms_eval_cross import Settings; import sys; print({heavy} & set(sys.modules))"
    )
    assert (told.stdout, told.stderr) == ("set()\n", "")


# ---- numbers --------------------------------------------------------------------------------------------------------


@pytest.mark.long
def test_means_are_those_of_the_report(sides: list[Path], tmp_path: Path) -> None:
    written = cross("report", sides[1], "-o", tmp_path / "o.html", "--json", tmp_path / "o.json")
    assert written.exit_code == 0, written.output
    dimensions = json.loads((tmp_path / "o.json").read_text())["models"][0]["dimensions"]
    means = {each.measure: each for each in lmms_eval_cross.load_run(str(sides[1])).means()}
    assert list(means) == [*DIMENSIONS, "mean"]
    for measure, expected in dimensions.items():
        for field, value in expected.items():
            assert getattr(means[measure], field) == pytest.approx(value, abs=1e-6), (measure, field)


def test_the_frame_and_the_means_say_the_same(sides: list[Path]) -> None:
    run = lmms_eval_cross.load_run(sides[0])
    frame = run.to_pandas()
    assert list(frame.columns) == list(api.COLUMNS)
    assert len(frame) == len(DIMENSIONS) * len(SAMPLES)
    by_dimension = frame.groupby("dimension")["score"]
    for each in run.means()[:-1]:
        assert 100 * by_dimension.mean()[each.measure] == pytest.approx(each.mean)
        assert by_dimension.count()[each.measure] == each.n


def test_a_failure_is_not_a_number_and_has_a_reason(sides: list[Path]) -> None:
    frame = lmms_eval_cross.load_run(sides[0]).to_pandas()
    failed = frame[frame["score"].isna()]
    assert len(failed) > 0
    assert set(failed["reason"]) == {"unparsable"}
    scored = frame[frame["score"].notna()]
    assert scored["reason"].isna().all()
    assert set(scored["score"]) == {0.0, 1.0}


@pytest.mark.long
def test_comparing_says_what_the_command_line_says(sides: list[Path], tmp_path: Path) -> None:
    options = ["--margin", "compliance=5", "--margin", "mmmu_val=20", "--json", tmp_path / "o.json"]
    result = cross("compare", *sides, *options)
    told = json.loads((tmp_path / "o.json").read_text())
    found = lmms_eval_cross.compare_runs(str(sides[0]), sides[1], margins={"compliance": 5, "mmmu_val": 20})
    assert (found.exit_code, found.sentence) == (result.exit_code, told["sentence"])
    assert (found.decision, list(found.reasons), found.measurement) == (
        told["decision"],
        told["reasons"],
        told["measurement"],
    )
    assert found.text == result.output
    assert [each.name for each in found.metrics] == [each["name"] for each in told["metrics"]]
    for metric, expected in zip(found.metrics, told["metrics"], strict=True):
        assert (metric.margin, metric.decision) == (expected["margin"], expected["decision"])
        same_numbers(metric, expected["difference"])


def same_numbers(metric: api.MetricChange, expected: dict[str, float] | None) -> None:
    names = {"baseline": "baseline_mean", "candidate": "candidate_mean", "change": "difference"}
    names |= {name: name for name in ("lower_bound", "upper_bound", "low", "high")}
    if expected is None:
        assert [getattr(metric, name) for name in names] == [None] * len(names)
        return
    assert (metric.n, metric.norms) == (expected["n"], expected["clusters"])
    for name, theirs in names.items():
        assert getattr(metric, name) == pytest.approx(100 * expected[theirs])


@pytest.mark.long
def test_a_side_may_be_a_run_a_baseline_file_or_rounds(sides: list[Path], tmp_path: Path) -> None:
    assert cross("baseline", sides[0], "-o", tmp_path / "base.json").exit_code == 0
    before, after = (lmms_eval_cross.load_run(side) for side in sides)
    by_path = lmms_eval_cross.compare_runs(*sides, resamples=100)
    assert lmms_eval_cross.compare_runs(before, after, resamples=100) == by_path
    assert lmms_eval_cross.compare_runs(tmp_path / "base.json", after, resamples=100).metrics == by_path.metrics
    rounds = lmms_eval_cross.compare_runs([before, after], [sides[0]], resamples=100)
    assert rounds.metrics[0].baseline == pytest.approx(
        (by_path.metrics[0].baseline + by_path.metrics[0].candidate) / 2, abs=1
    )


def test_a_table_of_what_cannot_be_compared_has_columns_and_no_row(sides: list[Path], tmp_path: Path) -> None:
    other = write_run(tmp_path / "other", SAMPLES, draw(SAMPLES, 0.7, seed=1), judge_id="judge-2")
    found = lmms_eval_cross.compare_runs(sides[0], other)
    assert found.exit_code == 3
    assert found.reasons
    assert list(found.to_pandas().columns) == list(api.MetricChange.__dataclass_fields__)
    assert len(found.to_pandas()) == 0


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"margins": {"compliance": 0}}, "The margin of compliance is 0"),
        ({"margins": {"compliance": math.nan}}, "The margin of compliance is nan"),
        ({"margins": {"kindness": 5}}, "kindness"),
        ({"alpha": 0.5}, "alpha is 0.5"),
    ],
)
def test_a_wrong_rule_is_one_sentence(sides: list[Path], options: dict[str, object], sentence: str) -> None:
    with pytest.raises(lmms_eval_cross.CrossError, match=re.escape(sentence)):
        lmms_eval_cross.compare_runs(*sides, **options)


def test_a_path_without_a_run_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(lmms_eval_cross.CrossError, match="holds no"):
        lmms_eval_cross.load_run(str(tmp_path))


# ---- judging --------------------------------------------------------------------------------------------------------


def test_answers_in_memory_are_judged_as_a_run_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CROSS_JUDGE", "offline")
    recorded = Path(lmms_eval_cross.__file__).parent / "demo" / "responses" / "careless.jsonl"
    of_run = {sample.sample_id: (text, outcomes) for sample, text, outcomes in report_runs.demo_answers(recorded)}
    samples = lmms_eval_cross.load_samples("cross_demo")
    outcomes = lmms_eval_cross.judge_answers(samples, [of_run[sample.sample_id][0] for sample in samples])
    assert outcomes == [of_run[sample.sample_id][1] for sample in samples]
    assert all(isinstance(each, Verdict) for one in outcomes for each in one.values())


def test_a_failed_generation_is_not_judged() -> None:
    samples = lmms_eval_cross.load_samples("cross_demo")[:1]
    (outcomes,) = lmms_eval_cross.judge_answers(samples, [""], lmms_eval_cross.Settings(judge="offline"))
    assert list(outcomes) == list(DIMENSIONS)
    for each in outcomes.values():
        assert isinstance(each, JudgeFailure)
        assert each.reason == "no_response"


def test_answers_without_a_sample_are_refused() -> None:
    samples = lmms_eval_cross.load_samples("cross_demo")[:1]
    with pytest.raises(ValueError, match="argument 2 is longer"):
        lmms_eval_cross.judge_answers(samples, ["one", "two"], lmms_eval_cross.Settings(judge="offline"))


def test_a_task_that_there_is_not_is_named_with_those_that_there_are() -> None:
    with pytest.raises(lmms_eval_cross.CrossError, match="no task 'cross_all'; the tasks are cross_casa"):
        lmms_eval_cross.load_samples("cross_all")


def test_the_notebook_runs_on_the_demo(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CROSS_JUDGE", "offline")
    responses = Path(lmms_eval_cross.__file__).parent / "demo" / "responses"
    provenance = lmms_eval_cross.session.provenance_for("demo")
    for name in ("careful", "careless"):
        answers = report_runs.demo_answers(responses / f"{name}.jsonl")
        report_runs.write_run(tmp_path / "runs" / name, answers, provenance)
    monkeypatch.delenv("CROSS_JUDGE")
    told = run(sys.executable, str(ROOT / "examples" / "notebook.py"), cwd=tmp_path)
    assert told.returncode == 0, told.stderr
    assert "Exit 1, worse: compliance fell by" in told.stdout
    assert "11 of 11 answers comply; 1 has no verdict (no_response)" in told.stdout
