"""On a terminal the tables of `cost`, `plan`, `agree` and `label` are aligned; piped they stay Markdown."""

import re

import pytest

from lmms_eval_cross.cli.aligned import aligned, say_markdown
from lmms_eval_cross.text import markdown
from tests.conftest import Run
from tests.terminal import shown_on_terminal

STYLES = re.compile(r"\x1b\[[\d;]*m")
HEAD = ["| name | n |", "| --- | ---: |"]


def cells(line: str) -> list[str]:
    return re.split(r" {2,}", STYLES.sub("", line))


def test_a_command_s_table_is_aligned_on_a_terminal_and_markdown_when_piped(cross: Run) -> None:
    arguments = ("cost", "--tasks", "cross_demo", "--model", "gpt-4o")
    piped, shown = cross(*arguments).stdout, shown_on_terminal(130, *arguments)
    lines = STYLES.sub("", shown).replace("\r", "").splitlines()
    (head,) = (line for line in lines if line.startswith("profile"))
    (row,) = (line for line in lines if line.startswith("official"))
    assert row.index("48") + 2 == head.index("calls") + len("calls"), "numbers end below the end of their name"
    assert len(row) == len(head)
    assert not any(line.startswith("|") for line in lines), "a progress bar may hold some"
    (same,) = (line for line in piped.splitlines() if line.startswith("| official"))
    assert same.strip("| ").split(" | ") == cells(row)


def test_what_markdown_escapes_is_shown_as_it_is_and_acts_on_no_terminal() -> None:
    texts = ["a|b", "c\\", "*d* _e_", "[f](g)", "\x1b[2J", "\\|"]
    rows = [f"| {markdown(text)} | {number} |" for number, text in enumerate(texts)]
    _, *shown = aligned([*HEAD, *rows], 80).splitlines()
    expected = [*texts[:4], "\\x1b[2J", "\\|"]
    assert [cells(line) for line in shown] == [[text, str(number)] for number, text in enumerate(expected)]


@pytest.mark.parametrize("text", ["| alone", "|\n|", "| a |\n| b |\nc"])
def test_lines_that_only_begin_as_a_table_stay_as_they_are(
    text: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    say_markdown(text)
    assert capsys.readouterr().out == f"{text}\n"


def test_a_narrow_terminal_goes_on_below_and_loses_no_word() -> None:
    shown = STYLES.sub("", aligned([*HEAD, f"| {'word ' * 40}end | 12 |"], 80))
    assert max(map(len, shown.splitlines())) <= 80
    assert shown.count("word") == 40
    assert "end" in shown
