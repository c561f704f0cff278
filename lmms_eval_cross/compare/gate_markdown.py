"""Markdown for a pull request: the decision, the metrics, the worst slices, the samples that changed most."""

from collections.abc import Iterable, Iterator
from typing import Final

from lmms_eval_cross.compare import words
from lmms_eval_cross.compare.changes import SampleChange
from lmms_eval_cross.compare.comparison import Comparison, MetricResult
from lmms_eval_cross.compare.worst_slices import Slice
from lmms_eval_cross.text import markdown as escape

WORST_SLICES: Final = 10


def render_markdown(comparison: Comparison, report_url: str | None = None) -> str:
    """The comparison in Markdown.

    Args:
        comparison: what to tell.
        report_url: address of the HTML report, where samples link to.
    """
    return "\n".join(_lines(comparison, report_url)) + "\n"


def _lines(comparison: Comparison, report_url: str | None) -> Iterator[str]:
    yield f"### CROSS: {words.headline(comparison)}"
    yield ""
    for alarm in filter(None, (words.not_gated(comparison), words.fallen_slices(comparison))):
        yield from (f"**{escape(alarm)}**", "")
    if not comparison.is_measurement:
        yield f"**{words.NOT_A_MEASUREMENT}**"
        yield ""
    sentences = filter(None, (words.sides(comparison), words.judged(comparison)))
    yield escape(". ".join(sentences) + ".")
    yield ""
    for note in words.notes(comparison):
        yield from (escape(note), "")
    if comparison.crossing:
        yield from (f"**{escape(words.bridged(comparison))}**", "")
    if words.looked(comparison):
        yield from (escape(words.looked(comparison)), "")
    if words.basis(comparison):
        yield from (f"**{escape(words.basis(comparison))}**", "")
    if comparison.metrics:
        yield from _metrics(comparison)
        yield from _corrected(comparison)
        yield from _slices(comparison)
        yield from _changes(comparison, report_url)
    if comparison.confirmation:
        yield from (escape(words.confirmed(comparison)), "")
    yield escape(words.sentence(comparison))


def _table(*names: str) -> Iterator[str]:
    """The head, with numbers to the right of the first column's names."""
    yield _row(names)
    yield f"| --- |{' ---: |' * (len(names) - 1)}"


def _row(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _metrics(comparison: Comparison) -> Iterator[str]:
    bounds = words.bounds_name(comparison)
    yield from _table("metric", "baseline", "candidate", "change", bounds, "margin", "coverage", "verdict")
    for metric in comparison.metrics:
        yield _row(_metric_cells(metric))
    yield ""
    if comparison.has_unpaired:
        yield "\\* from the two values alone, samples not paired."
        yield ""


def _metric_cells(metric: MetricResult) -> list[str]:
    name, coverage = escape(metric.name), words.NONE
    if metric.method == "plain":
        name += " \\*"
    if metric.coverage is not None:
        coverage = "{:.1f} / {:.1f}".format(*metric.coverage)
    return [name, *words.change_cells(metric), words.margin(metric.margin), coverage, words.verdict(metric)]


def _corrected(comparison: Comparison) -> Iterator[str]:
    if not comparison.corrected:
        return
    yield from _table(*words.CORRECTED_COLUMNS)
    for correction in comparison.corrected:
        yield _row(map(escape, words.corrected_row(*correction)))
    yield from ("", escape(words.corrected_note(comparison)), "")


def _slices(comparison: Comparison) -> Iterator[str]:
    fallen = [part for part in comparison.slices if part.difference.difference < 0]
    if not fallen:
        return
    yield "<details><summary>Worst slices</summary>"
    yield ""
    yield from _table(
        "slice", "metric", "change", words.bounds_name(comparison), "samples", "norms", "p (Holm)", "fell"
    )
    for part in fallen[:WORST_SLICES]:
        yield _row(_slice_cells(part))
    yield from ("", escape(words.untested_slices(comparison)), "</details>", "")


def _slice_cells(part: Slice) -> list[str]:
    name, difference, p_value = escape(f"{part.facet} {part.value}"), part.difference, "too few norms"
    if part.p_value is not None:
        p_value = f"{part.p_value:.3f}"
    bounds = words.span(difference.lower_bound, difference.upper_bound)
    counts = [str(difference.n), str(difference.clusters)]
    fell = words.NONE
    if part.is_worse:
        fell = "fell"
    return [name, part.dimension, words.points(difference.difference), bounds, *counts, p_value, fell]


def _changes(comparison: Comparison, report_url: str | None) -> Iterator[str]:
    if not comparison.changes:
        return
    yield "<details><summary>Samples that changed most</summary>"
    yield ""
    for change in comparison.changes:
        moves = ", ".join(f"{dimension} {move:+.3g}" for dimension, move in change.changes.items())
        yield f"- {_sample(change, report_url)}: {moves}"
    yield from ("", "</details>", "")


def _sample(change: SampleChange, report_url: str | None) -> str:
    name = escape(change.sample_id)
    if report_url:
        return f"[{name}](<{change.link(report_url)}>)"
    return name
