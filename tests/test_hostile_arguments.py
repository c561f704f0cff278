"""Each word of each command's line, replaced by hostile strings and by paths of what is no file.

The commands are asked of the command line itself: a new one has no row here, and that fails.
"""

import os
import re
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path

import click
import pytest
from click.testing import CliRunner, Result

from lmms_eval_cross import session
from lmms_eval_cross.cli import main
from tests.hostile import HOSTILE
from tests.test_help import ALL
from tests.test_old_files import OLD
from tests.test_text import commands_nothing

pytestmark = pytest.mark.long

LINES = {
    "agree": "run run",
    "align build dpo": "--from list.csv -o out",
    "align build sft": "--from list.csv -o out",
    "align check": "folder",
    "align demo": "-o folder",
    "align export": "folder --to llava -o out",
    "align import": "--source folder -o out",
    "align openai": "folder -o out",
    "align tune": "sft folder --model base -o out",
    "anchor build": "run --n 5 -o drawn.json",
    "anchor judge": "anchor.json -o judged.json",
    "baseline": "run -o made.json",
    "compare": "run baseline.json --resamples 100",
    "config": "",
    "cost": "--tasks cross_demo",
    "demo-responses": "careful",
    "doctor": "",
    "gate": "run run",
    "judge": "run",
    "label correct": "run labels.json",
    "label export": "run --n 5 -o out",
    "label import": "batch.json sheet.csv -o read.json",
    "ledger copy": "ledger.sqlite copied.sqlite",
    "ledger export": "out",
    "ledger forget": "",
    "ledger merge": "ledger.sqlite",
    "ledger migrate": "",
    "ledger prune": "--older-than 30",
    "ledger show": "",
    "ledger verify": "",
    "plan": "run --tasks cross_demo",
    "prepare": "--source folder",
    "report": "run --json page.json",
    "run": "--chunk 0 -- nothing",  # refused before lmms-eval is started, whose arguments are its own
    "tasks": "",
    "view": "run --host 192.0.2.1",  # an address of nobody, where nothing is served
}
"""Command -> a line that it takes, among the files of an old release."""
SHORT = "".join(text for text in HOSTILE if "/" not in text and "\0" not in text and "\ud800" not in text)[:200]
"""No file's name is longer than 255 bytes, and no process is given NUL; half a character comes as another one."""
STRINGS = (SHORT, "::error::\n::error::\x1b[2J", "name\udcff\u202e", "x" * 5000, "@org/team https:/evil.example")
BAR = re.compile(r"\r[\w ]+: +\d+%\|[^\r\n]*?\]")
"""A progress bar of another package."""
KINDS = ("fifo", "zero", "folder", "loop")


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working directory, with an old release's files and one of each kind that is no file."""
    folder = tmp_path / "place"
    shutil.copytree(OLD, folder)
    (folder / "sheet.csv").write_text("sample_id\n", encoding="utf-8")
    (folder / "list.csv").write_text("country,norm\n", encoding="utf-8")
    os.mkfifo(folder / "fifo")
    (folder / "zero").symlink_to("/dev/zero")
    (folder / "loop").symlink_to("loop")
    (folder / "folder").mkdir()
    monkeypatch.chdir(folder)
    return folder


def variants(line: list[str], others: Sequence[str]) -> Iterator[list[str]]:
    """The line with another word in the place of each, and one behind it."""
    for other in others:
        for number, word in enumerate(line):
            if not word.startswith("-"):
                yield [*line[:number], other, *line[number + 1 :]]
        yield [*line, other]
        yield [*line, f"--{other}"]


def options(name: str, line: list[str], others: Sequence[str]) -> Iterator[list[str]]:
    """The line with each option that it lacks."""
    for param in ALL[name].params:
        if isinstance(param, click.Option) and not param.is_flag and not set(param.opts) & set(line):
            for other in others:
                yield [*line, param.opts[0], *[other] * param.nargs]


def ended(words: list[str]) -> Result:
    session.forget_data()
    result = CliRunner().invoke(main, words)
    assert isinstance(result.exception, SystemExit | None), (words, result.exc_info)
    assert result.exit_code in {0, 1, 2, 3}, words
    return result


def test_every_command_has_a_line() -> None:
    leaves = {name for name, command in ALL.items() if not isinstance(command, click.Group)}
    assert leaves == LINES.keys()


@pytest.mark.parametrize("name", LINES)
def test_no_word_of_a_command_line_acts_where_it_is_shown(place: Path, name: str) -> None:
    line = LINES[name].split()
    for words in [*variants(line, STRINGS), *options(name, line, STRINGS[:2])]:
        output = BAR.sub("", ended([*name.split(), *words]).output)
        for shown in output.split("\n"):
            assert commands_nothing(shown.replace("\t", " ")), (words, shown)


@pytest.mark.parametrize("name", [name for name in LINES if LINES[name]])
def test_what_is_no_file_keeps_no_command_waiting(place: Path, name: str) -> None:
    line = LINES[name].split()
    for words in [*variants(line, KINDS), *options(name, line, KINDS)]:
        ended([*name.split(), *words])
        assert (place / "fifo").is_fifo(), words
        assert (place / "zero").is_symlink(), words
