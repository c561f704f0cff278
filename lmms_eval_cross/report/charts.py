"""Charts: Vega-Lite specifications, drawn to SVG here, so that the page needs no script for them.

Colours are the page's CSS variables, so that a chart follows light, dark and print.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

from markupsafe import Markup

from lmms_eval_cross.report import numbers
from lmms_eval_cross.report.build import Report
from lmms_eval_cross.report.measured import Measured
from lmms_eval_cross.report.scores import MEASURES, Score, measure_title
from lmms_eval_cross.report.slice_rows import SliceRow

Spec: TypeAlias = dict[str, Any]
Domain: TypeAlias = tuple[float, float]
COLOURS: Final = 7
"""Of Okabe and Ito; from the eighth run on they begin again with other shapes."""
_SHAPES: Final = ("circle", "square", "diamond", "triangle-up", "cross", "triangle-down")
_ROW: Final = 22
_MEASURES: Final = [measure_title(measure) for measure in MEASURES]
_NARROW_COLUMNS: Final = 2
_NARROW_WIDTH: Final = 145
"""Two such panels stand side by side on a phone."""
_LEGEND: Final[Spec] = {"orient": "top", "direction": "vertical", "labelLimit": 280}
_FONT: Final = "system-ui, sans-serif"
_CONFIG: Final[Spec] = {
    "background": None,
    "font": _FONT,
    "view": {"stroke": None},
    "axis": {
        "labelColor": "var(--ink)",
        "titleColor": "var(--muted)",
        "gridColor": "var(--line)",
        "domainColor": "var(--line)",
        "tickColor": "var(--line)",
        "labelFontSize": 12,
        "titleFontSize": 12,
        "titleFontWeight": "normal",
        "labelLimit": 180,
    },
    "header": {"labelColor": "var(--ink)", "labelFontSize": 13, "labelFontWeight": 600, "title": None},
    "legend": {"labelColor": "var(--ink)", "labelFontSize": 12, "title": None, "orient": "bottom", "labelLimit": 240},
}


@dataclass(frozen=True, slots=True)
class Chart:
    """A chart twice, for a screen with room and for a phone; the page's style shows one of them."""

    wide: Markup
    narrow: Markup


def draw(spec: Spec) -> str:
    """The SVG of a specification, with roles and labels for screen readers."""
    import vl_convert

    return vl_convert.vegalite_to_svg({**spec, "config": _CONFIG})


def overview(report: Report) -> Chart:
    """Every measure of every run, with intervals: a panel a measure."""
    values = [
        {"panel": measure_title(measure), **interval_row(model.label, model.dimensions[measure])}
        for measure in MEASURES
        for model in report.models
    ]
    return _panels(values, _MEASURES, report.models, columns=5, width=165)


def slice_panels(models: Sequence[Measured], rows: Sequence[SliceRow]) -> Chart:
    """Small multiples on one measure: a panel a value, the worst first, with its smallest n."""
    titles = {row.value: f"{row.value}  n={numbers.count(row.least_n)}" for row in rows}
    values = [
        {"panel": titles[row.value], **interval_row(model.label, score)}
        for row in rows
        for model, score in zip(models, row.scores, strict=True)
        if score is not None
    ]
    return _panels(values, list(titles.values()), models, columns=4, width=200)


def language_panels(report: Report) -> Chart:
    """Multilingual minus English on the same items: a panel a measure."""
    values = [
        {
            "panel": measure_title(gap.measure),
            "run": gap.model,
            "mean": gap.points,
            "low": gap.low,
            "high": gap.high,
            "label": f"{gap.model}, {gap.measure}: {numbers.points(gap.points)}",
        }
        for gap in report.language_gaps
    ]
    ends = [end for gap in report.language_gaps for end in (gap.points, gap.low, gap.high) if end is not None]
    reach = max(map(abs, ends))
    limit = min(100, 10 * math.ceil(max(reach, 1) / 10))
    return _panels(values, _MEASURES, report.models, columns=5, width=165, domain=(-limit, limit))


def interval_row(run: str, score: Score) -> Spec:
    """A row of a chart's data; `label` is what a screen reader says."""
    text = numbers.score(score.mean, score.low, score.high)
    return {
        "run": run,
        "mean": score.mean,
        "low": score.low,
        "high": score.high,
        "label": f"{run}: {text}, n {numbers.count(score.n)}",
    }


def _panels(
    values: Sequence[Spec],
    panels: Sequence[str],
    models: Sequence[Measured],
    columns: int,
    width: int,
    domain: Domain = (0, 100),
) -> Chart:
    """Small multiples, with the runs' names beside them; on a phone, which has no room for that, in a legend."""
    runs = [model.label for model in models]
    wide = _facets(values, panels, runs, domain, columns, width)
    narrow = _facets(values, panels, runs, domain, _NARROW_COLUMNS, _NARROW_WIDTH, _LEGEND)
    return Chart(Markup(draw(wide)), Markup(draw(narrow)))


def _facets(
    values: Sequence[Spec],
    panels: Sequence[str],
    runs: Sequence[str],
    domain: Domain,
    columns: int,
    width: int,
    legend: Spec | None = None,
) -> Spec:
    names = {"ticks": False} if legend is None else None
    return {
        "padding": {"left": 5 + (2 * max(map(len, runs)) if names else 0), "right": 12, "top": 5, "bottom": 5},
        "data": {"values": list(values)},
        "facet": {"field": "panel", "type": "nominal", "sort": list(panels)},
        "columns": columns,
        "spacing": 18,
        "spec": {
            "width": width,
            "height": _ROW * len(runs),
            "encoding": {
                "y": {"field": "run", "type": "nominal", "sort": runs, "title": None, "axis": names},
                "color": {"field": "run", "type": "nominal", "scale": colours(runs), "legend": legend},
            },
            "layer": [_rule(domain), _point(domain, runs, legend)],
        },
    }


def _rule(domain: Domain) -> Spec:
    return {
        "mark": {"type": "rule", "strokeWidth": 2.5, "strokeCap": "round", "aria": False},
        "transform": [{"filter": "datum.low !== null"}],
        "encoding": {"x": _x("low", domain), "x2": {"field": "high"}},
    }


def _point(domain: Domain, runs: Sequence[str], legend: Spec | None) -> Spec:
    return {
        "mark": {"type": "point", "filled": True, "size": 80, "opacity": 1},
        "transform": [{"filter": "datum.mean !== null"}],
        "encoding": {
            "x": _x("mean", domain),
            "shape": {"field": "run", "type": "nominal", "scale": shapes(runs), "legend": legend},
            "description": {"field": "label"},
        },
    }


def _x(field: str, domain: Domain) -> Spec:
    axis = {"values": [domain[0], (domain[0] + domain[1]) / 2, domain[1]], "title": None, "format": "d"}
    return {"field": field, "type": "quantitative", "scale": {"domain": list(domain)}, "axis": axis}


def colours(runs: Sequence[str]) -> Spec:
    """A scale with a colour a run."""
    return {"domain": list(runs), "range": [f"var(--run-{place % COLOURS})" for place in range(len(runs))]}


def shapes(runs: Sequence[str]) -> Spec:
    """A scale with a shape a run."""
    names = [_SHAPES[(place + place // COLOURS) % len(_SHAPES)] for place in range(len(runs))]
    return {"domain": list(runs), "range": names}
