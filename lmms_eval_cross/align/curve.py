"""The training curve of a run, as a picture."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import vl_convert

CURVES: Final[Mapping[str, str]] = {
    "loss": "loss",
    "mean_token_accuracy": "share of tokens foretold",
    "rewards/accuracies": "share of pairs ordered right",
}
"""What TRL logs -> what the axis says; what was not logged is left out."""
_WIDTH: Final = 640
_HEIGHT: Final = 140


def write_curve(path: Path, history: Sequence[Mapping[str, Any]]) -> None:
    """Draw what TRL logged at each step, a panel a measure, to a PNG."""
    panels = [_panel(history, name, title) for name, title in CURVES.items() if any(name in row for row in history)]
    spec = {"background": "white", "padding": 12, "vconcat": panels}
    path.write_bytes(vl_convert.vegalite_to_png(spec, scale=2))


def _panel(history: Sequence[Mapping[str, Any]], name: str, title: str) -> dict[str, Any]:
    values = [{"step": row["step"], "value": float(row[name])} for row in history if name in row]
    return {
        "width": _WIDTH,
        "height": _HEIGHT,
        "data": {"values": values},
        "mark": {"type": "line", "point": len(values) < 40, "color": "#0072b2"},
        "encoding": {
            "x": {"field": "step", "type": "quantitative", "title": "step", "axis": {"tickMinStep": 1}},
            "y": {"field": "value", "type": "quantitative", "title": title, "scale": {"zero": False}},
        },
    }
