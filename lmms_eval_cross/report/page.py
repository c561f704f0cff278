"""The page: one HTML file that asks nobody for anything."""

import base64
import hashlib
from collections.abc import Mapping, Sequence
from importlib.resources import files
from typing import Any, Final

from markupsafe import Markup
from tqdm import tqdm

from lmms_eval_cross import __version__, numbers
from lmms_eval_cross.benchmark.records import DIMENSIONS, Sample
from lmms_eval_cross.report import charts
from lmms_eval_cross.report.browser import all_samples, browser_data, packed, run_texts
from lmms_eval_cross.report.build import Report
from lmms_eval_cross.report.capability import Capability
from lmms_eval_cross.report.effort_chart import effort_chart
from lmms_eval_cross.report.measured import Measured
from lmms_eval_cross.report.page_options import PageOptions
from lmms_eval_cross.report.rendering import html_environment, score_text
from lmms_eval_cross.report.report_json import json_value, to_text
from lmms_eval_cross.report.scatter import safety_beside_capability
from lmms_eval_cross.report.scores import MEASURES, MeanScore, Measure
from lmms_eval_cross.report.slice_rows import SliceRow, slice_rows
from lmms_eval_cross.report.thumbnails import thumbnails

PACKED_FROM: Final = 1_000_000
"""Letters of all runs' answers and judge's words; fewer stand in the page as they are, and can be searched at once."""
COLUMNS: Final = 4
"""Runs that stand side by side at first."""
NORMS_SHOWN: Final = 12
VERDICTS_SHOWN: Final = 5
FAILURES_SHOWN: Final = 200

_WITH_A_CONTROL: Final = ("country", "language")
"""Facets whose section lets a reader choose the measure."""


def render_page(report: Report, options: PageOptions) -> str:
    """The report as HTML."""
    style, script = _asset("report.css"), _asset("report.js")
    samples = all_samples(report.models)
    texts = _run_texts(report, options, samples)
    rows = {kind: slice_rows(report.models, kind, "compliance") for kind in report.facets.names}
    return (
        html_environment()
        .get_template("report.html.j2")
        .render(
            report=report,
            options=options,
            policy=content_policy(style, script, _live_script(options)),
            style=Markup(style),
            script=Markup(script),
            live_script=Markup(_live_script(options)),
            core=_core(report, options, samples, texts),
            run_texts=list(map(inert_json, texts)),
            rows=rows,
            charts=_charts(report, rows),
            norms_shown=NORMS_SHOWN,
            verdicts_shown=VERDICTS_SHOWN,
            failures_shown=FAILURES_SHOWN,
            version=__version__,
        )
    )


def render_waiting(options: PageOptions) -> str:
    """What `view` shows while there is no run to show."""
    style, script = _asset("report.css"), _live_script(options)
    return (
        html_environment()
        .get_template("waiting.html.j2")
        .render(
            options=options,
            policy=content_policy(style, "", script),
            style=Markup(style),
            live_script=Markup(script),
        )
    )


def _live_script(options: PageOptions) -> str:
    """What follows the runs of a page that is served; nothing in a file."""
    return _asset("live.js") if options.version else ""


def content_policy(style: str, script: str, live_script: str = "") -> str:
    """A Content-Security-Policy under which this style and these scripts are all that can act.

    The script of a page that is served may ask its own server; a file asks nobody.
    """
    scripts = " ".join(f"'{_csp_hash(one)}'" for one in (script, live_script) if one)
    asking = "connect-src 'self'; " if live_script else ""
    return (
        f"default-src 'none'; script-src {scripts}; style-src '{_csp_hash(style)}'; img-src data:; {asking}"
        "base-uri 'none'; form-action 'none'"
    )


def inert_json(value: Any) -> Markup:
    """JSON that can stand in a script element: no `<` is left that could close it or open a comment."""
    return Markup(to_text(value).replace("<", "\\u003c"))


def _csp_hash(text: str) -> str:
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"


def _asset(name: str) -> str:
    return (files("lmms_eval_cross.report") / "templates" / name).read_text(encoding="utf-8")


def _core(report: Report, options: PageOptions, samples: Sequence[Sample], texts: Sequence[Sequence[Any]]) -> Markup:
    """What the page's script reads at once."""
    core: dict[str, Any] = {
        "models": report.labels,
        "dimensions": DIMENSIONS,
        "measures": MEASURES,
        "countries": [_tiles(model, "country") for model in report.models],
        "languages": [_tiles(model, "language") for model in report.models],
        "groups": [_group_of(report, label) for label in report.labels],
        "imagesLeftOut": not options.images,
    }
    if options.samples:
        images = thumbnails(samples) if options.images else {}
        core |= browser_data(report.models, samples, images, report.facets)
        core |= {"batches": report.batches, "first": _first(texts)}
    return inert_json(core)


def _run_texts(report: Report, options: PageOptions, samples: Sequence[Sample]) -> list[Sequence[Any]]:
    """Of each run, blocks of answers as the page's script reads them; nothing where texts are left out."""
    if not options.samples:
        return []
    texts: list[Sequence[Any]] = [run_texts(model, samples) for model in report.models]
    if sum(map(_letters, texts)) < PACKED_FROM:
        return texts
    return [list(map(packed, blocks)) for blocks in tqdm(texts, "Compressing", unit="run", disable=None)]


def _first(texts: Sequence[Sequence[Any]]) -> list[str]:
    """The first block of the first columns, where blocks are compressed: it is shown before the rest has come."""
    first = [blocks[0] for blocks in texts[:COLUMNS] if blocks]
    return [block for block in first if isinstance(block, str)]


def _letters(blocks: Sequence[Mapping[str, Any]]) -> int:
    return sum(len(to_text(block)) for block in blocks)


def _tiles(model: Measured, kind: str) -> dict[str, dict[str, Any]]:
    """Country or language -> measure -> what its tile says."""
    tiles: dict[str, dict[str, Any]] = {}
    for value, scores in model.slices[kind].items():
        tiles[value] = json_value({measure: _tile(score) for measure, score in scores.items()})
    return tiles


def _group_of(report: Report, label: str) -> int:
    """The number of the group of runs that a run can be compared with."""
    return next(number for number, group in enumerate(report.groups) if label in group)


def _tile(score: MeanScore) -> dict[str, Any]:
    return {"mean": score.mean, "short": numbers.percent(score.mean), "text": score_text(score), "n": score.n}


def _charts(report: Report, rows: Mapping[str, Sequence[SliceRow]]) -> dict[str, Any]:
    return {
        "overview": charts.overview(report),
        "efforts": list(map(effort_chart, report.efforts)),
        "slices": _slice_charts(report, rows),
        "languages": charts.language_panels(report) if report.language_gaps else None,
        "capability": _capability_charts(report),
    }


def _slice_charts(report: Report, rows: Mapping[str, Sequence[SliceRow]]) -> dict[str, dict[Measure, charts.Chart]]:
    """Facet -> measure -> chart; none of a facet that all samples have alike, but always that of the countries."""
    drawn: dict[str, dict[Measure, charts.Chart]] = {}
    for kind, values in rows.items():
        if len(values) > 1 or kind == "country" or kind in report.facets.further:
            drawn[kind] = {"compliance": charts.slice_panels(report, values)}
            if kind in _WITH_A_CONTROL:
                drawn[kind] |= _further_measures(report, kind)
    return drawn


def _further_measures(report: Report, kind: str) -> dict[Measure, charts.Chart]:
    drawn: dict[Measure, charts.Chart] = {}
    for measure in MEASURES:
        if measure != "compliance":
            drawn[measure] = charts.slice_panels(report, slice_rows(report.models, kind, measure))
    return drawn


def _capability_charts(report: Report) -> list[tuple[Capability, charts.Chart]]:
    """Every metric that some run has beside compliance, with its chart."""
    drawn: list[tuple[Capability, charts.Chart]] = []
    for capability in report.capabilities:
        chart = safety_beside_capability(report, capability)
        if chart is not None:
            drawn.append((capability, chart))
    return drawn
