"""Outputs that can't be written: a sentence with exit code 2, and nothing left behind."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from lmms_eval_cross import session
from lmms_eval_cross.cli import main
from lmms_eval_cross.runs.run_files import load_run
from tests.conftest import ROOT
from tests.judged_runs import chance, label_set, sample, write_run

pytestmark = pytest.mark.long

SAMPLES = [sample(number) for number in range(200)]
PLACES = ("folder.json", "file/x.json", "/proc/x.json")
COMMANDS = (
    ("anchor", "build", "run", "--n", "20", "--output"),
    ("agree", "run", "run", "--json"),
    ("label", "correct", "run", "labels.json", "--json"),
)


@pytest.fixture
def workplace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A run, its labels, a folder and a file."""
    place = tmp_path / "work"
    run = write_run(place / "run", SAMPLES, chance("judge"))
    label_set(load_run(run), SAMPLES, chance("people")).write(place / "labels.json")
    (place / "folder.json").mkdir()
    (place / "file").write_text("")
    monkeypatch.chdir(place)
    return place


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("command", COMMANDS)
def test_an_output_that_cannot_be_written_is_a_sentence_and_leaves_nothing(workplace, command, place):
    before = sorted(workplace.rglob("*"))
    result = CliRunner().invoke(main, [*command, place])
    assert result.exit_code == 2, result.output
    assert result.stderr.startswith(f"lmms-eval-cross: {place} can't be written (")
    assert result.stderr.endswith("name another place.\n")
    assert sorted(workplace.rglob("*")) == before


@pytest.mark.parametrize("place", ["file", "/proc/x"])
def test_a_ledger_that_cannot_be_exported_is_a_sentence(workplace, place):
    result = CliRunner().invoke(main, ["ledger", "export", place])
    assert result.exit_code == 2, result.output
    assert f"{place} can't be written (" in result.stderr


PICTURES = list((ROOT / "lmms_eval_cross" / "demo" / "images").iterdir())
READING = (
    ("report", "runs/demo", "--markdown", "out/page.md"),
    ("compare", "runs/demo", "runs/demo", "--margin", "compliance=40"),
    ("baseline", "runs/demo", "-o", "out/baseline.json"),
    ("agree", "runs/demo", "runs/demo"),
    ("anchor", "build", "runs/demo", "-o", "out/anchor.json"),
    ("label", "export", "runs/demo", "-o", "out/labels"),
    ("cost", "--tasks", "cross_demo"),
    ("config",),
    ("tasks",),
    ("demo-responses", "careful"),
)


@pytest.fixture(scope="module")
def demo_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with `runs/demo`, judged offline by lmms-eval's own run, and its home that is then a file."""
    place = tmp_path_factory.mktemp("reading")
    command = [sys.executable, "-m", "lmms_eval_cross"]
    environment = {**os.environ, "CROSS_JUDGE": "offline", "CROSS_HOME": str(place / "home"), "PYTHONPATH": str(ROOT)}
    responses = subprocess.check_output([*command, "demo-responses", "careful"], text=True).strip()
    model = ["--model", "cross_replay", "--model_args", f"responses={responses}"]
    command += ["run", "--", *model, "--tasks", "cross_demo", "--output_path", "runs/demo"]
    subprocess.run(command, cwd=place, env=environment, check=True, capture_output=True)
    (place / "file").touch()
    return place


@pytest.mark.parametrize("home", ["file", "file/below", "/proc/home"])
@pytest.mark.parametrize("command", READING, ids=lambda command: command[0])
def test_a_home_that_cannot_be_written_stops_no_command_that_only_reads(demo_run, monkeypatch, command, home):
    monkeypatch.chdir(demo_run)
    monkeypatch.setenv("CROSS_HOME", home)
    shutil.rmtree("out", ignore_errors=True)
    session.forget_data()
    result = CliRunner().invoke(main, command)
    assert result.exit_code == 0, result.output


def test_the_reports_pictures_are_there_without_a_home(demo_run, monkeypatch):
    monkeypatch.chdir(demo_run)
    monkeypatch.setenv("CROSS_HOME", "file")
    session.forget_data()
    assert CliRunner().invoke(main, ["report", "runs/demo", "-o", "out/page.html"]).exit_code == 0
    assert Path("out/page.html").read_text(encoding="utf-8").count("data:image/webp") == len(PICTURES)
