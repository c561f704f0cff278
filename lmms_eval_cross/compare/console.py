"""A terminal's tables as text: what rich prints, for `say.show` to let out."""

import re
from io import StringIO
from typing import Final

from rich.console import Console

_TRAILING: Final = re.compile(r"(?:\x1b\[[\d;]*m| )+$", re.MULTILINE)
"""Blanks that fill up the last cell of a line, among the codes of colours."""


def console_for_text(width: int) -> Console:
    """A console of so many columns that keeps what is printed, for `text_of`."""
    return Console(
        file=StringIO(),
        width=width,
        force_terminal=True,
        force_jupyter=False,  # in a notebook rich would show it there, and write nothing
        highlight=False,
        emoji=False,
        markup=False,
    )


def text_of(console: Console) -> str:
    """What was printed on a console of `console_for_text`, without blanks at the ends of lines."""
    assert isinstance(console.file, StringIO)
    return _TRAILING.sub(lambda match: match[0].replace(" ", ""), console.file.getvalue())
