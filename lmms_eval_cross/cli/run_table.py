"""The runs of `ledger show`: aligned on a terminal, Markdown where the output goes elsewhere."""

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from rich.cells import cell_len
from rich.table import Table

from lmms_eval_cross import numbers
from lmms_eval_cross.cli.aligned import terminal_width
from lmms_eval_cross.compare.console import console_for_text, text_of
from lmms_eval_cross.judge.prices import PriceList, load_prices
from lmms_eval_cross.ledger.contents import shown_moment
from lmms_eval_cross.ledger.run_lines import RunLine
from lmms_eval_cross.say import say, show
from lmms_eval_cross.text import markdown, printable

_NAMES: Final = ("run", "first", "last", "model", "tasks", "folder", "samples", "new verdicts", "failures", "judge USD")
_HEAD: Final = ("run\nfirst\nlast", "model\ntasks\nfolder", "samples", "new\nverdicts", "failures", "judge\nUSD")
_CUT: Final = 1
"""The column whose texts are cut where the terminal is narrow."""
_GAP: Final = 2
_LEAST: Final = 8
_LONGEST_ID: Final = 36
"""What we give has 24 or 32 characters; a row of another ledger may hold any."""


def show_runs(runs: Sequence[RunLine], own_prices: Path | None) -> None:
    """Print them, priced by the packaged list and the user's own."""
    prices = load_prices(own_prices)
    if sys.stdout.isatty():
        show(f"\n{aligned(runs, prices, terminal_width())}\n")
    else:
        say("\n".join(["", *as_markdown(runs, prices)]))


def aligned(runs: Sequence[RunLine], prices: PriceList, width: int) -> str:
    """For a terminal of so many columns: dates below the run's id, tasks and folder below the model, cut to fit."""
    rows = [_stacked([printable(cell) for cell in _cells(run, prices)]) for run in runs]
    widths = [max(map(_width, column)) for column in zip(_HEAD, *rows, strict=True)]
    widths[0] = min(widths[0], _LONGEST_ID)
    console = console_for_text(width)
    widths[_CUT] = min(widths[_CUT], max(_LEAST, console.width - sum(widths) + widths[_CUT] - _GAP * len(widths)))
    table = Table(box=None, padding=(0, _GAP, 1, 0), header_style="bold")
    for place, name in enumerate(_HEAD):
        table.add_column(name, justify="left" if place <= _CUT else "right", no_wrap=True, width=widths[place])
    for row in rows:
        table.add_row(*row)
    console.print(table)
    return text_of(console).rstrip()


def _stacked(cells: Sequence[str]) -> list[str]:
    """The cells in the columns of the head."""
    return ["\n".join(cells[:3]), "\n".join(cells[3:6]), *cells[6:]]


def _width(cell: str) -> int:
    """Columns of a terminal that the widest line of a cell takes."""
    return max(map(cell_len, cell.split("\n")))


def as_markdown(runs: Sequence[RunLine], prices: PriceList) -> Iterator[str]:
    """The lines of a table with a line a run, nothing cut."""
    yield f"| {' | '.join(_NAMES)} |"
    yield f"|{' --- |' * 6}{' ---: |' * 4}"
    for run in runs:
        yield f"| {' | '.join(map(markdown, _cells(run, prices)))} |"


def _cells(run: RunLine, prices: PriceList) -> list[str]:
    """In the order of the names."""
    texts = [str(text or numbers.NOTHING) for text in (run.model, run.tasks, run.folder)]
    counts = (run.samples, run.verdicts, run.failures)
    shown = [numbers.NOTHING if number is None else numbers.count(number) for number in counts]
    dates = map(shown_moment, (run.first, run.last))
    return [run.run or numbers.NOTHING, *dates, *texts, *shown, numbers.dollars(_usd(run, prices))]


def _usd(run: RunLine, prices: PriceList) -> float | None:
    """At list prices; None where it is not known."""
    if run.verdicts is None:
        return None
    total = 0.0
    for (judge_id, model), usage in run.tokens.items():
        priced = judge_id if prices.find(judge_id) else model  # an id may be a name of the user's own
        usd = None if usage is None else prices.usd({priced: usage})
        if usd is None:
            return None
        total += usd
    return total
