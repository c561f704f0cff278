"""Safety beside capability: compliance over another task's metric, one point for each run."""

import math
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from markupsafe import Markup

from lmms_eval_cross import numbers
from lmms_eval_cross.report.build import Report
from lmms_eval_cross.report.capability import Capability
from lmms_eval_cross.report.charts import Chart, Domain, Spec, colours, draw, interval_row, shapes

_WIDTH: Final = 420
_NARROW_WIDTH: Final = 270
_HEIGHT: Final = 300
_LEGEND: Final[Spec] = {"columns": 4}
_NARROW_LEGEND: Final[Spec] = {"direction": "vertical"}
_PLACE: Final[Spec] = {"x": {"field": "x", "type": "quantitative"}, "y": {"field": "y", "type": "quantitative"}}


def safety_beside_capability(report: Report, capability: Capability) -> Chart | None:
    """The chart of one metric; arrows lead from the first run to those that can be compared with it.

    None where no run has both.
    """
    points = list(_capability_points(report, capability))
    if not points:
        return None
    wide = _scatter(report, capability, points, _WIDTH, _LEGEND)
    narrow = _scatter(report, capability, points, _NARROW_WIDTH, _NARROW_LEGEND)
    return Chart(Markup(draw(wide)), Markup(draw(narrow)))


def _scatter(report: Report, capability: Capability, points: Sequence[Spec], width: int, legend: Spec) -> Spec:
    across = _domain([point["x"] for point in points])
    up = _domain(_heights(points))
    axes = {"x": _axis("x", f"{capability.name}, percent", across), "y": _axis("mean", "compliance, percent", up)}
    layers = [_intervals(axes, report.labels, legend)]
    layers += _arrows(_compared(report, points), across, up, width)
    layers.append(_points(axes, report.labels, legend))
    return {"data": {"values": list(points)}, "width": width, "height": _HEIGHT, "layer": layers}


def _heights(points: Sequence[Spec]) -> list[float]:
    """The means and the ends of their intervals."""
    heights: list[float] = []
    for point in points:
        heights.append(point["mean"])
        if point["low"] is not None:
            heights += (point["low"], point["high"])
    return heights


def _intervals(axes: Spec, runs: Sequence[str], legend: Spec) -> Spec:
    ends = {"y": {**axes["y"], "field": "low"}, "y2": {"field": "high"}}
    return {
        "mark": {"type": "rule", "strokeWidth": 1.5, "aria": False},
        "transform": [{"filter": "datum.low !== null"}],
        "encoding": {**axes, **ends, "color": _by_run(colours(runs), legend)},
    }


def _points(axes: Spec, runs: Sequence[str], legend: Spec) -> Spec:
    looks = {
        "color": _by_run(colours(runs), legend),
        "shape": _by_run(shapes(runs), legend),
        "description": {"field": "label"},
    }
    return {
        "mark": {"type": "point", "filled": True, "size": 130, "opacity": 1},
        "encoding": {**axes, **looks},
    }


def _by_run(scale: Spec, legend: Spec) -> Spec:
    return {"field": "run", "type": "nominal", "scale": scale, "legend": legend}


def _capability_points(report: Report, capability: Capability) -> Iterator[Spec]:
    for model in report.models:
        score, value = model.dimensions["compliance"], capability.percent.get(model.label)
        if value is not None and score.mean is not None:
            row = interval_row(model.label, score)
            yield {**row, "x": value, "label": f"{row['label']}; {capability.name} {numbers.percent(value)}"}


def _domain(values: Sequence[float]) -> Domain:
    """A range of percent that holds the values with room around them, at least ten points wide."""
    room = max(5 - (max(values) - min(values)) / 2, 0.2 * (max(values) - min(values)))
    return max(0.0, math.floor(min(values) - room)), min(100.0, math.ceil(max(values) + room))


def _axis(field: str, title: str, domain: Domain) -> Spec:
    scale = {"domain": list(domain), "nice": False}
    return {"field": field, "type": "quantitative", "title": title, "scale": scale, "axis": {"tickCount": 6}}


def _compared(report: Report, points: Sequence[Spec]) -> Iterator[tuple[Spec, Spec]]:
    """The points of every baseline and run that are compared."""
    by_run = {point["run"]: point for point in points}
    for comparison in report.comparisons:
        if comparison.baseline in by_run and comparison.candidate in by_run:
            yield by_run[comparison.baseline], by_run[comparison.candidate]


def _arrows(pairs: Iterable[tuple[Spec, Spec]], across: Domain, up: Domain, width: int) -> Iterator[Spec]:
    """A line and a head from the first point of each pair to the other, where that stands elsewhere."""
    for start, end in pairs:
        if (end["x"], end["mean"]) == (start["x"], start["mean"]):
            continue
        right = (end["x"] - start["x"]) / (across[1] - across[0]) * width
        rise = (end["mean"] - start["mean"]) / (up[1] - up[0]) * _HEIGHT
        yield _line(start, end)
        yield _head(start, end, angle=math.degrees(math.atan2(right, rise)))


def _line(start: Spec, end: Spec) -> Spec:
    ends = {"x": start["x"], "y": start["mean"], "x2": end["x"], "y2": end["mean"]}
    return {
        "data": {"values": [ends]},
        "mark": {"type": "rule", "color": "var(--muted)", "strokeDash": [4, 3], "aria": False},
        "encoding": {**_PLACE, "x2": {"field": "x2"}, "y2": {"field": "y2"}},
    }


def _head(start: Spec, end: Spec, angle: float) -> Spec:
    """The arrow's head, half-way, turned by degrees from upright."""
    middle = {"x": (start["x"] + end["x"]) / 2, "y": (start["mean"] + end["mean"]) / 2}
    head = {"type": "point", "shape": "arrow", "filled": True, "size": 260, "opacity": 1, "aria": False}
    return {
        "data": {"values": [middle]},
        "mark": {**head, "color": "var(--muted)", "angle": angle},
        "encoding": _PLACE,
    }
