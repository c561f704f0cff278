"""The comparison: every metric's difference, and what the gate decides from them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import TypeAlias

import numpy as np

from lmms_eval_cross.compare.capability import CapabilityDifference, capability_difference
from lmms_eval_cross.compare.changes import most_changed
from lmms_eval_cross.compare.comparability import incomparable
from lmms_eval_cross.compare.comparison import DEFAULT_MARGIN, Comparison, MetricResult, Rules
from lmms_eval_cross.compare.confirm import Confirmation
from lmms_eval_cross.compare.pairs import PairedScores, coverage, pair_scores
from lmms_eval_cross.compare.rounds import Side
from lmms_eval_cross.compare.slices import find_slices
from lmms_eval_cross.errors import RunError, listing
from lmms_eval_cross.records import DIMENSIONS, Dimension
from lmms_eval_cross.stats import (
    Decision,
    FailureBounds,
    Interval,
    bounds_with_failures,
    cluster_bootstrap,
    decide_with_failures,
)

Decide: TypeAlias = Callable[[PairedScores], Decision]
Reask: TypeAlias = Callable[[PairedScores, Decide], Confirmation]


def compare(baseline: Side, candidate: Side, rules: Rules, reask: Reask | None = None) -> Comparison:
    """Compare two sides.

    Args:
        baseline: what the candidate must not fall behind.
        candidate: the checkpoint under test.
        rules: margins, level and coverage.
        reask: asks again for the verdicts that decide, once there is a decision to confirm.

    Raises:
        RunError: a gated metric is in neither or only one of the sides, or is on no 0..1 or 0..100 scale.
    """
    capability = _capability(baseline, candidate, rules)
    margins = _margins(rules, baseline, capability)
    obstacles = incomparable(baseline, candidate, 100 - rules.min_coverage)
    if obstacles:
        return Comparison(baseline, candidate, rules, "inconclusive", None, obstacles)
    pairs = pair_scores(baseline, candidate)
    comparison = _decide(Comparison(baseline, candidate, rules, "inconclusive", None), pairs, margins, capability)
    if reask is None or comparison.decision == "inconclusive":
        return comparison
    confirmation = reask(pairs, lambda other: _decide(comparison, other, margins, capability).decision)
    if confirmation.holds(comparison.decision):
        return replace(comparison, confirmation=confirmation)
    return replace(
        comparison,
        decision="inconclusive",
        obstacles=[confirmation.objection(comparison.decision)],
        confirmation=confirmation,
    )


def _capability(baseline: Side, candidate: Side, rules: Rules) -> dict[str, CapabilityDifference]:
    rounds = (*baseline.rounds, *candidate.rounds)
    shared = sorted(set.intersection(*(set(each.tasks) for each in rounds)))
    return {
        name: capability_difference(
            [each.tasks[name] for each in baseline.rounds], [each.tasks[name] for each in candidate.rounds], rules.alpha
        )
        for name in shared
    }


def _margins(rules: Rules, baseline: Side, capability: Mapping[str, CapabilityDifference]) -> dict[str, float]:
    if not rules.margins:
        return dict.fromkeys(DIMENSIONS, DEFAULT_MARGIN)
    margins = {}
    for given, margin in rules.margins.items():
        name = _full_name(given, capability)
        if name not in DIMENSIONS and capability[name].difference is None:
            first = baseline.rounds[0].tasks[name]
            raise RunError(
                f"{name} is {first.value:g} over {first.n} samples; only a metric within 0..1 or 0..100 over some "
                "samples can have a margin."
            )
        margins[name] = margin
    return margins


def _full_name(given: str, capability: Mapping[str, object]) -> str:
    """A dimension, `task/metric`, or a task that has one metric."""
    if given in DIMENSIONS or given in capability:
        return given
    of_task = [name for name in capability if name.rpartition("/")[0] == given]
    if len(of_task) == 1:
        return of_task[0]
    choice = listing(of_task or [*DIMENSIONS, *capability])
    raise RunError(f"--margin names {given!r}, which is not one metric that both sides have; name one of {choice}.")


def _decide(
    start: Comparison, pairs: PairedScores, margins: Mapping[str, float], capability: Mapping[str, CapabilityDifference]
) -> Comparison:
    """`start` with everything that the scores say."""
    rules = start.rules
    bounds: dict[str, FailureBounds] = {
        name: bounds_with_failures(*pairs.rounds(name), pairs.clusters, rules.alpha) for name in DIMENSIONS
    }
    everything = bounds | _without_failures(capability)
    verdict = decide_with_failures(
        {name: everything[name] for name in margins}, {name: margin / 100 for name, margin in margins.items()}
    )
    cross = [
        MetricResult(
            name=name,
            difference=bounds[name].complete,
            method="paired",
            margin=margins.get(name),
            decision=verdict.metrics.get(name),
            coverage=_coverage(pairs, name),
            bootstrap=_second_opinion(pairs, name, rules),
        )
        for name in DIMENSIONS
    ]
    others = [
        MetricResult(name, each.difference, each.method, margins.get(name), verdict.metrics.get(name))
        for name, each in capability.items()
    ]
    obstacles = list(_low_coverage(cross, rules.min_coverage))
    return replace(
        start,
        decision="inconclusive" if obstacles else verdict.decision,
        undecided_by=verdict.reason,
        obstacles=obstacles,
        metrics=cross + others,
        slices=find_slices(pairs, rules.alpha),
        changes=most_changed(pairs),
        samples=len(pairs.facts),
        clusters=len(set(pairs.clusters)),
    )


def _without_failures(capability: Mapping[str, CapabilityDifference]) -> dict[str, FailureBounds]:
    return {
        name: FailureBounds(each.difference, each.difference, each.difference, 0, 0)
        for name, each in capability.items()
        if each.difference is not None
    }


def _coverage(pairs: PairedScores, dimension: Dimension) -> tuple[float, float]:
    before, after = pairs.rounds(dimension)
    return coverage(before), coverage(after)


def _second_opinion(pairs: PairedScores, dimension: Dimension, rules: Rules) -> Interval | None:
    before, after = pairs.means(dimension)
    change = after - before
    kept = np.flatnonzero(~np.isnan(change))
    if len(kept) == 0:
        return None
    clusters = np.array(pairs.clusters)[kept].tolist()
    return cluster_bootstrap(change[kept], clusters, rules.resamples, alpha=rules.alpha)


def _low_coverage(metrics: list[MetricResult], least: float) -> Iterator[str]:
    for each in metrics:
        if each.margin is None or each.coverage is None:
            continue
        for side, percent in zip(("baseline", "candidate"), each.coverage, strict=True):
            if percent < least:
                yield (
                    f"The {side} has only {percent:.1f}% of its {each.name} verdicts, and {least:g}% are needed; "
                    "judge what is missing."
                )
