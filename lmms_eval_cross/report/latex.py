"""The report's scores and differences as LaTeX tables, for a paper: booktabs, with intervals."""

from collections.abc import Iterator, Sequence
from typing import TypeAlias

from lmms_eval_cross import numbers
from lmms_eval_cross.report.build import Report
from lmms_eval_cross.report.differences import RunDifference
from lmms_eval_cross.report.scores import MEASURES, measure_title
from lmms_eval_cross.text import latex as escape

Cell: TypeAlias = tuple[str, str]
"""A number, and its interval."""
Row: TypeAlias = tuple[str, list[Cell]]
"""A run and its cells."""


def latex_tables(report: Report) -> str:
    r"""A table of scores and one of differences for each baseline; put `\usepackage{booktabs}` in the preamble."""
    return "\n".join(_lines(report)) + "\n"


def _lines(report: Report) -> Iterator[str]:
    yield f"% {report.mark or 'cross-report'}"
    for notice in report.notices:
        yield f"% {' '.join(notice.title.split())}"
    yield from _table(
        "Judge rates in percent of scored answers, with two-sided 95\\% intervals clustered by norm.",
        [(model.label, list(_score_cells(report, place))) for place, model in enumerate(report.models)],
    )
    for comparisons in report.comparisons_by_group:
        yield from _table(
            f"Points against {escape(comparisons[0].baseline)} on the same samples, with two-sided 95\\% intervals.",
            [(comparison.candidate, list(_difference_cells(comparison))) for comparison in comparisons],
        )


def _score_cells(report: Report, place: int) -> Iterator[Cell]:
    for measure in MEASURES:
        score = report.models[place].dimensions[measure]
        yield _cell(numbers.percent(score.mean), score.low, score.high)


def _difference_cells(comparison: RunDifference) -> Iterator[Cell]:
    for measure in MEASURES:
        difference = comparison.measures[measure]
        yield _cell(numbers.points(difference.points), difference.low, difference.high)


def _cell(number: str, low: float | None, high: float | None) -> Cell:
    text = numbers.with_interval(number, low, high).replace(numbers.MINUS, "$-$").replace(numbers.NOTHING, "--")
    number, _, interval = text.partition(" ")
    return number, f"{{\\scriptsize {interval}}}" if interval else ""


def _table(caption: str, rows: Sequence[Row]) -> Iterator[str]:
    yield "\\begin{table}\\centering"
    yield f"\\caption{{{caption}}}"
    yield f"\\begin{{tabular}}{{l{'r' * len(MEASURES)}}}"
    yield "\\toprule"
    yield f"{' & '.join(['run', *map(measure_title, MEASURES)])} \\\\"
    yield "\\midrule"
    for name, cells in rows:  # intervals below their numbers: beside them, five are wider than a page
        shown, intervals = zip(*cells, strict=True)
        yield f"{' & '.join([escape(name), *shown])} \\\\"
        yield f"{' & '.join(['', *intervals])} \\\\"
    yield from ("\\bottomrule", "\\end{tabular}", "\\end{table}", "")
