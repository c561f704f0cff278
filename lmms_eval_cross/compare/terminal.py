"""The terminal's table."""

from typing import Final

from rich.console import Console
from rich.table import Table
from rich.text import Text

from lmms_eval_cross.compare import words
from lmms_eval_cross.compare.comparison import Comparison, MetricResult
from lmms_eval_cross.compare.console import console_for_text, empty_table, text_of
from lmms_eval_cross.text import printable

WIDTH: Final = 100
_STYLES: Final = {"not worse": "green", "worse": "bold red", "inconclusive": "yellow"}


def render_text(comparison: Comparison) -> str:
    """The comparison for a terminal, its verdict first, in colours that `say.show` takes off elsewhere."""
    console = console_for_text(WIDTH)
    console.print(Text(printable(words.sentence(comparison)), style=_STYLES[comparison.decision]))
    console.print(Text(printable(words.sides(comparison)), style="bold"))
    for alarm in filter(None, (words.not_gated(comparison), words.fallen_slices(comparison))):
        console.print(Text(printable(alarm), style="bold red"))
    standing = (words.judged(comparison), words.bridged(comparison), words.looked(comparison), words.basis(comparison))
    for line in filter(None, (*standing, *words.notes(comparison))):
        console.print(printable(line))
    if not comparison.is_measurement:
        console.print(Text(words.NOT_A_MEASUREMENT, style="bold magenta"))
    if comparison.metrics:
        console.print(_metrics(comparison))
        _print_notes(console, comparison)
    if comparison.corrected:
        console.print(_corrected(comparison))
        console.print(printable(words.corrected_note(comparison)), style="dim")
    if comparison.confirmation:
        console.print(printable(words.confirmed(comparison)))
    return text_of(console)


def _metrics(comparison: Comparison) -> Table:
    numbers = ("baseline", "candidate", "change", words.bounds_name(comparison), "margin")
    table = empty_table(["metric", *numbers, "verdict"], [False, *(True for _ in numbers), False])
    for metric in comparison.metrics:
        verdict = Text(words.verdict(metric), style=_STYLES.get(metric.decision or "", "dim"))
        table.add_row(_name(metric), *words.change_cells(metric), words.margin(metric.margin), verdict)
    return table


def _corrected(comparison: Comparison) -> Table:
    head = words.CORRECTED_COLUMNS
    table = empty_table(head, [place > 0 for place in range(len(head))])
    for correction in comparison.corrected:
        table.add_row(*map(printable, words.corrected_row(*correction)))
    return table


def _name(metric: MetricResult) -> str:
    if metric.method == "plain":
        return f"{printable(metric.name)} *"
    return printable(metric.name)


def _print_notes(console: Console, comparison: Comparison) -> None:
    if comparison.has_unpaired:
        console.print("* from the two values alone, samples not paired", style="dim")
    untested = words.untested_slices(comparison)
    if untested:
        console.print(printable(untested), style="dim")
