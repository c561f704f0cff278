"""A terminal's tables as text: what rich prints, for `say.show` to let out."""

import re
from collections.abc import Iterable, Sequence
from io import StringIO
from typing import Final

from rich.console import Console
from rich.table import Table

from lmms_eval_cross.text import COLOUR

_TRAILING: Final = re.compile(rf"(?:{COLOUR}| )+$", re.MULTILINE)
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


def empty_table(head: Sequence[str], is_number: Sequence[bool]) -> Table:
    """Columns without lines around them; numbers stand to the right."""
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="underline")
    for name, to_the_right in zip(head, is_number, strict=True):
        table.add_column(name, justify="right" if to_the_right else "left")
    return table


def table_text(head: Sequence[str], is_number: Sequence[bool], rows: Iterable[Sequence[str]], width: int) -> str:
    """A table in so many columns of a terminal, from texts that are `printable`."""
    table = empty_table(head, is_number)
    for row in rows:
        table.add_row(*row)
    console = console_for_text(width)
    console.print(table)
    return text_of(console)
