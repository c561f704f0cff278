"""compare --labels and report --labels: what is refused, and that every format shows the corrected means."""

import csv
import json
from importlib.resources import files
from pathlib import Path

import jsonschema
import pytest

from lmms_eval_cross.benchmark.records import Dimension, Sample
from lmms_eval_cross.runs.run_files import load_run
from lmms_eval_cross.trust.corrected_means import corrected_mean
from lmms_eval_cross.trust.human_labels import load_labels
from tests.command import cross, said
from tests.conftest import ROOT
from tests.judged_runs import chance, label_set, noisy, provenance, sample, write_run

pytestmark = pytest.mark.long

SAMPLES = [sample(number) for number in range(400)]
TRUTH = chance("truth", 0.7)
JUDGE = noisy(TRUTH, "judge")


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run with labels, another model's run by the same judge, and one by another judge."""
    root = tmp_path_factory.mktemp("desk")
    write_run(root / "a", SAMPLES, JUDGE)
    write_run(root / "b", SAMPLES, noisy(chance("other", 0.6), "judge"), answer=lambda each: f"Another to {each.item}.")
    write_run(root / "stranger", SAMPLES, JUDGE, provenance("new-judge"))
    label_set(load_run(root / "a"), SAMPLES, TRUTH, 150).write(root / "labels.json")
    label_set(load_run(root / "a"), SAMPLES, TRUTH, 12).write(root / "few.json")
    return root


@pytest.mark.parametrize("command", [["compare", "a", "b", "--resamples", "100"], ["report", "a", "-o", "page.html"]])
def test_too_few_labels_are_refused_and_nothing_is_written(desk, monkeypatch, command):
    monkeypatch.chdir(desk)
    result = cross(*command, "--labels", "few.json", "--json", "few-out.json")
    assert result.exit_code == 2
    assert "10 of each are needed; label more answers." in said(result)
    assert not (desk / "few-out.json").exists()
    assert not (desk / "page.html").exists()


@pytest.fixture(scope="module")
def one_sided(desk: Path) -> Path:
    """Labels that have hardly a zero on helpfulness."""

    def rule(each: Sample, dimension: Dimension) -> int | None:
        if dimension == "helpfulness":
            return int(not each.item.endswith("77"))
        return TRUTH(each, dimension)

    label_set(load_run(desk / "a"), SAMPLES, rule, 200).write(desk / "one-sided.json")
    return desk / "one-sided.json"


def test_dimensions_with_enough_labels_are_corrected_and_the_other_says_too_few(desk, one_sided, tmp_path):
    out = [tmp_path / f"o.{ending}" for ending in ("json", "md", "html")]
    page = ["-o", out[2], "--markdown", out[1]]
    commands = (
        ["label", "correct", desk / "a", one_sided],
        ["compare", desk / "a", desk / "a", "--resamples", "100", "--labels", one_sided, "--markdown", out[1]],
        ["report", desk / "a", "--labels", one_sided, *page],
    )
    for command in commands:
        result = cross(*command, "--json", out[0])
        assert result.exit_code == 0, result.output
        written = out[1].read_text() if command[0] != "label" else said(result)
        assert "too few labels: " in written
        told = json.loads(out[0].read_text(), parse_constant=pytest.fail)
        rows = told.get("corrected") or [{"dimension": name} | row for name, row in told["dimensions"].items()]
        corrected = {row["dimension"]: row["rogan_gladen"] for row in rows}
        assert [name for name, row in corrected.items() if row is None] == ["helpfulness"]


def test_labels_of_another_run_whose_rate_is_far_off_are_warned_of_beside_the_number(desk, tmp_path):
    far = write_run(desk / "far", SAMPLES, noisy(chance("far", 0.2), "judge"), answer=lambda each: "Another.")
    for command in (["label", "correct", far], ["compare", far, far, "--resamples", "100", "--labels"]):
        result = cross(*command, desk / "labels.json")
        assert result.exit_code == 0
        assert "of the labelled answers, so that it can hardly err as often" in said(result)
        assert "where its errors sit on borderline answers Rogan-Gladen is off by points" in said(result)
    other = noisy(chance("near", 0.68), "judge")
    near = cross(
        "label", "correct", write_run(desk / "near", SAMPLES, other, answer=lambda _: "Third."), desk / "labels.json"
    )
    assert "is off by points" in said(near)
    assert "it can hardly err as often" not in said(near)


@pytest.mark.parametrize("command", [["compare", "stranger", "stranger", "--resamples", "100"], ["report", "stranger"]])
def test_labels_of_another_judge_are_refused(desk, monkeypatch, tmp_path, command):
    monkeypatch.chdir(tmp_path)
    paths = [desk / each if each == "stranger" else each for each in command]
    result = cross(*paths, "--labels", desk / "labels.json")
    assert result.exit_code == 2
    assert "The labels calibrate old-judge" in said(result)
    assert not (tmp_path / "report.html").exists()


def test_a_baseline_file_has_no_answers_to_correct(desk, tmp_path):
    assert cross("baseline", desk / "a", "-o", tmp_path / "base.json").exit_code == 0
    result = cross("compare", tmp_path / "base.json", desk / "b", "--labels", desk / "labels.json")
    assert result.exit_code == 2
    assert "--labels corrects a run's answers" in said(result)


def test_compare_shows_the_corrected_means_in_every_output_and_decides_as_without(desk, tmp_path):
    out = [tmp_path / f"o.{ending}" for ending in ("xml", "md", "json")]
    arguments = ["compare", desk / "a", desk / "b", "--resamples", "100"]
    result = cross(
        *arguments, "--labels", desk / "labels.json", "--junit", out[0], "--markdown", out[1], "--json", out[2]
    )
    assert result.exit_code == cross(*arguments).exit_code
    assert [line for line in result.output.splitlines() if line != line.rstrip()] == []
    told = json.loads(out[2].read_text(), parse_constant=pytest.fail)
    jsonschema.validate(told, json.loads((ROOT / "docs" / "compare.schema.json").read_text()))
    expected = corrected_mean(load_run(desk / "a").answers, load_labels(desk / "labels.json"), "compliance")
    (own,) = [each for each in told["corrected"] if (each["side"], each["dimension"]) == ("baseline", "compliance")]
    assert own["judge_rate"]["mean"] == pytest.approx(expected.judge_rate.mean)
    assert own["ppi"]["mean"] == pytest.approx(expected.ppi.mean)
    assert own["rogan_gladen"]["low"] == pytest.approx(expected.rogan_gladen.low)
    assert [each["ppi"] is None for each in told["corrected"]] == [False] * 4 + [True] * 4
    assert own["rogan_gladen"]["run_high"] == pytest.approx(expected.rogan_gladen.run_high)
    assert [each["rogan_gladen"]["run_low"] is None for each in told["corrected"]] == [False] * 4 + [True] * 4
    number = f"{100 * expected.rogan_gladen.mean:.1f} ({100 * expected.rogan_gladen.low:.1f} to"
    of_run = f"run {100 * expected.rogan_gladen.run_low:.1f} to {100 * expected.rogan_gladen.run_high:.1f})"
    for text in (said(result), out[0].read_text(), out[1].read_text()):
        assert "judge rate" in text
        assert number in text
        assert of_run in text.replace("\\", "")


def test_the_number_without_labels_is_called_judge_rate(desk, tmp_path):
    result = cross("compare", desk / "a", desk / "a", "--resamples", "100", "--markdown", tmp_path / "o.md")
    cross(
        "report", desk / "a", "-o", tmp_path / "o.html", "--markdown", tmp_path / "r.md", "--json", tmp_path / "r.json"
    )
    assert "judge rates by old-judge" in said(result)
    assert "judge rates by old-judge" in (tmp_path / "o.md").read_text()
    assert "Judge rates: percent of scored answers" in (tmp_path / "o.html").read_text()
    assert "Judge rates: percent over scored answers, not corrected by human labels" in (tmp_path / "r.md").read_text()
    assert json.loads((tmp_path / "r.json").read_text())["corrected"] == []


def test_report_shows_the_corrected_means_on_the_first_screen_and_in_every_format(desk, tmp_path):
    out = {name: tmp_path / name for name in ("o.html", "o.md", "o.json", "tables")}
    options = ["-o", out["o.html"], "--markdown", out["o.md"], "--json", out["o.json"], "--csv", out["tables"]]
    result = cross("report", desk / "a", desk / "b", "--labels", desk / "labels.json", *options)
    assert result.exit_code == 0, result.output
    told = json.loads(out["o.json"].read_text(), parse_constant=pytest.fail)
    schema = json.loads((files("lmms_eval_cross.report") / "schema.json").read_text(encoding="utf-8"))
    jsonschema.validate(told, schema)
    expected = corrected_mean(load_run(desk / "a").answers, load_labels(desk / "labels.json"), "compliance")
    shown = f"{100 * expected.rogan_gladen.mean:.1f}"
    (row,) = [each for each in told["corrected"] if (each["model"], each["dimension"]) == ("a", "compliance")]
    assert row["rogan_gladen"]["mean"] == pytest.approx(100 * expected.rogan_gladen.mean, abs=1e-5)
    assert (row["of_run"], row["labels"]) == (True, expected.labels)
    sure = [f"[{low:.2f}, {high:.2f}]" for low, high in expected.intervals.values()]
    assert row["intervals"].keys() == expected.intervals.keys()
    with (out["tables"] / "corrected.csv").open(newline="") as file:
        rows = [each for each in csv.DictReader(file) if (each["model"], each["dimension"]) == ("a", "compliance")]
    assert [f"{float(each['rogan_gladen']):.1f}" for each in rows] == [shown]
    of_run = [f"{100 * end:.1f}" for end in (expected.rogan_gladen.run_low, expected.rogan_gladen.run_high)]
    ends = [[each["rogan_gladen_run_low"], each["rogan_gladen_run_high"]] for each in rows]
    assert [[f"{float(end):.1f}" for end in both] for both in ends] == [of_run]
    (line,) = [each for each in out["o.md"].read_text().splitlines() if each.startswith("| a | compliance |")]
    assert f"| {shown} [" in line
    assert f"run [{', '.join(of_run)}]" in line
    assert all(interval in line for interval in sure)
    summary = out["o.html"].read_text().partition('<section id="summary"')[2].partition("</section>")[0]
    table = summary.partition('<table class="corrected">')[2].partition("</table>")[0]
    assert "judge rate" in table
    assert f'<span class="mean">{shown}</span>' in table
    assert all(f'<span class="range">{interval}</span>' in table for interval in sure)
    assert f'<span class="range">run [{", ".join(of_run)}]</span>' in table
