"""Both sides' scores, sample by sample: the table that a comparison works on."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lmms_eval_cross.benchmark.records import DIMENSIONS, Dimension
from lmms_eval_cross.compare.rounds import UNJUDGED, SampleFacts, Side
from lmms_eval_cross.stats import average_rounds

FloatArray = NDArray[np.float64]


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
        return [sample.norm_id for sample in self.facts]

    def rounds(self, dimension: Dimension) -> tuple[FloatArray, FloatArray]:
        """Baseline and candidate of one dimension, each of shape (samples, rounds)."""
        place = DIMENSIONS.index(dimension)
        return self.baseline[:, :, place], self.candidate[:, :, place]

    def means(self, dimension: Dimension) -> tuple[FloatArray, FloatArray]:
        """Baseline and candidate averaged over the rounds that have a verdict, shape (samples,)."""
        before, after = self.rounds(dimension)
        return average_rounds(before), average_rounds(after)

    def of_norms(self, norms: Collection[str]) -> "PairedScores":
        """The samples of these norms alone."""
        chosen = [place for place, sample in enumerate(self.facts) if sample.norm_id in norms]
        return PairedScores(tuple(self.facts[place] for place in chosen), self.baseline[chosen], self.candidate[chosen])

    def coverage(self, dimension: Dimension) -> tuple[float, float]:
        """Percent of the baseline's verdicts that are there, and of the candidate's."""
        before, after = self.rounds(dimension)
        return _coverage(before), _coverage(after)


def pair_scores(baseline: Side, candidate: Side) -> PairedScores:
    """Pair two sides by sample id."""
    facts = dict(sorted({**baseline.facts, **candidate.facts}.items()))
    sample_ids = list(facts)
    return PairedScores(tuple(facts.values()), _table(sample_ids, baseline), _table(sample_ids, candidate))


def _table(sample_ids: Sequence[str], side: Side) -> FloatArray:
    table = np.empty((len(sample_ids), len(side.rounds), len(DIMENSIONS)))
    for column, one in enumerate(side.rounds):
        table[:, column] = [one.scores.get(sample_id, UNJUDGED) for sample_id in sample_ids]
    return table


def _coverage(scores: FloatArray) -> float:
    return float(100 * np.mean(~np.isnan(scores)))
