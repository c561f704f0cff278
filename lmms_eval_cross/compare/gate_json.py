"""Strict JSON of the comparison; docs/compare.schema.json describes it."""

import json
from dataclasses import asdict
from typing import Any, Final

from lmms_eval_cross.compare import words
from lmms_eval_cross.compare.changes import Change
from lmms_eval_cross.compare.comparison import Comparison, MetricResult
from lmms_eval_cross.compare.corrected_rounds import CorrectedRound
from lmms_eval_cross.compare.rounds import Side
from lmms_eval_cross.compare.worst_slices import Slice
from lmms_eval_cross.stats import Corrected, Interval, PairedDifference

SCHEMA: Final = "cross-compare/1"


def render_json(comparison: Comparison) -> str:
    """The comparison as JSON; scores and differences on a 0..1 scale, margins in points, never NaN."""
    return json.dumps(_told(comparison), indent=1, allow_nan=False) + "\n"


def _told(comparison: Comparison) -> dict[str, Any]:
    rules = comparison.rules
    return {
        "schema": SCHEMA,
        "decision": comparison.decision,
        "exit_code": comparison.exit_code,
        "sentence": words.sentence(comparison),
        "reasons": words.reasons(comparison),
        "measurement": comparison.is_measurement,
        "alpha": rules.alpha,
        "min_coverage": rules.min_coverage,
        "samples": comparison.samples,
        "clusters": comparison.clusters,
        "baseline": _side(comparison.baseline),
        "candidate": _side(comparison.candidate),
        "metrics": [_metric(each) for each in comparison.metrics],
        "slices": [_slice(each) for each in comparison.slices],
        "changes": [_change(each) for each in comparison.changes],
        "confirmation": _confirmation(comparison),
        "bridge": _bridge(comparison),
        "corrected": [_corrected(each) for each in comparison.corrected],
    }


def _side(side: Side) -> dict[str, Any]:
    return {
        "rounds": [{"name": each.name, "model": each.model, "date": each.date} for each in side.rounds],
        "judging": [
            {"split": split, "answered_by": judging.answered_by, **asdict(judging.provenance)}
            for split, judging in side.rounds[0].judging.items()
        ],
    }


def _metric(metric: MetricResult) -> dict[str, Any]:
    return {
        "name": metric.name,
        "method": metric.method,
        "margin": metric.margin,
        "decision": metric.decision,
        "smallest_margin": metric.smallest_margin,
        "equal_models_margin": words.typical_effect(metric),
        "coverage": None
        if metric.coverage is None
        else dict(zip(("baseline", "candidate"), metric.coverage, strict=True)),
        "difference": _difference(metric.difference),
        "bootstrap": None if metric.bootstrap is None else {"low": metric.bootstrap.low, "high": metric.bootstrap.high},
    }


def _difference(difference: PairedDifference | None) -> dict[str, Any] | None:
    return None if difference is None else asdict(difference)


def _slice(each: Slice) -> dict[str, Any]:
    return {
        "facet": each.facet,
        "value": each.value,
        "dimension": each.dimension,
        "p_value": each.p_value,
        "worse": each.is_worse,
        "difference": _difference(each.difference),
    }


def _change(each: Change) -> dict[str, Any]:
    return {"sample_id": each.sample_id, "changes": each.changes}


def _bridge(comparison: Comparison) -> dict[str, Any] | None:
    told = comparison.crossing
    if told is None:
        return None
    judges = {"old": told.old.model_dump(), "new": told.new.model_dump()}
    return {"name": told.name, "anchor_id": told.anchor_id, "answers": told.answers, **judges}


def _corrected(each: CorrectedRound) -> dict[str, Any]:
    found = each.found
    return {
        "side": each.side,
        "round": each.round,
        "dimension": found.dimension,
        "judge_rate": _estimate(found.judge_rate),
        "rogan_gladen": _corrected_estimate(found.rogan_gladen),
        "ppi": None if found.ppi is None else _corrected_estimate(found.ppi),
        "sensitivity": found.sensitivity,
        "specificity": found.specificity,
        "labels": found.labels,
        "of_run": found.of_run,
    }


def _corrected_estimate(found: Corrected) -> dict[str, Any]:
    return {**_estimate(found), "run_low": found.run_low, "run_high": found.run_high}


def _estimate(found: Interval | Corrected) -> dict[str, Any]:
    return {"mean": found.mean, "low": found.low, "high": found.high, "reason": found.reason}


def _confirmation(comparison: Comparison) -> dict[str, Any] | None:
    told = comparison.confirmation
    return None if told is None else {**asdict(told), "flip_rate": told.flip_rate}
