"""Markdown for a pull request: the decision, the metrics, the worst slices, the samples that changed most."""

import re
from collections.abc import Iterator
from typing import Final

from lmms_eval_cross.compare import words
from lmms_eval_cross.compare.changes import Change
from lmms_eval_cross.compare.comparison import Comparison, MetricResult
from lmms_eval_cross.compare.worst_slices import Slice

WORST_SLICES: Final = 10
_SPECIAL: Final = re.compile(r"([\\`*_{}\[\]<>|#~])")


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
    if not comparison.is_measurement:
        yield f"**{words.NOT_A_MEASUREMENT}**"
        yield ""
    yield escape(words.sides(comparison)) + (f". {escape(words.judged(comparison))}." if comparison.samples else ".")
    yield ""
    if comparison.crossing:
        yield from (f"**{escape(words.bridged(comparison))}**", "")
    if comparison.metrics:
        yield from _metrics(comparison)
        yield from _corrected(comparison)
        yield from _slices(comparison)
        yield from _changes(comparison, report_url)
    if comparison.confirmation:
        yield from (escape(words.confirmed(comparison)), "")
    yield escape(words.sentence(comparison))


def escape(text: str) -> str:
    """`text` as Markdown shows it literally; line breaks become spaces."""
    return _SPECIAL.sub(r"\\\1", " ".join(text.split()))


def _table(*names: str) -> Iterator[str]:
    yield f"| {' | '.join(names)} |"
    yield f"|{'|'.join(' --- ' if place == 0 else ' ---: ' for place in range(len(names)))}|"


def _metrics(comparison: Comparison) -> Iterator[str]:
    sure = f"{100 * (1 - comparison.rules.alpha):g}% bounds"
    yield from _table("metric", "baseline", "candidate", "change", sure, "margin", "coverage", "verdict")
    for each in comparison.metrics:
        yield f"| {' | '.join(_metric_row(each))} |"
    yield ""
    if any(each.method == "plain" for each in comparison.metrics):
        yield "\\* from the two values alone, samples not paired."
        yield ""


def _metric_row(metric: MetricResult) -> list[str]:
    found = metric.difference
    cells = [escape(metric.name) + (" \\*" if metric.method == "plain" else "")]
    if found is None:
        cells += [words.NONE] * 4
    else:
        cells += [words.percent(found.baseline_mean), words.percent(found.candidate_mean)]
        cells += [words.points(found.difference), words.span(found.lower_bound, found.upper_bound)]
    coverage = words.NONE if metric.coverage is None else " / ".join(f"{each:.1f}" for each in metric.coverage)
    return [*cells, words.margin(metric.margin), coverage, words.verdict(metric)]


def _corrected(comparison: Comparison) -> Iterator[str]:
    if not comparison.corrected:
        return
    yield from _table(*words.CORRECTED_COLUMNS)
    yield from (f"| {' | '.join(map(escape, words.corrected_row(each)))} |" for each in comparison.corrected)
    yield from ("", escape(words.corrected_note(comparison)), "")


def _slices(comparison: Comparison) -> Iterator[str]:
    fallen = [each for each in comparison.slices if each.difference.difference < 0][:WORST_SLICES]
    if not fallen:
        return
    yield "<details><summary>Worst slices</summary>"
    yield ""
    yield from _table("slice", "metric", "change", "bounds", "samples", "norms", "p (Holm)")
    for each in fallen:
        yield f"| {' | '.join(_slice_row(each))} |"
    yield from ("", "</details>", "")


def _slice_row(each: Slice) -> list[str]:
    found = each.difference
    p_value = "too few norms" if each.p_value is None else f"{each.p_value:.3f}"
    changes = [words.points(found.difference), words.span(found.lower_bound, found.upper_bound)]
    return [escape(f"{each.facet} {each.value}"), each.dimension, *changes, f"{found.n}", f"{found.clusters}", p_value]


def _changes(comparison: Comparison, report_url: str | None) -> Iterator[str]:
    if not comparison.changes:
        return
    yield "<details><summary>Samples that changed most</summary>"
    yield ""
    yield from (f"- {_sample(each, report_url)}: {_moves(each)}" for each in comparison.changes)
    yield from ("", "</details>", "")


def _sample(each: Change, report_url: str | None) -> str:
    name = escape(each.sample_id)
    return f"[{name}](<{each.link(report_url)}>)" if report_url else name


def _moves(each: Change) -> str:
    return ", ".join(f"{dimension} {move:+.3g}" for dimension, move in each.changes.items())
