"""The comparison: every metric's difference, and what the gate decides from them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

import numpy as np

from lmms_eval_cross.benchmark.records import DIMENSIONS, Dimension
from lmms_eval_cross.compare.changes import most_changed
from lmms_eval_cross.compare.comparability import incomparable, incomparable_over_bridge
from lmms_eval_cross.compare.comparison import DEFAULT_MARGIN, Comparison, MetricResult, Rules
from lmms_eval_cross.compare.confirm import Confirmation
from lmms_eval_cross.compare.crossing import Crossing, find_crossing
from lmms_eval_cross.compare.pairs import PairedScores, coverage, pair_scores
from lmms_eval_cross.compare.rounds import Side
from lmms_eval_cross.compare.task_metrics import PAIRED, CapabilityDifference, capability_difference
from lmms_eval_cross.compare.worst_slices import find_slices
from lmms_eval_cross.errors import AnchorError, RunError, listing
from lmms_eval_cross.stats import (
    Bridge,
    Decision,
    FailureBounds,
    GateVerdict,
    Interval,
    bounds_with_failures,
    bridged_bounds,
    cluster_bootstrap,
    decide_with_failures,
)
from lmms_eval_cross.trust.anchor import Anchor

Decide: TypeAlias = Callable[[PairedScores], Decision]
Reask: TypeAlias = Callable[[PairedScores, Decide], Confirmation]


def compare(
    baseline: Side,
    candidate: Side,
    rules: Rules,
    reask: Reask | None = None,
    anchor: Anchor | None = None,
    anchor_file: str = "The anchor",
) -> Comparison:
    """Compare two sides.

    Args:
        baseline: what the candidate must not fall behind.
        candidate: the checkpoint under test.
        rules: margins, level and coverage.
        reask: asks again for the verdicts that decide, once there is a decision to confirm.
        anchor: the bridge between the judges of the two sides.
        anchor_file: what the user calls it.

    Raises:
        RunError: a gated metric is not in both sides, is named twice, or is on no 0..1 or 0..100 scale.
    """
    capability = _capability(baseline, candidate, rules)
    margins = _margins(rules, baseline, capability)
    gated = [name for name in DIMENSIONS if name in margins]
    crossing, obstacles = _cross(baseline, candidate, rules, anchor, anchor_file, gated)
    start = Comparison(baseline, candidate, rules, "inconclusive", None, obstacles, crossing=crossing)
    if obstacles:
        return start
    gate = _Gate(rules, margins, capability, None if crossing is None else crossing.bridges)
    pairs = pair_scores(baseline, candidate)
    comparison = _found(start, pairs, gate)
    if reask is None or comparison.decision == "inconclusive":
        return comparison
    return _confirmed(comparison, reask(pairs, gate.decision))


def _cross(
    baseline: Side, candidate: Side, rules: Rules, anchor: Anchor | None, anchor_file: str, gated: Sequence[Dimension]
) -> tuple[Crossing | None, list[str]]:
    """The bridge that is needed, if one is, and why the sides can't be compared, if they can't."""
    allowed_missing = 100 - rules.min_coverage
    if anchor is None:
        return None, incomparable(baseline, candidate, allowed_missing)
    obstacles = incomparable_over_bridge(baseline, candidate, allowed_missing)
    if obstacles:
        return None, obstacles
    try:
        return find_crossing(baseline, candidate, anchor, gated), []
    except AnchorError as error:
        return None, [f"{anchor_file}: {error}"]


def _confirmed(comparison: Comparison, confirmation: Confirmation) -> Comparison:
    """`comparison` with its decision, if it holds, and without a verdict, if not."""
    if confirmation.holds(comparison.decision):
        return replace(comparison, confirmation=confirmation)
    objection = confirmation.objection(comparison.decision)
    return replace(comparison, decision="inconclusive", obstacles=[objection], confirmation=confirmation)


@dataclass(frozen=True, slots=True)
class _Gate:
    """What is gated, and how any scores of the two sides decide it."""

    rules: Rules
    margins: Mapping[str, float]
    capability: Mapping[str, CapabilityDifference]
    bridges: Mapping[str, Bridge] | None = None
    """Of the gated dimensions, where two judges scored; the others are then not shown."""

    @property
    def dimensions(self) -> list[Dimension]:
        """Those that can be compared."""
        return [name for name in DIMENSIONS if self.bridges is None or name in self.bridges]

    def bounds(self, pairs: PairedScores) -> dict[str, FailureBounds]:
        """The difference of every metric, with and without failures."""
        ours: dict[str, FailureBounds] = {name: self._bounds(pairs, name) for name in self.dimensions}
        return ours | _without_failures(self.capability)

    def _bounds(self, pairs: PairedScores, name: Dimension) -> FailureBounds:
        if self.bridges is None:
            return bounds_with_failures(*pairs.rounds(name), pairs.clusters, self.rules.alpha)
        return bridged_bounds(*pairs.rounds(name), pairs.clusters, self.bridges[name], self.rules.alpha)

    def verdict(self, bounds: Mapping[str, FailureBounds]) -> GateVerdict:
        """What the statistics say of the gated metrics together."""
        margins = {name: margin / 100 for name, margin in self.margins.items()}
        return decide_with_failures({name: bounds[name] for name in margins}, margins)

    def low_coverage(self, pairs: PairedScores) -> Iterator[str]:
        """A sentence for every side that lacks verdicts on gated dimensions."""
        gated = [name for name in DIMENSIONS if name in self.margins]
        for place, side in enumerate(("baseline", "candidate")):
            found = {name: _coverage(pairs, name)[place] for name in gated}
            low = [(name, percent) for name, percent in found.items() if percent < self.rules.min_coverage]
            if low:
                (first, percent), *others = low
                more = f" ({', '.join(f'{name} {percent:.1f}%' for name, percent in others)})" if others else ""
                yield (
                    f"The {side} has only {percent:.1f}% of its {first} verdicts, and "
                    f"{self.rules.min_coverage:g}% are needed{more}; judge what is missing."
                )

    def decision(self, pairs: PairedScores) -> Decision:
        """What these scores decide."""
        return "inconclusive" if any(self.low_coverage(pairs)) else self.verdict(self.bounds(pairs)).decision


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
    margins: dict[str, float] = {}
    for given, margin in rules.margins.items():
        name = _full_name(given, capability)
        if name not in DIMENSIONS and capability[name].difference is None:
            first = baseline.rounds[0].tasks[name]
            raise RunError(
                f"{name} is {first.value:g} over {first.n} samples; only a metric within 0..1 or 0..100 over some "
                "samples can have a margin."
            )
        if name in margins:
            raise RunError(f"--margin names {name} twice, once as {given!r}; name it once.")
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


def _found(start: Comparison, pairs: PairedScores, gate: _Gate) -> Comparison:
    """`start` with everything that the scores say; over a bridge, which holds on average, of no part or sample."""
    bounds = gate.bounds(pairs)
    verdict = gate.verdict(bounds)
    obstacles = list(gate.low_coverage(pairs))
    return replace(
        start,
        decision="inconclusive" if obstacles else verdict.decision,
        undecided_by=verdict.reason,
        obstacles=obstacles,
        metrics=[*_dimensions(pairs, gate, bounds, verdict), *_others(gate, verdict)],
        slices=[] if gate.bridges is not None else find_slices(pairs, gate.rules.alpha),
        changes=[] if gate.bridges is not None else most_changed(pairs),
        samples=len(pairs.facts),
        clusters=len(set(pairs.clusters)),
    )


def _dimensions(
    pairs: PairedScores, gate: _Gate, bounds: Mapping[str, FailureBounds], verdict: GateVerdict
) -> Iterator[MetricResult]:
    for name in gate.dimensions:
        yield MetricResult(
            name=name,
            difference=bounds[name].complete,
            method=PAIRED,
            margin=gate.margins.get(name),
            decision=verdict.metrics.get(name),
            coverage=_coverage(pairs, name),
            bootstrap=None if gate.bridges is not None else _second_opinion(pairs, name, gate.rules),
            lowest_bound=_lowest_bound(bounds[name]),
        )


def _lowest_bound(found: FailureBounds) -> float | None:
    """What a margin must exceed for `not worse`, which has to hold however the failures are filled."""
    differences = (found.complete, found.against, found.in_favour)
    return min((each.lower_bound for each in differences if each and each.lower_bound is not None), default=None)


def _others(gate: _Gate, verdict: GateVerdict) -> Iterator[MetricResult]:
    for name, each in gate.capability.items():
        yield MetricResult(name, each.difference, each.method, gate.margins.get(name), verdict.metrics.get(name))


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
