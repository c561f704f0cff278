"""Both sides' scores, sample by sample: the table that a comparison works on."""

from collections.abc import Mapping
from dataclasses import dataclass
from math import nan
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lmms_eval_cross.benchmark.records import DIMENSIONS, Dimension
from lmms_eval_cross.compare.rounds import SampleFacts, Scores, Side
from lmms_eval_cross.stats import average_rounds

FloatArray = NDArray[np.float64]
_MISSING: Scores = (nan,) * len(DIMENSIONS)


@dataclass(frozen=True, slots=True)
class PairedScores:
    """Scores of every sample that stands on either side; a sample that a round lacks is NaN there, as a failure."""

    facts: tuple[SampleFacts, ...]
    baseline: FloatArray
    """Shape (samples, rounds, dimensions), 0, 1 or NaN."""
    candidate: FloatArray
    """The same; rounds may differ in number."""

    @property
    def clusters(self) -> list[str]:
        """The norm of each sample."""
        return [each.norm_id for each in self.facts]

    def rounds(self, dimension: Dimension) -> tuple[FloatArray, FloatArray]:
        """Baseline and candidate of one dimension, each of shape (samples, rounds)."""
        place = DIMENSIONS.index(dimension)
        return self.baseline[:, :, place], self.candidate[:, :, place]

    def means(self, dimension: Dimension) -> tuple[FloatArray, FloatArray]:
        """Baseline and candidate averaged over the rounds that have a verdict, shape (samples,)."""
        before, after = self.rounds(dimension)
        return average_rounds(before), average_rounds(after)


def pair_scores(baseline: Side, candidate: Side) -> PairedScores:
    """Pair two sides by sample id."""
    facts = {**baseline.facts, **candidate.facts}
    names = sorted(facts)
    return PairedScores(tuple(facts[name] for name in names), _table(names, baseline), _table(names, candidate))


def _table(names: list[str], side: Side) -> FloatArray:
    return np.array([[each.scores.get(name, _MISSING) for each in side.rounds] for name in names], dtype=np.float64)


def coverage(scores: NDArray[Any]) -> float:
    """Percent of verdicts that are there."""
    return float(100 * np.mean(~np.isnan(scores)))


def replaced(
    pairs: PairedScores, baseline: Mapping[str, FloatArray], candidate: Mapping[str, FloatArray]
) -> PairedScores:
    """`pairs` with other scores, shape (rounds, dimensions), for some sample ids."""
    before, after = pairs.baseline.copy(), pairs.candidate.copy()
    for place, each in enumerate(pairs.facts):
        before[place] = baseline.get(each.sample_id, before[place])
        after[place] = candidate.get(each.sample_id, after[place])
    return PairedScores(pairs.facts, before, after)
