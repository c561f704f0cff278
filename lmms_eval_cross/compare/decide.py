"""The comparison: every metric's difference, and what the gate decides from them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

import numpy as np

from lmms_eval_cross.benchmark.records import DIMENSIONS, Dimension
from lmms_eval_cross.compare.changes import SampleChange, most_changed
from lmms_eval_cross.compare.comparability import incomparable, incomparable_over_bridge
from lmms_eval_cross.compare.comparison import DEFAULT_MARGIN, Comparison, MetricResult, Rules
from lmms_eval_cross.compare.confirm import Confirmation
from lmms_eval_cross.compare.crossing import Crossing, find_crossing
from lmms_eval_cross.compare.labelled_sides import LabelledSides, find_labelled
from lmms_eval_cross.compare.low_coverage import low_coverage
from lmms_eval_cross.compare.pairs import FloatArray, PairedScores, pair_scores
from lmms_eval_cross.compare.rounds import Side
from lmms_eval_cross.compare.task_metrics import PAIRED, CapabilityDifference, capability_difference
from lmms_eval_cross.compare.worst_slices import Slice, find_slices
from lmms_eval_cross.errors import AnchorError, RunError, listing
from lmms_eval_cross.stats import (
    Decision,
    FailureBounds,
    GateVerdict,
    Interval,
    bounds_with_failures,
    bridged_bounds,
    cluster_bootstraps,
    decide_with_failures,
    ppi_bounds,
)
from lmms_eval_cross.trust.anchor import Anchor
from lmms_eval_cross.trust.human_labels import LabelSet

Decide: TypeAlias = Callable[[PairedScores], Decision]
Reask: TypeAlias = Callable[[PairedScores, Decide], Confirmation]


def compare(
    baseline: Side,
    candidate: Side,
    rules: Rules,
    reask: Reask | None = None,
    anchor: Anchor | None = None,
    anchor_file: str = "The anchor",
    labels: tuple[LabelSet, LabelSet] | None = None,
) -> Comparison:
    """Compare two sides.

    Args:
        baseline: what the candidate must not fall behind.
        candidate: the checkpoint under test.
        rules: margins, level and coverage.
        reask: asks again for the verdicts that decide, once there is a decision to confirm.
        anchor: the bridge between the judges of the two sides.
        anchor_file: what the user calls it.
        labels: of answers of the baseline and of the candidate; with them the corrected difference decides.

    Raises:
        RunError: a gated metric is not in both sides, is named twice, or is on no 0..1 or 0..100 scale.
        LabelError: labels of another judge, of other answers, or too few of a class on a gated dimension.
    """
    capability = _capability(baseline, candidate, rules)
    margins = _margins(rules, baseline, capability)
    gated = [name for name in DIMENSIONS if name in margins]
    crossing, obstacles = _cross(baseline, candidate, rules, anchor, anchor_file, gated)
    start = Comparison(baseline, candidate, rules, "inconclusive", None, obstacles, crossing=crossing)
    if obstacles:
        return start
    labelled = None if labels is None else find_labelled(baseline, candidate, labels, gated)
    start = replace(start, labelled=labelled)
    return _gated(start, _Gate(rules, margins, capability, crossing, labelled), reask)


def _gated(start: Comparison, gate: _Gate, reask: Reask | None) -> Comparison:
    """`start` with what the scores decide, confirmed where that is asked for."""
    pairs = pair_scores(start.baseline, start.candidate)
    comparison = _decided(start, pairs, gate)
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
    crossing: Crossing | None
    """Where two judges scored; dimensions without a bridge, which are not gated, are then not shown."""
    labelled: LabelledSides | None = None
    """Where labels decide; dimensions that are not gated are then not shown."""

    @property
    def dimensions(self) -> list[Dimension]:
        """Those that can be compared."""
        if self.labelled is not None:
            return [name for name in DIMENSIONS if name in self.labelled.runs]
        if self.crossing is None:
            return list(DIMENSIONS)
        return [name for name in DIMENSIONS if name in self.crossing.bridges]

    def bounds(self, pairs: PairedScores) -> dict[str, FailureBounds]:
        """The difference of every metric, with and without failures."""
        bounds: dict[str, FailureBounds] = {}
        for name in self.dimensions:
            bounds[name] = self._bounds(pairs, name)
        for task_metric, capability in self.capability.items():
            difference = capability.difference
            if difference is not None:
                bounds[task_metric] = FailureBounds(difference, difference, difference, 0, 0)
        return bounds

    def _bounds(self, pairs: PairedScores, name: Dimension) -> FailureBounds:
        if self.labelled is not None:
            return ppi_bounds(*self.labelled.runs[name], self.rules.alpha)
        if self.crossing is None:
            return bounds_with_failures(*pairs.rounds(name), pairs.clusters, self.rules.alpha, skew_safe=True)
        return bridged_bounds(*pairs.rounds(name), pairs.clusters, self.crossing.bridges[name], self.rules.alpha)

    def verdict(self, bounds: Mapping[str, FailureBounds]) -> GateVerdict:
        """What the statistics say of the gated metrics together."""
        gated: dict[str, FailureBounds] = {}
        margins: dict[str, float] = {}
        for name, points in self.margins.items():
            gated[name], margins[name] = bounds[name], points * self.rules.shrink(name) / 100
        return decide_with_failures(gated, margins, self.rules.level)

    def slices(self, pairs: PairedScores) -> list[Slice]:
        """Every slice, worst first; none over a bridge or by labels, which hold on average and not in a slice."""
        if self.crossing is not None or self.labelled is not None:
            return []
        margins = {name: points * self.rules.shrink(name) for name, points in self.margins.items()}
        return find_slices(pairs, self.rules.alpha, margins, self.rules.facets)

    def low_coverage(self, pairs: PairedScores) -> Iterator[str]:
        """A sentence for every side that lacks verdicts on gated dimensions."""
        return low_coverage(pairs, [name for name in DIMENSIONS if name in self.margins], self.rules.min_coverage)

    def decision(self, pairs: PairedScores) -> Decision:
        """What these scores decide."""
        if any(self.low_coverage(pairs)):
            return "inconclusive"
        return self.with_slices(self.verdict(self.bounds(pairs)).decision, self.slices(pairs))

    def with_slices(self, decision: Decision, slices: Sequence[Slice]) -> Decision:
        """The decision on the metrics as a whole, or `worse` where a slice fell that may decide."""
        if self.rules.slices == "fail" and any(part.is_worse for part in slices):
            return "worse"
        return decision


def _capability(baseline: Side, candidate: Side, rules: Rules) -> dict[str, CapabilityDifference]:
    """The difference on every metric of other tasks that all rounds have."""
    shared = set.intersection(*(set(one.tasks) for one in (*baseline.rounds, *candidate.rounds)))
    differences: dict[str, CapabilityDifference] = {}
    for name in sorted(shared):
        differences[name] = capability_difference(baseline.measured(name), candidate.measured(name), rules.alpha)
    return differences


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


def _decided(start: Comparison, pairs: PairedScores, gate: _Gate) -> Comparison:
    """`start` with the decision and everything that the scores show."""
    bounds = gate.bounds(pairs)
    verdict, slices = gate.verdict(bounds), gate.slices(pairs)
    decision, obstacles = gate.with_slices(verdict.decision, slices), list(gate.low_coverage(pairs))
    if obstacles:
        decision = "inconclusive"
    changes: list[SampleChange] = []
    if gate.crossing is None:  # a bridge holds on average, and says nothing of a sample
        changes = most_changed(pairs)
    return replace(
        start,
        decision=decision,
        undecided_by=verdict.reason,
        obstacles=obstacles,
        metrics=[*_dimensions(pairs, gate, bounds, verdict), *_others(gate, verdict)],
        slices=slices,
        changes=changes,
        samples=len(pairs.facts),
        clusters=len(set(pairs.clusters)),
    )


def _dimensions(
    pairs: PairedScores, gate: _Gate, bounds: Mapping[str, FailureBounds], verdict: GateVerdict
) -> Iterator[MetricResult]:
    bootstraps = _second_opinions(pairs, gate)
    for name in gate.dimensions:
        yield MetricResult(
            name=name,
            difference=bounds[name].complete,
            method=PAIRED,
            margin=gate.margins.get(name),
            shrink=gate.rules.shrink(name),
            decision=verdict.metrics.get(name),
            coverage=pairs.coverage(name),
            bootstrap=bootstraps.get(name),
            lowest_bound=_lowest_bound(bounds[name]),
        )


def _lowest_bound(bounds: FailureBounds) -> float | None:
    """What a margin must exceed for `not worse`, which has to hold however the failures are filled."""
    lower_bounds: list[float] = []
    for difference in (bounds.complete, bounds.against, bounds.in_favour):
        if difference is not None and difference.lower_bound is not None:
            lower_bounds.append(difference.lower_bound)
    return min(lower_bounds, default=None)


def _others(gate: _Gate, verdict: GateVerdict) -> Iterator[MetricResult]:
    for name, capability in gate.capability.items():
        margin, decision = gate.margins.get(name), verdict.metrics.get(name)
        yield MetricResult(name, capability.difference, capability.method, margin, decision)


def _second_opinions(pairs: PairedScores, gate: _Gate) -> dict[str, Interval]:
    """The bootstrap's interval of each dimension; none over a bridge, where the scores themselves can't be compared."""
    if gate.crossing is not None or gate.labelled is not None:
        return {}
    changes: dict[str, tuple[FloatArray, list[str]]] = {}
    for name in gate.dimensions:
        before, after = pairs.means(name)
        change = after - before
        scored = np.flatnonzero(~np.isnan(change))
        if len(scored):
            changes[name] = change[scored], np.array(pairs.clusters)[scored].tolist()
    return cluster_bootstraps(changes, gate.rules.resamples, alpha=gate.rules.alpha)
