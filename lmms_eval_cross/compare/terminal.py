"""The terminal's table."""

import re
from io import StringIO
from typing import Final

from rich.console import Console
from rich.table import Table
from rich.text import Text

from lmms_eval_cross.compare import words
from lmms_eval_cross.compare.comparison import Comparison, MetricResult

WIDTH: Final = 100
WORST_SLICES: Final = 3
_TRAILING: Final = re.compile(r"(?:\x1b\[[\d;]*m| )+$", re.MULTILINE)
"""Blanks that fill up the last cell of a line, among the codes of colours."""
_STYLES: Final = {"not worse": "green", "worse": "bold red", "inconclusive": "yellow"}


def render_text(comparison: Comparison) -> str:
    """The comparison for a terminal, with colours (click takes them off where the output is no terminal)."""
    buffer = StringIO()
    console = Console(file=buffer, width=WIDTH, force_terminal=True, highlight=False, emoji=False, markup=False)
    console.print(Text(words.sides(comparison), style="bold"))
    for line in filter(None, (words.judged(comparison), words.bridged(comparison), _warning(comparison))):
        console.print(line)
    if comparison.metrics:
        console.print(_metrics(comparison))
        _print_slices(console, comparison)
    if comparison.corrected:
        console.print(_corrected(comparison))
        console.print(words.corrected_note(comparison), style="dim")
    if comparison.confirmation:
        console.print(words.confirmed(comparison))
    console.print(Text(words.sentence(comparison), style=_STYLES[comparison.decision]))
    return _TRAILING.sub(lambda found: found[0].replace(" ", ""), buffer.getvalue())


def _warning(comparison: Comparison) -> Text | None:
    return None if comparison.is_measurement else Text(words.NOT_A_MEASUREMENT, style="bold magenta")


def _metrics(comparison: Comparison) -> Table:
    alpha = comparison.rules.alpha
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="underline")
    table.add_column("metric")
    for name in ("baseline", "candidate", "change", f"{100 * (1 - alpha):g}% bounds", "margin"):
        table.add_column(name, justify="right")
    table.add_column("verdict")
    for each in comparison.metrics:
        table.add_row(*_row(each), Text(words.verdict(each), style=_STYLES.get(each.decision or "", "dim")))
    return table


def _corrected(comparison: Comparison) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="underline")
    for place, name in enumerate(words.CORRECTED_COLUMNS):
        table.add_column(name, justify="right" if place else "left")
    for each in comparison.corrected:
        table.add_row(*words.corrected_row(each))
    return table


def _row(metric: MetricResult) -> list[str]:
    found = metric.difference
    name = metric.name if metric.method == "paired" else f"{metric.name} *"
    if found is None:
        return [name, words.NONE, words.NONE, words.NONE, words.NONE, words.margin(metric.margin)]
    means = [words.percent(found.baseline_mean), words.percent(found.candidate_mean)]
    bounds = words.span(found.lower_bound, found.upper_bound)
    return [name, *means, words.points(found.difference), bounds, words.margin(metric.margin)]


def _print_slices(console: Console, comparison: Comparison) -> None:
    if any(each.method == "plain" for each in comparison.metrics):
        console.print("* from the two values alone, samples not paired", style="dim")
    for each in [each for each in comparison.slices if each.is_worse][:WORST_SLICES]:
        found = each.difference
        console.print(
            f"fell: {each.dimension}, {each.facet} {each.value}: {words.points(found.difference)} "
            f"({words.span(found.lower_bound, found.upper_bound)}; {found.n} samples, {found.clusters} norms)"
        )
