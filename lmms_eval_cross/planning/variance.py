"""Where the error of a comparison comes from: components estimated from runs, and assumed where they can't be."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import sqrt
from typing import Final

import numpy as np

from lmms_eval_cross.benchmark.records import DIMENSIONS, Dimension
from lmms_eval_cross.compare.pairs import FloatArray, PairedScores, pair_scores
from lmms_eval_cross.compare.rounds import Side
from lmms_eval_cross.planning.shapes import Shape, item_of
from lmms_eval_cross.stats import NestedVariance, nested_variance
from lmms_eval_cross.trust.agreement_report import self_consistency
from lmms_eval_cross.trust.anchor import Anchor

ASSUMED_RATE: Final = 0.6
ASSUMED_DIFFERENCE: Final = 1.3
"""Variance of the difference between two models' verdicts, over rate (1 - rate): that of our simulation at `strong`
correlation within norms (docs/statistics.md), where 31% of the verdicts differ at a rate of 60%."""
LEAST_VARIANCE: Final = 0.02
"""Of one verdict, where the rate is near 0 or 1: the next model's need not be."""
ASSUMED_SHARES: Final = (0.16, 0.21, 0.18, 0.45)
"""Of it, in the same simulation: norm, item, wording, and what is drawn anew in each round."""
ASSUMED_ANEW: Final = 0.72
"""Of what lies within an item, in the same simulation: drawn anew in each round."""
ASSUMED_FLIPS: Final = 0.05
"""Verdicts that differ when a judge is asked twice."""


@dataclass(frozen=True, slots=True)
class Components:
    """Variances of candidate minus baseline on one dimension, one verdict a side, on a squared 0..1 scale."""

    dimension: Dimension
    norm: float
    item: float
    wording: float
    """Wordings and translations of an item."""
    generation: float
    """What another round draws anew, the judge's part taken off."""
    judge: float
    """What another asking draws anew."""
    rate: float
    """The baseline's."""

    def error(self, shape: Shape, rounds: int, repeats: int) -> float:
        """Standard error of the difference, on a 0..1 scale."""
        between = self.norm * shape.norm_weight + self.item * shape.item_weight
        within = self.wording + self.generation / rounds + self.judge / (rounds * repeats)
        return sqrt(between + within / shape.samples)


@dataclass(frozen=True, slots=True)
class Estimated:
    """Components, and a sentence for each that is assumed."""

    components: Sequence[Components]
    assumptions: Sequence[str]


def estimate_components(
    sides: Sequence[Side], anchor: Anchor | None, rate: float | None, flips: float | None
) -> Estimated:
    """Components of all dimensions.

    Args:
        sides: two finished runs, or one, or none; several rounds of a side show what a round draws anew.
        anchor: judged several times by one judge, which shows what another asking draws anew.
        rate: of the baseline, 0..1, where there is no run.
        flips: share of verdicts that differ when the judge is asked twice, where there is no such anchor.
    """
    if sides:
        pairs = pair_scores(sides[0], sides[-1])
        found = [RunsShow.of_pairs(pairs, name, len(sides)) for name in DIMENSIONS]
    else:
        found = [RunsShow(name) for name in DIMENSIONS]
    components: list[Components] = []
    for of_dimension in found:
        judge = _flips(anchor, of_dimension.dimension)
        components.append(of_dimension.components(rate or ASSUMED_RATE, judge, flips or ASSUMED_FLIPS))
    return Estimated(components, list(_assumptions(found, anchor, rate, flips)))


@dataclass(frozen=True, slots=True)
class RunsShow:
    """What runs show of one dimension; None for what they don't."""

    dimension: Dimension
    rate: float | None = None
    between: NestedVariance | None = None
    """Of the difference of the means over rounds: norm, item, and what lies within an item."""
    anew: float | None = None
    """What a round draws anew, of both sides together."""
    averaged: float = 1.0
    """What is left of that in the means over rounds."""

    @classmethod
    def of_pairs(cls, pairs: PairedScores, dimension: Dimension, runs: int) -> RunsShow:
        """What one run, given as both sides, or two show."""
        tables = pairs.rounds(dimension)
        before, after = pairs.means(dimension)
        rate = float(np.nanmean(before)) if not np.isnan(before).all() else None
        known = [noise for noise in map(_within, tables[:runs]) if noise is not None]
        anew = 2 * float(np.mean(known)) if known else None
        if runs < 2:
            return cls(dimension, rate, None, anew)
        averaged = float(np.mean([1 / table.shape[1] for table in tables]))
        return cls(dimension, rate, _between(pairs, after - before), anew, averaged)

    def components(self, rate: float, judge: float | None, assumed_flips: float) -> Components:
        """With assumptions for what is not known; `rate` where no run tells it."""
        level = rate if self.rate is None else self.rate
        total = ASSUMED_DIFFERENCE * max(LEAST_VARIANCE, level * (1 - level))
        norm, item, wording, anew = (share * total for share in ASSUMED_SHARES)
        if self.between is not None:
            norm, item, rest = self.between.cluster, self.between.part, self.between.rest
            anew = ASSUMED_ANEW * rest / (1 - ASSUMED_ANEW + ASSUMED_ANEW * self.averaged)
            if self.anew is not None:
                anew = self.anew
            wording = max(0.0, rest - anew * self.averaged)
        elif self.anew is not None:
            anew = self.anew
        # who differs in a share d of two askings has a variance of d / 2 within an answer, and there are two sides
        of_judge = min(anew, assumed_flips if judge is None else judge)
        return Components(self.dimension, norm, item, wording, anew - of_judge, of_judge, level)


def _between(pairs: PairedScores, change: FloatArray) -> NestedVariance | None:
    """Of a difference, shape (samples,), NaN where a side has no verdict."""
    scored = np.flatnonzero(~np.isnan(change))
    if len(scored) == 0:
        return None
    facts = [pairs.facts[place] for place in scored]
    return nested_variance(change[scored], [sample.norm_id for sample in facts], map(item_of, facts))


def _within(table: FloatArray) -> float | None:
    """The variance between rounds, shape (samples, rounds), of samples with two verdicts or more; None without any."""
    scored = table[(~np.isnan(table)).sum(axis=1) > 1]
    if len(scored) == 0:
        return None
    return float(np.nanvar(scored, axis=1, ddof=1).mean())


def _flips(anchor: Anchor | None, dimension: Dimension) -> float | None:
    """The share of verdicts that differ when the anchor's latest judge is asked twice."""
    consistent = self_consistency(anchor, dimension) if anchor is not None else None
    if consistent is None or consistent.agreement is None:
        return None
    return 1 - consistent.agreement


def _assumptions(
    found: Sequence[RunsShow], anchor: Anchor | None, rate: float | None, flips: float | None
) -> Iterator[str]:
    """A sentence for each component that no run shows, and how it could be known."""
    yield "A translation varies as another wording does, and two models differ equally in all countries."
    if any(one.rate is None for one in found):
        given = "given" if rate else "assumed"
        yield f"The baseline's rate is {given}: {100 * (rate or ASSUMED_RATE):g}%."
    if any(one.between is None for one in found):
        yield (
            "Norm, item and wording are assumed, as in our simulation at strong correlation; two runs (BASELINE "
            "CANDIDATE) show them."
        )
    if any(one.anew is None for one in found):
        yield (
            "What a round draws anew is assumed, as in the same simulation; a run with several rounds (`run --rounds`) "
            "shows it."
        )
    if any(_flips(anchor, one.dimension) is None for one in found):
        given = "given" if flips else "assumed"
        yield (
            f"Judge noise is {given}: {100 * (flips or ASSUMED_FLIPS):g}% of verdicts differ when asked twice; an "
            "anchor judged twice (`anchor judge --repeats 2`, then --anchor) shows it."
        )
