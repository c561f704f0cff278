"""Charts: Vega-Lite specifications, drawn to SVG here, so that the page needs no script for them.

Colours are the page's CSS variables, so that a chart follows light, dark and print.
"""

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

import vl_convert
from markupsafe import Markup

from lmms_eval_cross import numbers
from lmms_eval_cross.report.build import Report
from lmms_eval_cross.report.languages import LanguageGap
from lmms_eval_cross.report.measured import Measured
from lmms_eval_cross.report.scores import MEASURES, MeanScore, measure_title
from lmms_eval_cross.report.slice_rows import SliceRow
from lmms_eval_cross.text import drawable

Spec: TypeAlias = dict[str, Any]
Domain: TypeAlias = tuple[float, float]
COLOURS: Final = 7
"""Of Okabe and Ito; from the eighth run on they begin again with other shapes."""
_SHAPES: Final = ("circle", "square", "diamond", "triangle-up", "cross", "triangle-down")
_ROW: Final = 22
_MEASURES: Final = [measure_title(measure) for measure in MEASURES]
_NARROW_WIDTH: Final = 145
"""Two such panels stand side by side on a phone, where their titles have room."""
_SPACING: Final = 18
_NARROW_TITLE: Final = 20
"""Letters for which there is room above such a panel."""
_NAME: Final = "length(datum.label) > 26 ? slice(datum.label, 0, 11) + '…' + slice(datum.label, -14) : datum.label"
"""A run's name beside a panel: of a long one both ends, for checkpoints differ at the end."""
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
    return vl_convert.vegalite_to_svg({**_drawable(spec), "config": _CONFIG})


def _drawable(part: Any) -> Any:
    """A specification whose texts the renderer survives: it aborts on a NUL, and runs what a line break ends."""
    if isinstance(part, str):
        return " ".join(re.split(r"[\n\t\u2028\u2029]", drawable(part)))
    if isinstance(part, Mapping):
        return {name: _drawable(value) for name, value in part.items()}
    if isinstance(part, Sequence):
        return list(map(_drawable, part))
    return part


def overview(report: Report) -> Chart:
    """Every measure of every run, with intervals; one panel for each measure."""
    values: list[Spec] = []
    for measure in MEASURES:
        for model in report.models:
            values.append(_panel_row(measure_title(measure), model, model.dimensions[measure]))
    return _panels(values, _MEASURES, report.labels, columns=5, width=165)


def slice_panels(report: Report, rows: Sequence[SliceRow]) -> Chart:
    """Small multiples on one measure: one panel for each value, the worst first, titled with its smallest n."""
    values: list[Spec] = []
    titles: list[str] = []
    for row in rows:
        titles.append(f"{row.value}  n={numbers.count(row.least_n)}")
        for model, score in zip(report.models, row.scores, strict=True):
            if score is not None:
                values.append(_panel_row(titles[-1], model, score))
    return _panels(values, titles, report.labels, columns=4, width=200)


def _panel_row(panel: str, model: Measured, score: MeanScore) -> Spec:
    return {"panel": panel, **interval_row(model.label, score)}


def language_panels(report: Report) -> Chart:
    """Multilingual minus English on the same items; one panel for each measure."""
    values = [_gap_row(gap) for gap in report.language_gaps]
    farthest = 1.0
    for gap in report.language_gaps:
        farthest = max(farthest, abs(gap.points), abs(gap.low or 0), abs(gap.high or 0))
    limit = min(100, 10 * math.ceil(farthest / 10))
    return _panels(values, _MEASURES, report.labels, columns=5, width=165, domain=(-limit, limit))


def _gap_row(gap: LanguageGap) -> Spec:
    return {
        "panel": measure_title(gap.measure),
        "run": gap.model,
        "mean": gap.points,
        "low": gap.low,
        "high": gap.high,
        "label": f"{gap.model}, {gap.measure}: {numbers.points(gap.points)}",
    }


def interval_row(run: str, score: MeanScore) -> Spec:
    """A row of a chart's data; `label` is what a screen reader says."""
    text = numbers.with_interval(numbers.percent(score.mean), score.low, score.high)
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
    runs: Sequence[str],
    columns: int,
    width: int,
    domain: Domain = (0, 100),
) -> Chart:
    """Small multiples, with the runs' names beside them; on a phone, which has no room for that, in a legend."""
    wide = _facets(values, panels, runs, domain, columns, width)
    narrow = _facets(values, panels, runs, domain, *_on_a_phone(panels), _LEGEND)
    return Chart(Markup(draw(wide)), Markup(draw(narrow)))


def _on_a_phone(panels: Sequence[str]) -> tuple[int, int]:
    """How many panels stand side by side there, and how wide one is, in pixels."""
    if max(map(len, panels), default=0) <= _NARROW_TITLE:
        return 2, _NARROW_WIDTH
    return 1, 2 * _NARROW_WIDTH + _SPACING


def _facets(
    values: Sequence[Spec],
    panels: Sequence[str],
    runs: Sequence[str],
    domain: Domain,
    columns: int,
    width: int,
    legend: Spec | None = None,
) -> Spec:
    names: Spec | None = None
    left = 5
    if legend is None:
        names = {"ticks": False, "labelExpr": _NAME}
        # Widths are measured here, and drawn in the reader's own font: room for names that come out wider.
        left += 2 * min(26, max(map(len, runs)))
    return {
        "padding": {"left": left, "right": 12, "top": 5, "bottom": 5},
        "data": {"values": list(values)},
        "facet": {"field": "panel", "type": "nominal", "sort": list(panels), "header": {"labelLimit": width}},
        "columns": columns,
        "spacing": _SPACING,
        "spec": {
            "width": width,
            "height": _ROW * len(runs),
            "encoding": _by_run(runs, names, legend),
            "layer": [_rule(domain), _point(domain, runs, legend)],
        },
    }


def _by_run(runs: Sequence[str], axis: Spec | None, legend: Spec | None) -> Spec:
    return {
        "y": {"field": "run", "type": "nominal", "sort": list(runs), "title": None, "axis": axis},
        "color": {"field": "run", "type": "nominal", "scale": colours(runs), "legend": legend},
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
    """A scale with a colour for each run."""
    return {"domain": list(runs), "range": [f"var(--run-{place % COLOURS})" for place in range(len(runs))]}


def shapes(runs: Sequence[str]) -> Spec:
    """A scale with a shape for each run."""
    names = [_SHAPES[(place + place // COLOURS) % len(_SHAPES)] for place in range(len(runs))]
    return {"domain": list(runs), "range": names}
