"""The report as JSON: `schema.json` describes it, docs/report.md explains it."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from typing import Any, Final

from lmms_eval_cross import __version__
from lmms_eval_cross.report.build import Report
from lmms_eval_cross.report.corrected_scores import in_percent
from lmms_eval_cross.report.measured import Measured
from lmms_eval_cross.report.scores import MEASURES, Scores

SCHEMA: Final = "cross-report/1"
_DIGITS: Final = 6


def report_json(report: Report) -> dict[str, Any]:
    """The report's numbers as plain lists and dicts, in percent and points; None where there is no number."""
    told: dict[str, Any] = rounded(
        {
            "schema": SCHEMA,
            "written_by": f"lmms-eval-cross {__version__}",
            "measures": list(MEASURES),
            "min_coverage": report.min_coverage,
            "notices": [asdict(notice) for notice in report.notices],
            "verdicts": [verdict.sentence for verdict in report.verdicts],
            "models": [_model(model) for model in report.models],
            "comparisons": [asdict(comparison) for comparison in report.comparisons],
            "languages": [asdict(gap) for gap in report.language_gaps],
            "corrected": list(_corrected(report)),
            "norms": [asdict(norm) for norm in report.norms],
            "capabilities": [asdict(each) for each in report.capabilities],
        }
    )
    return told


def to_text(value: Any) -> str:
    """Strict JSON on one line; NaN and infinity are a bug and raise ValueError."""
    return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))


def rounded(value: Any) -> Any:
    """The same with floats of at most six decimals."""
    if isinstance(value, float):
        return round(value, _DIGITS)
    if isinstance(value, Mapping):
        return {key: rounded(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [rounded(each) for each in value]
    return value


def _model(model: Measured) -> dict[str, Any]:
    return {
        "name": model.label,
        "model": model.model,
        "date": model.date,
        "samples": len(model.answers),
        "coverage": model.coverage,
        "usage": asdict(model.usage),
        "provenance": {split: asdict(told) for split, told in model.provenance.items()},
        "dimensions": _scores(model.dimensions),
        "slices": {
            kind: {value: _scores(scores) for value, scores in values.items()} for kind, values in model.slices.items()
        },
        "failures": [asdict(failure) for failure in model.failures],
        "other_metrics": model.other_metrics,
    }


def _corrected(report: Report) -> Iterator[dict[str, Any]]:
    for model, means in report.corrected.items():
        for mean in means:
            yield {
                "model": model,
                **asdict(mean),
                "judge_rate": in_percent(mean.judge_rate),
                "rogan_gladen": in_percent(mean.rogan_gladen),
                "ppi": mean.ppi and in_percent(mean.ppi),
            }


def _scores(scores: Scores) -> dict[str, Any]:
    return {measure: asdict(score) for measure, score in scores.items()}
