"""Every command that the docs print is one that the shell reads and the command line knows."""

import re
import shlex
import subprocess
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from lmms_eval_cross.cli import main

ROOT = Path(__file__).parent.parent
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
FENCED = re.compile(r"```(\w*)\n(.*?)```", re.DOTALL)
INDENTED = re.compile(r"(?:^    .*\n|^\n(?=    ))+", re.MULTILINE)
SHELL = re.compile(r"^ *(?:\S*lmms-eval|python|export|pip|make|CROSS_)", re.MULTILINE)
OURS = re.compile(r"(?:^|\s|/)(?:lmms-eval-cross|python3? -m lmms_eval_cross)\s+([^|;&\n]*)")


def shell_of(page: Path) -> Iterator[str]:
    """The blocks of a page that a shell is to read."""
    text = page.read_text(encoding="utf-8")
    for language, block in FENCED.findall(text):
        if language in {"bash", "sh"}:
            yield block
    for match in INDENTED.finditer(FENCED.sub("", text)):
        if SHELL.search(match[0]):
            yield re.sub("^    ", "", match[0], flags=re.MULTILINE)


def unknown_in(words: list[str]) -> list[str]:
    """Subcommands and options that the command line does not know."""
    command: click.Command = main
    while isinstance(command, click.Group) and words and not words[0].startswith("-"):
        found = command.get_command(click.Context(command), words[0])
        if found is None:
            return words[:1]
        command, words = found, words[1:]
    known = {name for option in command.params for name in (*option.opts, *option.secondary_opts)} | {
        "--help",
        "--version",
    }
    before_lmms_eval = words[: words.index("--")] if "--" in words else words
    return [word for word in before_lmms_eval if word.startswith("--") and word.partition("=")[0] not in known]


def test_an_unknown_option_and_command_are_found() -> None:
    assert unknown_in(["ledger", "shown"]) == ["shown"]
    assert unknown_in(["compare", "a", "b", "--margins=5", "--json", "c"]) == ["--margins=5"]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_what_a_page_prints_can_be_typed(page: Path) -> None:
    for block in shell_of(page):
        read = subprocess.run(["bash", "-n"], input=re.sub(r"<[^>\n]+>", "X", block), text=True, capture_output=True)
        assert not read.returncode, read.stderr
        for line in block.replace("\\\n", " ").splitlines():
            for arguments in OURS.findall(line.partition("  #")[0]):
                assert unknown_in(shlex.split(arguments)) == [], line
