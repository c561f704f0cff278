"""The report as CSV files for a spreadsheet: the page's numbers, one table a file."""

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from typing import Final, TypeAlias

from lmms_eval_cross.report import numbers
from lmms_eval_cross.report.build import Report
from lmms_eval_cross.report.corrected_scores import in_percent
from lmms_eval_cross.report.scores import MEASURES, Score, Scores
from lmms_eval_cross.stats import Corrected, Interval
from lmms_eval_cross.text import harmless

Cell: TypeAlias = str | int
Table: TypeAlias = Iterable[Sequence[Cell]]
_SCORE: Final = ("measure", "mean", "low", "high", "n", "failed", "norms", "worst", "best")


def csv_tables(report: Report) -> dict[str, str]:
    """File name -> CSV with a header; numbers in percent and points, rounded as on the page."""
    tables: dict[str, Table] = {
        "models": _models(report),
        "scores": _scores(report),
        "slices": _slices(report),
        "differences": _differences(report),
        "languages": _languages(report),
        "norms": _norms(report),
        "capability": _capability(report),
        "failures": _failures(report),
    }
    if report.corrected:
        tables["corrected"] = _corrected(report)
    return {f"{name}.csv": _csv(rows) for name, rows in tables.items()}


def _csv(rows: Table) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerows([_harmless(cell) for cell in row] for row in rows)
    return text.getvalue()


def _harmless(cell: Cell) -> Cell:
    """The cell, which a spreadsheet takes for text or a number; a negative number stays one."""
    return harmless(cell) if isinstance(cell, str) and not _is_number(cell) else cell


def _is_number(text: str) -> bool:
    return text.removeprefix("-").replace(".", "", 1).isdigit()


def _models(report: Report) -> Iterator[Sequence[Cell]]:
    yield "model", "name", "date", "samples", "coverage", "judge", "rubric", "data"
    for each in report.models:
        coverage = numbers.coverage(each.coverage)
        yield each.label, each.model, each.date, len(each.answers), coverage, each.judge, each.rubric, each.data


def _scores(report: Report) -> Iterator[Sequence[Cell]]:
    yield "model", *_SCORE
    for model in report.models:
        yield from ((model.label, *row) for row in _score_rows(model.dimensions))


def _slices(report: Report) -> Iterator[Sequence[Cell]]:
    yield "model", "slice", "value", *_SCORE
    for model in report.models:
        for kind, values in model.slices.items():
            for value, scores in values.items():
                yield from ((model.label, kind, value, *row) for row in _score_rows(scores))


def _score_rows(scores: Scores) -> Iterator[Sequence[Cell]]:
    for measure in MEASURES:
        yield measure, *_score(scores[measure])


def _score(score: Score) -> Sequence[Cell]:
    ends = [numbers.plain(value) for value in (score.mean, score.low, score.high)]
    return *ends, score.n, score.failed, score.norms, numbers.plain(score.worst), numbers.plain(score.best)


def _differences(report: Report) -> Iterator[Sequence[Cell]]:
    yield "baseline", "candidate", "measure", "points", "low", "high", "n", "norms", "better", "worse", "finding"
    for comparison in report.comparisons:
        for measure, each in comparison.measures.items():
            ends = [numbers.plain(value) for value in (each.points, each.low, each.high)]
            counts = each.n, each.norms, each.better, each.worse
            yield comparison.baseline, comparison.candidate, measure, *ends, *counts, each.finding


def _languages(report: Report) -> Iterator[Sequence[Cell]]:
    yield "model", "measure", "english", "multilingual", "points", "low", "high", "n", "norms"
    for gap in report.language_gaps:
        values = [numbers.plain(x) for x in (gap.english, gap.multilingual, gap.points, gap.low, gap.high)]
        yield gap.model, gap.measure, *values, gap.n, gap.norms


def _norms(report: Report) -> Iterator[Sequence[Cell]]:
    yield "norm_id", "norm", "countries", "mean", "broken_by", "judged", "n", "failed"
    for row in report.norms:
        broken, countries = len(row.broken_by), ", ".join(row.countries)
        yield row.norm_id, row.norm, countries, numbers.plain(row.mean), broken, row.judged, row.n, row.failed


def _capability(report: Report) -> Iterator[Sequence[Cell]]:
    yield "model", "task", "metric", "value", "scale", "percent", "points", "low", "high", "method", "origin"
    for each in report.capabilities:
        for model, value in each.raw.items():
            shown = numbers.plain(each.percent.get(model))
            change = each.changes.get(model)
            ends = [numbers.plain(end) for end in (change.points, change.low, change.high)] if change else ["", "", ""]
            method = change.method if change else ""
            yield model, each.task, each.metric, f"{value:g}", each.scale, shown, *ends, method, each.origin


def _corrected(report: Report) -> Iterator[Sequence[Cell]]:
    ends = "", "_low", "_high", "_run_low", "_run_high"
    rate = [f"judge_rate{end}" for end in ends[:3]]
    means = [f"{name}{end}" for name in ("rogan_gladen", "ppi") for end in ends]
    yield "model", "dimension", *rate, *means, "sensitivity", "specificity", "labels", "of_run"
    for model, model_means in report.corrected.items():
        for each in model_means:
            estimates = [*_estimate(each.judge_rate), *_estimate(each.rogan_gladen), *_estimate(each.ppi)]
            rates = ["" if rate is None else f"{rate:.2f}" for rate in (each.sensitivity, each.specificity)]
            yield model, each.dimension, *estimates, *rates, each.labels, "yes" if each.of_run else "no"


def _estimate(estimate: Interval | Corrected | None) -> list[str]:
    """Mean and interval in percent; empty cells where labels of other answers give no PPI++."""
    if estimate is None:
        return [""] * 5
    return [numbers.plain(value) for value in in_percent(estimate).values()]


def _failures(report: Report) -> Iterator[Sequence[Cell]]:
    yield "model", "sample_id", "dimension", "reason", "detail"
    for model in report.models:
        for each in model.failures:
            yield model.label, each.sample_id, each.dimension, each.reason, each.detail
