"""Strict JSON of the comparison; docs/compare.schema.json describes it."""

import json
from collections.abc import Iterator
from dataclasses import asdict
from typing import Any, Final

from lmms_eval_cross.compare import words
from lmms_eval_cross.compare.comparison import Comparison, MetricResult
from lmms_eval_cross.compare.looks import LookedAt
from lmms_eval_cross.compare.rounds import Side
from lmms_eval_cross.compare.worst_slices import Slice
from lmms_eval_cross.stats import Corrected, Interval

SCHEMA: Final = "cross-compare/1"


def render_json(comparison: Comparison) -> str:
    """The comparison as JSON; scores and differences on a 0..1 scale, margins in points, never NaN."""
    return json.dumps(_content(comparison), indent=1, allow_nan=False) + "\n"


def _content(comparison: Comparison) -> dict[str, Any]:
    rules = comparison.rules
    return {
        "schema": SCHEMA,
        "decision": comparison.decision,
        "exit_code": comparison.exit_code,
        "sentence": words.sentence(comparison),
        "reasons": words.reasons(comparison),
        "notes": words.notes(comparison),
        "not_gated": words.not_gated(comparison),
        "bounds": words.bounds_name(comparison),
        "interval": words.interval_name(comparison),
        "slices_rule": rules.slices,
        "fallen_slices": words.fallen_slices(comparison),
        "untested_slices": words.untested_slices(comparison),
        "measurement": comparison.is_measurement,
        "alpha": rules.alpha,
        "min_coverage": rules.min_coverage,
        "samples": comparison.samples,
        "clusters": comparison.clusters,
        "baseline": _side(comparison.baseline),
        "candidate": _side(comparison.candidate),
        "metrics": [_metric(metric) for metric in comparison.metrics],
        "slices": [_slice(part) for part in comparison.slices],
        "changes": [asdict(change) for change in comparison.changes],
        "confirmation": _confirmation(comparison),
        "bridge": _bridge(comparison),
        "looks": _looks(comparison),
        "gated": comparison.gated and asdict(comparison.gated),
        "labels": comparison.labelled and dict(zip(("baseline", "candidate"), comparison.labelled.labels, strict=True)),
        "judge_accuracy": _accuracy(comparison),
        "basis": words.basis(comparison),
        "corrected": list(_corrected(comparison)),
    }


def _side(side: Side) -> dict[str, Any]:
    rounds: list[dict[str, str]] = []
    judging: list[dict[str, Any]] = []
    for one in side.rounds:
        rounds.append({"name": one.name, "model": one.model, "date": one.date})
    for split, judge in side.rounds[0].judging.items():
        judging.append({"split": split, "answered_by": judge.answered_by, **asdict(judge.provenance)})
    return {"rounds": rounds, "judging": judging}


def _metric(metric: MetricResult) -> dict[str, Any]:
    return {
        "name": metric.name,
        "method": metric.method,
        "margin": metric.margin,
        "decision": metric.decision,
        "smallest_margin": metric.smallest_margin,
        "equal_models_margin": words.typical_effect(metric),
        "coverage": metric.coverage and dict(zip(("baseline", "candidate"), metric.coverage, strict=True)),
        "difference": metric.difference and asdict(metric.difference),
        "bootstrap": metric.bootstrap and {"low": metric.bootstrap.low, "high": metric.bootstrap.high},
    }


def _slice(part: Slice) -> dict[str, Any]:
    return {
        "facet": part.facet,
        "value": part.value,
        "dimension": part.dimension,
        "p_value": part.p_value,
        "worse": part.is_worse,
        "margin": part.margin,
        "difference": asdict(part.difference),
    }


def _bridge(comparison: Comparison) -> dict[str, Any] | None:
    crossing = comparison.crossing
    if crossing is None:
        return None
    judges = {"old": crossing.old.model_dump(), "new": crossing.new.model_dump()}
    return {"name": crossing.name, "anchor_id": crossing.anchor_id, "answers": crossing.answers, **judges}


def _looks(comparison: Comparison) -> dict[str, Any] | None:
    looks = comparison.looks
    if looks is None:
        return None
    taken = [{**asdict(look), "dimensions": [_looked_at(one) for one in look.dimensions]} for look in looks.taken]
    counts = {"planned": looks.planned, "norms": looks.norms, "verdicts": looks.verdicts}
    return {**counts, "order": looks.order, "taken": taken}


def _looked_at(looked: LookedAt) -> dict[str, Any]:
    entry = asdict(looked)
    entry.pop("by_pairs")
    return {**entry, "coverage": dict(zip(("baseline", "candidate"), looked.coverage, strict=True))}


def _accuracy(comparison: Comparison) -> dict[str, dict[str, float]]:
    names = ("sensitivity", "specificity")
    given = comparison.rules.judge_accuracy
    return {dimension: dict(zip(names, rates, strict=True)) for dimension, rates in given.items()}


def _corrected(comparison: Comparison) -> Iterator[dict[str, Any]]:
    for side, round_name, mean in comparison.corrected:
        yield {
            "side": side,
            "round": round_name,
            **asdict(mean),
            "judge_rate": _estimate(mean.judge_rate),
            "rogan_gladen": mean.rogan_gladen and _estimate(mean.rogan_gladen),
            "ppi": mean.ppi and _estimate(mean.ppi),
        }


def _estimate(estimate: Interval | Corrected) -> dict[str, Any]:
    """Mean, interval and why it is missing; of a corrected mean the run's interval too."""
    entry = {"mean": estimate.mean, "low": estimate.low, "high": estimate.high, "reason": estimate.reason}
    if isinstance(estimate, Corrected):
        entry |= {"run_low": estimate.run_low, "run_high": estimate.run_high}
    return entry


def _confirmation(comparison: Comparison) -> dict[str, Any] | None:
    confirmation = comparison.confirmation
    if confirmation is None:
        return None
    entry = asdict(confirmation)
    entry.pop("flips")
    flips = confirmation.flips
    ends: dict[str, float | None] = {"flip_low": None, "flip_high": None}
    if flips is not None and flips.low is not None and flips.high is not None:
        ends = {"flip_low": 100 * flips.low, "flip_high": 100 * flips.high}
    return {**entry, "flip_rate": confirmation.flip_rate, **ends}
