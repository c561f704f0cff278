"""The report as CSV files for a spreadsheet or Parquet for a program: the page's numbers, one table a file."""

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from typing import Final, TypeAlias

from lmms_eval_cross.report.build import Report
from lmms_eval_cross.report.capability import CapabilityChange
from lmms_eval_cross.report.corrected_scores import CorrectedEstimate
from lmms_eval_cross.report.differences import Difference
from lmms_eval_cross.report.scores import MEASURES, Scores
from lmms_eval_cross.text import harmless

Cell: TypeAlias = str | float | None
"""A float is percent or points, and None a number that there isn't."""
Table: TypeAlias = Iterable[Sequence[Cell]]
MODELS: Final = "models"
_SCORE: Final = ("measure", "mean", "low", "high", "n", "failed", "norms", "worst", "best")


def csv_tables(report: Report) -> dict[str, str]:
    """File name -> CSV with a header; numbers in percent and points, with all their digits."""
    return {f"{name}.csv": _csv(rows) for name, rows in _tables(report).items()}


def parquet_tables(report: Report) -> dict[str, bytes]:
    """File name -> the same tables as Parquet; what has no number is null."""
    return {f"{name}.parquet": _parquet(list(rows)) for name, rows in _tables(report).items()}


def _tables(report: Report) -> dict[str, Table]:
    tables: dict[str, Table] = {
        MODELS: _models(report),
        "scores": _scores(report),
        "slices": _slices(report),
        "countries": _countries(report),
        "differences": _differences(report),
        "languages": _languages(report),
        "norms": _norms(report),
        "capability": _capability(report),
        "failures": _failures(report),
    }
    if report.has_rounds:
        tables["rounds"] = _rounds(report)
    if any(model.is_of_panel for model in report.models):
        tables["panel"] = _panel(report)
    if report.efforts:
        tables["efforts"] = _efforts(report)
    if report.corrected:
        tables["corrected"] = _corrected(report)
    return tables


def _csv(rows: Table) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    for row in rows:
        writer.writerow([_written(cell) for cell in row])
    return text.getvalue()


def _written(cell: Cell) -> str | float:
    """The cell, which a spreadsheet takes for text or a number; a negative number stays one."""
    if isinstance(cell, str):
        return cell if _is_number(cell) else harmless(cell)
    return "" if cell is None else cell


def _is_number(text: str) -> bool:
    return text.removeprefix("-").replace(".", "", 1).isdigit()


def _parquet(rows: Sequence[Sequence[Cell]]) -> bytes:
    from pyarrow import parquet, table  # only those who ask for Parquet load it

    head, *body = rows
    columns = {str(name): [_storable(row[place]) for row in body] for place, name in enumerate(head)}
    buffer = io.BytesIO()
    parquet.write_table(table(columns), buffer, compression="none")  # so that the mark can be read in it
    return buffer.getvalue()


def _storable(cell: Cell) -> Cell:
    return cell.encode("utf-8", "replace").decode() if isinstance(cell, str) else cell


def _models(report: Report) -> Iterator[Sequence[Cell]]:
    yield "model", "name", "date", "samples", "coverage", "judge", "rubric", "data", "mark"
    for model in report.models:
        counts = len(model.answers), model.coverage
        sources = model.sources
        yield model.label, model.model, model.date, *counts, sources.judge, sources.rubric, sources.data, report.mark


def _scores(report: Report) -> Iterator[Sequence[Cell]]:
    yield "model", *_SCORE
    for model in report.models:
        yield from _score_rows([model.label], model.dimensions)


def _panel(report: Report) -> Iterator[Sequence[Cell]]:
    yield "model", "measure", "agreement", "low", "high", "n"
    for model in report.models:
        for measure in MEASURES:
            panel = model.dimensions[measure].panel
            if panel is not None:
                yield model.label, measure, panel.agreement, panel.low, panel.high, panel.n


def _rounds(report: Report) -> Iterator[Sequence[Cell]]:
    yield "model", "measure", "round", "mean", "mean_of_rounds", "deviation"
    for model in report.models:
        for spread in model.spread:
            for number, mean in enumerate(spread.means, start=1):
                yield model.label, spread.measure, number, mean, spread.mean, spread.deviation


def _efforts(report: Report) -> Iterator[Sequence[Cell]]:
    yield "model", "effort", "run", *_SCORE, "points", "points_low", "points_high", "paired", "finding"
    for curve in report.efforts:
        for row in curve.rows:
            score_rows = _score_rows([curve.model, row.effort, row.run], row.dimensions)
            for measure, cells in zip(MEASURES, score_rows, strict=True):
                yield *cells, *_effort_cells(row.changes.get(measure))


def _effort_cells(change: Difference | None) -> Sequence[Cell]:
    """Against the lowest effort."""
    if change is None:
        return None, None, None, None, ""
    return change.points, change.low, change.high, change.n, change.finding


def _slices(report: Report) -> Iterator[Sequence[Cell]]:
    yield "model", "slice", "value", *_SCORE
    for model in report.models:
        for kind, values in model.slices.items():
            for value, scores in values.items():
                yield from _score_rows([model.label, kind, value], scores)


def _countries(report: Report) -> Iterator[Sequence[Cell]]:
    yield "model", "country", "raw", "shrunk", "low", "high", "n", "norms", "lowest"
    for model in report.models:
        for rate in model.countries:
            ends = rate.low, rate.high
            yield model.label, rate.country, rate.raw, rate.shrunk, *ends, rate.n, rate.norms, rate.lowest


def _score_rows(first_cells: Sequence[Cell], scores: Scores) -> Iterator[Sequence[Cell]]:
    for measure in MEASURES:
        score = scores[measure]
        counts = score.n, score.failed, score.norms
        yield *first_cells, measure, score.mean, score.low, score.high, *counts, score.worst, score.best


def _differences(report: Report) -> Iterator[Sequence[Cell]]:
    yield "baseline", "candidate", "measure", "points", "low", "high", "n", "norms", "better", "worse", "finding"
    for comparison in report.comparisons:
        for measure, difference in comparison.measures.items():
            ends = difference.points, difference.low, difference.high
            counts = difference.n, difference.norms, difference.better, difference.worse
            yield comparison.baseline, comparison.candidate, measure, *ends, *counts, difference.finding


def _languages(report: Report) -> Iterator[Sequence[Cell]]:
    yield "model", "measure", "english", "multilingual", "points", "low", "high", "n", "norms"
    for gap in report.language_gaps:
        means = gap.english, gap.multilingual
        yield gap.model, gap.measure, *means, gap.points, gap.low, gap.high, gap.n, gap.norms


def _norms(report: Report) -> Iterator[Sequence[Cell]]:
    yield "norm_id", "norm", "countries", "mean", "broken_by", "judged", "n", "failed"
    for row in report.norms:
        counts = len(row.broken_by), row.judged, row.n, row.failed
        yield row.norm_id, row.norm, ", ".join(row.countries), row.mean, *counts


def _capability(report: Report) -> Iterator[Sequence[Cell]]:
    yield "model", "task", "metric", "value", "scale", "percent", "points", "low", "high", "method", "origin"
    for metric in report.capabilities:
        for model, value in metric.raw.items():
            shown = value, metric.scale, metric.percent.get(model)
            change = _change_cells(metric.changes.get(model))
            yield model, metric.task, metric.metric, *shown, *change, metric.origin


def _change_cells(change: CapabilityChange | None) -> Sequence[Cell]:
    if change is None:
        return None, None, None, ""
    return change.points, change.low, change.high, change.method


def _corrected(report: Report) -> Iterator[Sequence[Cell]]:
    yield (
        *("model", "dimension", "judge_rate", "judge_rate_low", "judge_rate_high"),
        *("rogan_gladen", "rogan_gladen_low", "rogan_gladen_high", "rogan_gladen_run_low", "rogan_gladen_run_high"),
        *("ppi", "ppi_low", "ppi_high", "ppi_run_low", "ppi_run_high"),
        *("sensitivity", "sensitivity_low", "sensitivity_high", "specificity", "specificity_low", "specificity_high"),
        *("labels", "of_run", "reason"),
    )
    for score in report.corrected:
        judge_rate = score.judge_rate.mean, score.judge_rate.low, score.judge_rate.high
        means = *judge_rate, *_corrected_cells(score.rogan_gladen), *_corrected_cells(score.ppi)
        sensitivity = score.sensitivity, *(score.intervals.get("sensitivity") or (None, None))
        specificity = score.specificity, *(score.intervals.get("specificity") or (None, None))
        origin = score.labels, "yes" if score.of_run else "no", score.reason or ""
        yield score.model, score.dimension, *means, *sensitivity, *specificity, *origin


def _corrected_cells(corrected: CorrectedEstimate | None) -> Sequence[Cell]:
    if corrected is None:
        return [None] * 5
    return corrected.mean, corrected.low, corrected.high, corrected.run_low, corrected.run_high


def _failures(report: Report) -> Iterator[Sequence[Cell]]:
    yield "model", "sample_id", "dimension", "reason", "detail"
    for model in report.models:
        for failure in model.failures:
            yield model.label, failure.sample_id, failure.dimension, failure.reason, failure.detail
