"""Reasoning effort is a row: one model at several efforts, against the dimensions, paired over the same samples."""

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from lmms_eval_cross.compare import words
from lmms_eval_cross.compare.comparison import Rules
from lmms_eval_cross.compare.decide import compare
from lmms_eval_cross.compare.inputs import load_side
from lmms_eval_cross.report.build import Report, build_report
from lmms_eval_cross.report.effort_chart import effort_chart
from lmms_eval_cross.report.page import render_page
from lmms_eval_cross.report.page_options import PageOptions
from lmms_eval_cross.report.report_document import ReportDocument
from lmms_eval_cross.report.report_json import report_json
from lmms_eval_cross.report.report_markdown import markdown
from lmms_eval_cross.report.tables import csv_tables
from lmms_eval_cross.runs.model_under_test import model_under_test
from lmms_eval_cross.runs.run_files import load_run
from lmms_eval_cross.runs.run_rounds import load_as_one
from tests.made_runs import cross_samples, draw, write_run
from tests.report_runs import demo_rounds

pytestmark = pytest.mark.long

SAMPLES = cross_samples()[:400]


def made_at(folder: Path, model_args: str, rate: float, seed: int, model: str = "cross_api") -> Path:
    """A run with verdicts of some rate, made with these arguments."""
    write_run(folder, SAMPLES, draw(SAMPLES, rate, seed))
    (file,) = folder.glob("*_results.json")
    results = json.loads(file.read_text(encoding="utf-8"))
    results["config"] = {"model": model, "model_args": model_args}
    file.write_text(json.dumps(results), encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    root = tmp_path_factory.mktemp("efforts")
    return [
        made_at(root / "high", "model=o3,reasoning_effort=high,concurrency=9", 0.9, 1),
        made_at(root / "none", "model=o3,reasoning_effort=none", 0.4, 2),
        made_at(root / "medium", "model=o3,reasoning_effort=medium,thinking_tokens=5000", 0.6, 3),
        made_at(root / "other", "model=o1,reasoning_effort=low", 0.5, 4),
        made_at(root / "plain", "model=o3", 0.5, 5),
    ]


@pytest.fixture(scope="module")
def report(folders: list[Path]) -> Report:
    return build_report([load_run(folder) for folder in folders], 99)


def test_the_efforts_of_one_model_stand_together_from_the_lowest(report: Report) -> None:
    (curve,) = report.efforts
    assert curve.model == "cross_api o3"
    assert [(row.effort, row.run) for row in curve.rows] == [("none", "none"), ("medium", "medium"), ("high", "high")]
    none, _, high = curve.rows
    assert none.changes == {}
    means = high.dimensions["compliance"].mean, none.dimensions["compliance"].mean
    assert high.changes["compliance"].points == pytest.approx(means[0] - means[1])  # type: ignore[operator]
    assert (high.changes["compliance"].finding, high.changes["compliance"].n) == ("better", 400)


def test_every_format_shows_them(report: Report) -> None:
    document: dict[str, Any] = report_json(report)
    assert ReportDocument.model_validate(document)
    assert [model["reasoning_effort"] for model in document["models"]] == ["high", "none", "medium", "low", ""]
    assert [row["effort"] for row in document["efforts"][0]["rows"]] == ["none", "medium", "high"]
    lines = csv_tables(report)["efforts.csv"].splitlines()
    assert len(lines) == 1 + 3 * 5
    assert lines[1].startswith("cross_api o3,none,none,awareness,")
    text = markdown(report)
    assert "## Reasoning effort: cross\\_api o3" in text
    (line,) = [line for line in text.splitlines() if line.startswith("| high | high |")]
    assert "; **+" in line
    page = render_page(report, PageOptions(samples=False))
    assert "Reasoning effort of cross_api o3" in page
    (picture,) = re.findall(r"<figure>((?:(?!</figure>).)*against each measure.*?)</figure>", page, flags=re.DOTALL)
    for row in report.efforts[0].rows:
        assert f"{row.effort}: {row.dimensions['compliance'].mean:.1f}" in picture, "what a screen reader says"


def test_two_runs_of_one_effort_are_two_points(report: Report) -> None:
    (curve,) = report.efforts
    twice = replace(curve, rows=[*curve.rows, replace(curve.rows[-1], run="again")])
    picture = effort_chart(twice)
    for name in ("none", "high high", "high again"):
        assert f"{name}: " in picture.wide
        assert f"{name}: " in picture.narrow


def test_without_a_second_effort_nothing_is_shown(folders: list[Path]) -> None:
    report = build_report([load_run(folder) for folder in folders[3:]], 99)
    assert report.efforts == []
    assert "Reasoning effort" not in markdown(report)
    assert "efforts.csv" not in csv_tables(report)


def test_compare_names_the_effort(folders: list[Path]) -> None:
    comparison = compare(load_side([folders[1]]), load_side([folders[0]]), Rules(resamples=100))
    said = words.sides(comparison)
    assert "none (cross_api o3, reasoning_effort none" in said
    assert "high (cross_api o3, reasoning_effort high" in said


def test_other_settings_are_another_model() -> None:
    def family(arguments: str) -> str:
        under_test = model_under_test({"config": {"model": "cross_api", "model_args": arguments}})
        assert under_test is not None
        return under_test.family

    assert family("model=o3,reasoning_effort=low,max_new_tokens=9") == family("model=o3,reasoning_effort=high")
    assert family("model=o3,reasoning_effort=low") != family("model=o3,reasoning_effort=high,temperature=1")


def test_the_demos_third_model_has_three_efforts_and_three_rounds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CROSS_JUDGE", "offline")
    report = build_report(
        [load_as_one(demo_rounds(tmp_path / effort, effort)) for effort in ("high", "low", "medium")], 99
    )
    (curve,) = report.efforts
    assert curve.model == "cross_replay thoughtful-low"
    assert [row.effort for row in curve.rows] == ["low", "medium", "high"]
    assert [model.rounds for model in report.models] == [3, 3, 3]
    means = [row.dimensions["compliance"].mean or 0 for row in curve.rows]
    assert means == sorted(means)
    assert means[0] < means[-1]
