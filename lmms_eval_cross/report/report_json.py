"""The report as JSON: `schema.json` describes it, docs/report.md explains it."""

import json
from collections.abc import Mapping
from dataclasses import asdict, is_dataclass
from typing import Any, Final

from lmms_eval_cross import __version__
from lmms_eval_cross.report.build import Report
from lmms_eval_cross.report.efforts import effort_of
from lmms_eval_cross.report.measured import Measured
from lmms_eval_cross.report.scores import MEASURES

SCHEMA: Final = "cross-report/1"
_DIGITS: Final = 6


def report_json(report: Report) -> dict[str, Any]:
    """The report's numbers as plain lists and dicts, in percent and points; None where there is no number."""
    document: dict[str, Any] = json_value(
        {
            "schema": SCHEMA,
            "written_by": f"lmms-eval-cross {__version__}",
            "mark": report.mark,
            "measures": MEASURES,
            "min_coverage": report.min_coverage,
            "notices": report.notices,
            "verdicts": [verdict.sentence for verdict in report.verdicts],
            "models": [_model(model) | {"usd": report.usd[model.label]} for model in report.models],
            "comparisons": report.comparisons,
            "leaderboards": report.leaderboards,
            "efforts": report.efforts,
            "groups": report.groups,
            "languages": report.language_gaps,
            "corrected": report.corrected,
            "norms": report.norms,
            "capabilities": report.capabilities,
        }
    )
    return document


def to_text(value: Any) -> str:
    """Strict JSON on one line; NaN and infinity are a bug and raise ValueError."""
    return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))


def json_value(value: Any) -> Any:
    """The same in JSON's types: a dataclass becomes the object of its fields, floats keep at most six decimals."""
    if isinstance(value, float):
        return round(value, _DIGITS)
    if is_dataclass(value) and not isinstance(value, type):
        return json_value(asdict(value))
    if isinstance(value, Mapping):
        return {key: json_value(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [json_value(item) for item in value]
    return value


def _model(model: Measured) -> dict[str, Any]:
    return {
        "name": model.label,
        "model": model.model,
        "date": model.date,
        "samples": len(model.answers),
        "coverage": model.coverage,
        "usage": model.usage,
        "provenance": model.provenance,
        "dimensions": model.dimensions,
        "slices": model.slices,
        "countries": model.countries,
        "failures": model.failures,
        "other_metrics": model.other_metrics,
        "reasoning_effort": effort_of(model),
        "rounds": model.rounds,
        "spread": model.spread,
    }
