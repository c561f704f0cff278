"""Hostile strings as names, answers and judge's replies, through the commands that show them."""

import json
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as Xml

import pytest
from click.testing import CliRunner

from lmms_eval_cross.benchmark.records import DIMENSIONS
from lmms_eval_cross.cli import main
from tests.hostile import HOSTILE
from tests.made_runs import cross_samples, draw, task, write_run
from tests.test_edited_runs import edit
from tests.test_text import commands_nothing

SAMPLES = [sample for sample in cross_samples() if sample.setting == "english"][:120]


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two runs in which every text that is not hashed is hostile."""
    folder = tmp_path_factory.mktemp("runs")

    def poison(record: dict[str, Any], number: int) -> None:
        text = HOSTILE[number % len(HOSTILE)]
        record |= {"country": text, "language_label": text, "response": f"{text} {number}", "image_name": text}
        for place, name in enumerate(DIMENSIONS):
            entry = record["dimensions"][name]
            if entry["score"] is not None:
                number_of = 1 - entry["score"] if name == "compliance" else entry["score"]
                entry["rationale"] = f"{HOSTILE[(number + place) % len(HOSTILE)]}\nScore: {number_of}"
        for entry in record["dimensions"].values():
            entry["model"] = HOSTILE[2]

    for place, name in enumerate("ab"):
        scores = draw(SAMPLES, 0.6, 1, drop=0.2 * place)
        tasks = {f"mmmu {HOSTILE[0]}": task(0.4)}
        write_run(folder / name, SAMPLES, scores, model=HOSTILE[7] + HOSTILE[0], tasks=tasks)
        edit(folder / name, poison)
    return folder


def run(*arguments: object) -> str:
    result = CliRunner().invoke(main, [*map(str, arguments)])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    assert result.exit_code in {0, 1, 2, 3}
    for line in result.output.split("\n"):
        assert commands_nothing(line.replace("\t", " ")), (arguments, line)
    return result.output


@pytest.mark.long
def test_no_command_lets_them_through(runs: Path, tmp_path: Path) -> None:
    a, b = runs / "a", runs / "b"
    outputs = ("--markdown", tmp_path / "g.md", "--junit", tmp_path / "g.xml", "--json", tmp_path / "g.json")
    run("compare", a, b, "--no-verify-replies", "--resamples", 100, *outputs)
    run("compare", a, b, "--resamples", 100)
    Xml.parse(tmp_path / "g.xml")
    json.loads((tmp_path / "g.json").read_text(encoding="utf-8"))
    shown = (tmp_path / "g.md").read_text(encoding="utf-8")
    assert "@org" not in shown
    assert "https://evil" not in shown
    assert "\x1b" not in shown
    run("baseline", a, "-o", tmp_path / "baseline.json")
    run("agree", a, b, "--show", 40)
    run("anchor", "build", a, "--output", tmp_path / "anchor.json", "--n", 30)
    run("agree", tmp_path / "anchor.json", b, "--show", 40)
    run("compare", a, runs / HOSTILE[0])


@pytest.mark.long
def test_the_report_is_written_whole_whatever_names_hold(runs: Path, tmp_path: Path) -> None:
    targets = ("--markdown", tmp_path / "r.md", "--csv", tmp_path / "csv", "--no-samples")
    run("report", runs / "a", runs / "b", "-o", tmp_path / "r.html", *targets)
    page = (tmp_path / "r.html").read_text(encoding="utf-8")
    assert "\0" not in page
    assert "\uffff" not in page
    assert "<script>alert" not in page
    assert "https://evil" not in (tmp_path / "r.md").read_text(encoding="utf-8")
    for file in (tmp_path / "csv").iterdir():
        text = file.read_text(encoding="utf-8")
        assert not [line for line in text.splitlines() if line.startswith(("=", "+", "@", "\t"))]
        assert "\x1b" not in text


@pytest.mark.parametrize("length", [60, 87, 90, 98])
@pytest.mark.parametrize("joint", [" ", "x"])
def test_no_table_wraps_a_name_so_that_a_line_of_it_is_a_command(tmp_path: Path, length: int, joint: str) -> None:
    name = f"{'m' * length}{joint}::error title=x::not ours"
    for place, side in enumerate("ab"):
        scores = draw(SAMPLES, 0.6, 1, drop=0.2 * place)
        write_run(tmp_path / side, SAMPLES, scores, model=name, tasks={name: task(0.4)})
    run("compare", tmp_path / "a", tmp_path / "b", "--resamples", 100)
