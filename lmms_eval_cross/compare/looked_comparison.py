"""A comparison put together from the looks of a sequential gate."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from lmms_eval_cross.benchmark.records import Dimension
from lmms_eval_cross.compare.changes import most_changed
from lmms_eval_cross.compare.comparison import Comparison, MetricResult
from lmms_eval_cross.compare.look_plan import LookPlan
from lmms_eval_cross.compare.looks import LookedAt, Looks
from lmms_eval_cross.compare.pairs import PairedScores
from lmms_eval_cross.compare.task_metrics import PAIRED
from lmms_eval_cross.compare.worst_slices import Slice, find_slices_of
from lmms_eval_cross.stats import Decision, combine_decisions
from lmms_eval_cross.stats.decisions import DATA_CANNOT_DECIDE, FAILURES_COULD_TURN_IT, NO_COMPLETE_PAIR


def looked_comparison(
    start: Comparison, pairs: PairedScores, plan: LookPlan, margins: Mapping[Dimension, float]
) -> Comparison:
    """`start`, which has looks and obstacles, with the decision and all that was seen; `margins` in points."""
    looks = start.looks
    if looks is None or not looks.taken:
        return start
    judged = pairs.of_norms(frozenset(plan.norms[: looks.taken[-1].norms]))
    slices = _slices(start, pairs, plan, margins)
    decision, undecided_by = _decision(start, looks, slices), None
    if decision == "inconclusive":
        undecided_by = _why_undecided([one for one in looks.last.values() if one.decision == "inconclusive"])
    return replace(
        start,
        decision=decision,
        undecided_by=undecided_by,
        metrics=list(_metrics(start, looks.last, margins)),
        slices=slices,
        changes=most_changed(judged),
        samples=len(judged.facts),
        clusters=looks.taken[-1].norms,
    )


def _decision(start: Comparison, looks: Looks, slices: Sequence[Slice]) -> Decision:
    """What was decided; slices may decide once everything is judged."""
    if start.obstacles:
        return "inconclusive"
    if start.rules.slices == "fail" and looks.is_complete and any(part.is_worse for part in slices):
        return "worse"
    return combine_decisions(looked.decision for looked in looks.last.values())


def _slices(start: Comparison, pairs: PairedScores, plan: LookPlan, margins: Mapping[Dimension, float]) -> list[Slice]:
    """Of each dimension, over the norms that it was judged on."""
    if start.looks is None:
        return []
    parts: dict[Dimension, PairedScores] = {}
    shrunk: dict[str, float] = {}
    for name, looked in start.looks.last.items():
        parts[name] = pairs.of_norms(frozenset(plan.norms[: looked.norms]))
        shrunk[name] = margins[name] * start.rules.shrink(name)
    return find_slices_of(parts, start.rules.alpha, shrunk)


def _metrics(
    start: Comparison, last: Mapping[Dimension, LookedAt], margins: Mapping[Dimension, float]
) -> Iterator[MetricResult]:
    for name, margin in margins.items():
        looked = last[name]
        yield MetricResult(
            name=name,
            difference=looked.difference,
            method=PAIRED,
            margin=margin,
            shrink=start.rules.shrink(name),
            decision=looked.decision,
            coverage=looked.coverage,
            lowest_bound=looked.lowest_bound,
        )


def _why_undecided(undecided: Sequence[LookedAt]) -> str:
    """Name the first obstacle among the undecided dimensions."""
    for looked in undecided:
        if looked.hangs_on_failures:
            return FAILURES_COULD_TURN_IT
        if looked.difference is None:
            return NO_COMPLETE_PAIR
        if looked.difference.reason:
            return looked.difference.reason
    return DATA_CANNOT_DECIDE
