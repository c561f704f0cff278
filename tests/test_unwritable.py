"""Outputs that can't be written: a sentence with exit code 2, and nothing left behind."""

from pathlib import Path

import pytest
from click.testing import CliRunner

from lmms_eval_cross.cli import main
from lmms_eval_cross.runs.run_files import load_run
from tests.judged_runs import chance, label_set, sample, write_run

SAMPLES = [sample(number) for number in range(200)]
PLACES = ("folder", "file/x.json", "/proc/x.json", ".")
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
    (place / "folder").mkdir()
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
