"""Reasoning effort against each measure, as a picture: a panel a measure, from the lowest effort to the highest."""

from collections.abc import Sequence

from markupsafe import Markup

from lmms_eval_cross.report.charts import Chart, Spec, draw, interval_row
from lmms_eval_cross.report.efforts import EffortCurve
from lmms_eval_cross.report.scores import MEASURES, measure_title


def effort_chart(curve: EffortCurve) -> Chart:
    """The measures of one model at each of its efforts, with intervals; runs of the same effort stand side by side."""
    names = [_name(curve, place) for place in range(len(curve.rows))]
    values: list[Spec] = []
    for measure in MEASURES:
        for name, row in zip(names, curve.rows, strict=True):
            values.append({"panel": measure_title(measure), **interval_row(name, row.dimensions[measure])})
    wide, narrow = (_panels(values, names, *size) for size in ((5, 165), (2, 145)))
    return Chart(Markup(draw(wide)), Markup(draw(narrow)))


def _name(curve: EffortCurve, place: int) -> str:
    """The effort, with the run's name where another has the same."""
    row = curve.rows[place]
    if sum(other.effort == row.effort for other in curve.rows) == 1:
        return row.effort
    return f"{row.effort} {row.run}"


def _panels(values: Sequence[Spec], names: Sequence[str], columns: int, width: int) -> Spec:
    effort = {"field": "run", "type": "ordinal", "sort": list(names), "title": None, "axis": {"labelAngle": 0}}
    return {
        "padding": {"left": 5, "right": 12, "top": 5, "bottom": 5},
        "data": {"values": list(values)},
        "facet": {"field": "panel", "type": "nominal", "sort": [measure_title(measure) for measure in MEASURES]},
        "columns": columns,
        "spacing": 18,
        "spec": {"width": width, "height": 130, "encoding": {"x": effort}, "layer": [_line(), _interval(), _mean()]},
    }


def _line() -> Spec:
    mark = {"type": "line", "color": "var(--muted)", "strokeWidth": 1.5, "aria": False}
    return {"mark": mark, "transform": [{"filter": "datum.mean !== null"}], "encoding": {"y": _y("mean")}}


def _interval() -> Spec:
    return {
        "mark": {"type": "rule", "color": "var(--run-0)", "strokeWidth": 2.5, "strokeCap": "round", "aria": False},
        "transform": [{"filter": "datum.low !== null"}],
        "encoding": {"y": _y("low"), "y2": {"field": "high"}},
    }


def _mean() -> Spec:
    return {
        "mark": {"type": "point", "filled": True, "color": "var(--run-0)", "size": 80, "opacity": 1},
        "transform": [{"filter": "datum.mean !== null"}],
        "encoding": {"y": _y("mean"), "description": {"field": "label"}},
    }


def _y(field: str) -> Spec:
    axis = {"values": [0, 50, 100], "title": None, "format": "d"}
    return {"field": field, "type": "quantitative", "scale": {"domain": [0, 100]}, "axis": axis}
