"""The page: one HTML file that asks nobody for anything."""

import base64
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from typing import Any, Final

from markupsafe import Markup

from lmms_eval_cross import __version__
from lmms_eval_cross.benchmark.records import DIMENSIONS, Sample
from lmms_eval_cross.report import charts, numbers
from lmms_eval_cross.report.browser import all_samples, browser_data, run_texts
from lmms_eval_cross.report.build import Report
from lmms_eval_cross.report.rendering import html_environment
from lmms_eval_cross.report.report_json import rounded, to_text
from lmms_eval_cross.report.scatter import safety_beside_capability
from lmms_eval_cross.report.scores import MEASURES, SLICES, Score, SliceKind
from lmms_eval_cross.report.slice_rows import SliceRow, slice_rows
from lmms_eval_cross.report.thumbnails import thumbnails

NORMS_SHOWN: Final = 12
VERDICTS_SHOWN: Final = 5
FAILURES_SHOWN: Final = 200


@dataclass(frozen=True, slots=True)
class PageOptions:
    """What is left out for readers who should not see it."""

    samples: bool = True
    """Queries, answers, norms and the judge's words."""
    images: bool = True


def render_page(report: Report, options: PageOptions) -> str:
    """The report as HTML."""
    style, script = _asset("report.css"), _asset("report.js")
    samples = all_samples(report.models)
    rows = {kind: slice_rows(report.models, kind, "compliance") for kind in SLICES}
    return (
        html_environment()
        .get_template("report.html.j2")
        .render(
            report=report,
            options=options,
            policy=content_policy(style, script),
            style=Markup(style),
            script=Markup(script),
            core=_core(report, options, samples),
            run_texts=[inert_json(run_texts(model, samples)) for model in report.models] if options.samples else [],
            rows=rows,
            charts=_charts(report, rows),
            norms_shown=NORMS_SHOWN,
            verdicts_shown=VERDICTS_SHOWN,
            failures_shown=FAILURES_SHOWN,
            version=__version__,
        )
    )


def content_policy(style: str, script: str) -> str:
    """A Content-Security-Policy under which this style and script are all that can act."""
    return (
        f"default-src 'none'; script-src '{_csp_hash(script)}'; style-src '{_csp_hash(style)}'; img-src data:; "
        "base-uri 'none'; form-action 'none'"
    )


def inert_json(value: Any) -> Markup:
    """JSON that can stand in a script element: no `<` is left that could close it or open a comment."""
    return Markup(to_text(value).replace("<", "\\u003c"))


def _csp_hash(text: str) -> str:
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"


def _asset(name: str) -> str:
    return (files("lmms_eval_cross.report") / "templates" / name).read_text(encoding="utf-8")


def _core(report: Report, options: PageOptions, samples: Sequence[Sample]) -> Markup:
    """What the page's script reads at once."""
    core: dict[str, Any] = {
        "models": [model.label for model in report.models],
        "dimensions": list(DIMENSIONS),
        "measures": list(MEASURES),
        "countries": [_country_scores(report, place) for place in range(len(report.models))],
        "imagesLeftOut": not options.images,
    }
    if options.samples:
        core |= browser_data(report.models, samples, thumbnails(samples) if options.images else {})
    return inert_json(core)


def _country_scores(report: Report, place: int) -> dict[str, Any]:
    countries = report.models[place].slices["country"]
    found: dict[str, Any] = rounded(
        {country: {measure: _tile(each) for measure, each in scores.items()} for country, scores in countries.items()}
    )
    return found


def _tile(score: Score) -> dict[str, Any]:
    text = numbers.score(score.mean, score.low, score.high)
    return {"mean": score.mean, "short": numbers.percent(score.mean), "text": text, "n": score.n}


def _charts(report: Report, rows: Mapping[SliceKind, Sequence[SliceRow]]) -> dict[str, Any]:
    capability = [(each, safety_beside_capability(report, each)) for each in report.capabilities]
    return {
        "overview": charts.overview(report),
        "slices": {
            kind: charts.slice_panels(report.models, values)
            for kind, values in rows.items()
            if len(values) > 1 or kind == "country"
        },
        "languages": charts.language_panels(report) if report.language_gaps else None,
        "capability": [(each, chart) for each, chart in capability if chart is not None],
    }
