"""What a sequential gate decides at one look, and what it had to go by."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from lmms_eval_cross.benchmark.records import Dimension
from lmms_eval_cross.compare.pairs import PairedScores
from lmms_eval_cross.stats import (
    Decision,
    FailureBounds,
    PairedDifference,
    bounds_with_failures,
    gate_decision,
    nominal_levels,
)
from lmms_eval_cross.stats.paired import bounds


@dataclass(frozen=True, slots=True)
class LookLevels:
    """The one-sided levels of one look, so that all looks together spend no more than they may."""

    alpha: float
    """What all looks together may spend on "not worse"."""
    not_worse: float
    """Of the lower bound; one dimension needs no part of it for itself, for all are needed."""
    worse: float
    """Of the upper bound; all looks together: alpha / k for k gated dimensions."""
    both: float
    """Of each end of the two-sided interval; all looks together: alpha / 2."""


def plan_levels(alpha: float, worse_alpha: float, fractions: Sequence[float]) -> list[LookLevels]:
    """The levels of each look.

    Args:
        alpha: for "not worse", which all dimensions need, so that none is corrected.
        worse_alpha: for "worse" of one dimension, its part of what false alarms may take.
        fractions: of the information, at each look.
    """
    shares = (nominal_levels(level, fractions) for level in (alpha, worse_alpha, alpha / 2))
    return [LookLevels(alpha, *levels) for levels in zip(*shares, strict=True)]


@dataclass(frozen=True, slots=True)
class LookedAt:
    """One dimension at one look."""

    dimension: Dimension
    norms: int
    """That it was judged on."""
    difference: PairedDifference | None
    """Of complete pairs, with bounds at the levels of the look: they hold whenever the gate stops (repeated confidence
    intervals; Jennison & Turnbull, JRSS B 1989). None without a pair."""
    lowest_bound: float | None
    """The lowest lower bound, failures left out or filled either way."""
    decision: Decision
    """The same for complete pairs and both extreme fillings, else inconclusive."""
    by_pairs: Decision
    """On complete pairs alone."""
    coverage: tuple[float, float]
    """Percent of verdicts among what was judged, baseline and candidate."""

    @property
    def hangs_on_failures(self) -> bool:
        """Complete pairs alone would decide."""
        return self.by_pairs != self.decision

    def put_off(self) -> LookedAt:
        """The same, deciding nothing yet."""
        return replace(self, decision="inconclusive", by_pairs="inconclusive")


@dataclass(frozen=True, slots=True)
class Look:
    """What was there at one look."""

    norms: int
    samples: int
    fraction: float
    """Of the information, as planned before."""
    levels: LookLevels
    asked: int
    """Verdicts that were asked for so far, of both sides."""
    dimensions: Sequence[LookedAt]
    """Those that were not decided before."""


def look_at(pairs: PairedScores, dimension: Dimension, margin: float, levels: LookLevels) -> LookedAt:
    """Decide one dimension at one look; `margin` on a 0..1 scale."""
    below = _views(_bounds(pairs, dimension, levels.not_worse))
    above = _views(_bounds(pairs, dimension, levels.worse))
    decisions = [_decide(low, high, margin) for low, high in zip(below, above, strict=True)]
    decision = decisions[0]
    if len(set(decisions)) > 1:
        decision = "inconclusive"
    lower_bounds = [view.lower_bound for view in below if view is not None and view.lower_bound is not None]
    return LookedAt(
        dimension,
        len(set(pairs.clusters)),
        _combined(below[0], above[0], levels),
        min(lower_bounds, default=None),
        decision,
        decisions[0],
        pairs.coverage(dimension),
    )


def _bounds(pairs: PairedScores, dimension: Dimension, level: float) -> FailureBounds:
    return bounds_with_failures(*pairs.rounds(dimension), pairs.clusters, level, skew_safe=True)


def _views(found: FailureBounds) -> tuple[PairedDifference | None, ...]:
    return found.complete, found.against, found.in_favour


def _decide(low: PairedDifference | None, high: PairedDifference | None, margin: float) -> Decision:
    if low is None or high is None:
        return "inconclusive"
    return gate_decision(low.lower_bound, high.upper_bound, margin)


def _combined(
    low: PairedDifference | None, high: PairedDifference | None, levels: LookLevels
) -> PairedDifference | None:
    if low is None or high is None:
        return None
    ends = bounds(low.difference, low.clusters, low.standard_error, levels.both)
    return replace(low, upper_bound=high.upper_bound, low=ends[0], high=ends[1], alpha=levels.alpha)


@dataclass(frozen=True, slots=True)
class Looks:
    """The looks of a sequential gate, and what it would have asked for at most."""

    taken: Sequence[Look]
    planned: int
    order: str
    """A hash of the data and of both runs' answers, by which norms were ordered."""
    norms: int
    verdicts: int
    """Of the gated dimensions that were not judged at the start, on both sides."""

    @property
    def last(self) -> Mapping[Dimension, LookedAt]:
        """How each dimension stood when it was looked at last: when it was decided, or at the last look."""
        last: dict[Dimension, LookedAt] = {}
        for look in self.taken:
            last.update({looked.dimension: looked for looked in look.dimensions})
        return last

    @property
    def is_complete(self) -> bool:
        """Nothing is left to be looked at."""
        return len(self.taken) == self.planned
