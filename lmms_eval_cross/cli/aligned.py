"""Markdown for people: on a terminal its tables are aligned, elsewhere it stays as it is."""

import re
import shutil
import sys
from collections.abc import Sequence
from itertools import groupby
from typing import Final

from lmms_eval_cross.compare.console import table_text
from lmms_eval_cross.say import say, show
from lmms_eval_cross.text import printable, without_markdown

NARROWEST: Final = 80
"""Columns; on a narrower terminal lines go on below."""
_CELL: Final = re.compile(r"((?:\\.|[^|\\])*)\|")
_MARKS: Final = re.compile(r"\|( *-+:? *\|)+")
"""The second line of a table; an answer may have a line that begins as one."""


def say_markdown(text: str) -> None:
    """Print lines, among them tables."""
    if not sys.stdout.isatty():
        say(text)
        return
    for _, group in groupby(text.split("\n"), key=lambda line: line.startswith("|")):
        lines = list(group)
        if len(lines) > 1 and _MARKS.fullmatch(lines[1]):
            show(aligned(lines, terminal_width()))
        else:
            say("\n".join(lines))


def terminal_width() -> int:
    """Columns to write in."""
    return max(NARROWEST, shutil.get_terminal_size().columns)


def aligned(lines: Sequence[str], width: int) -> str:
    """A table's lines (head, alignment, rows) in so many columns of a terminal."""
    head, marks, *rows = map(_cells, lines)
    return table_text(head, [mark.endswith(":") for mark in marks], rows, width)


def _cells(line: str) -> list[str]:
    """The cells of a line, without what Markdown needs."""
    return [printable(without_markdown(cell.strip())) for cell in _CELL.findall(line)[1:]]
