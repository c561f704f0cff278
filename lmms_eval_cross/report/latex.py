"""The report's scores and differences as LaTeX tables, for a paper: booktabs, with intervals."""

from collections.abc import Iterator, Sequence

from lmms_eval_cross import numbers
from lmms_eval_cross.report.build import Report
from lmms_eval_cross.report.differences import RunDifference
from lmms_eval_cross.report.scores import MEASURES, measure_title
from lmms_eval_cross.text import latex as escape


def latex_tables(report: Report) -> str:
    r"""A table of scores and one of differences for each baseline; put `\usepackage{booktabs}` in the preamble."""
    return "\n".join(_lines(report)) + "\n"


def _lines(report: Report) -> Iterator[str]:
    yield f"% {report.mark or 'cross-report'}"
    for notice in report.notices:
        yield f"% {' '.join(notice.title.split())}"
    yield from _table(
        "Judge rates in percent of scored answers, with two-sided 95\\% intervals clustered by norm.",
        [[model.label, *(_score_cells(report, place))] for place, model in enumerate(report.models)],
    )
    for comparisons in report.comparisons_by_group:
        yield from _table(
            f"Points against {escape(comparisons[0].baseline)} on the same samples, with two-sided 95\\% intervals.",
            [[comparison.candidate, *_difference_cells(comparison)] for comparison in comparisons],
        )


def _score_cells(report: Report, place: int) -> Iterator[str]:
    for measure in MEASURES:
        score = report.models[place].dimensions[measure]
        yield _cell(numbers.percent(score.mean), score.low, score.high)


def _difference_cells(comparison: RunDifference) -> Iterator[str]:
    for measure in MEASURES:
        difference = comparison.measures[measure]
        yield _cell(numbers.points(difference.points), difference.low, difference.high)


def _cell(number: str, low: float | None, high: float | None) -> str:
    text = numbers.with_interval(number, low, high).replace(numbers.MINUS, "$-$").replace(numbers.NOTHING, "--")
    number, _, interval = text.partition(" ")
    return f"{number} {{\\scriptsize {interval}}}" if interval else number


def _table(caption: str, rows: Sequence[Sequence[str]]) -> Iterator[str]:
    yield "\\begin{table}\\centering"
    yield f"\\caption{{{caption}}}"
    yield f"\\begin{{tabular}}{{l{'r' * len(MEASURES)}}}"
    yield "\\toprule"
    yield f"{' & '.join(['run', *map(measure_title, MEASURES)])} \\\\"
    yield "\\midrule"
    for name, *cells in rows:
        yield f"{' & '.join([escape(name), *cells])} \\\\"
    yield from ("\\bottomrule", "\\end{tabular}", "\\end{table}", "")
