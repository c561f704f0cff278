"""Ask again for every verdict, and see whether the decision holds."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from lmms_eval_cross.benchmark.records import DIMENSIONS
from lmms_eval_cross.compare.pairs import FloatArray, PairedScores
from lmms_eval_cross.compare.rounds import Side
from lmms_eval_cross.errors import RunError
from lmms_eval_cross.runs.sample_record import JudgedAnswer
from lmms_eval_cross.stats import Decision, Interval, mean_interval


@dataclass(frozen=True, slots=True)
class Confirmation:
    """What came of asking again."""

    judge_id: str
    """Who was asked."""
    answers: int
    """Answers judged again: all of both sides."""
    asked: int
    """Verdicts had, over all repeats."""
    flipped: int
    """Those that differ from the first verdict."""
    flips: Interval | None
    """Their share among verdicts that came twice, clustered by norm; None if none came."""
    failed: int
    """Verdicts that did not come."""
    decisions: tuple[Decision, ...]
    """What the gate decides with the verdicts of each repeat."""

    @property
    def flip_rate(self) -> float | None:
        """Percent of verdicts that differ from the first; None if none came."""
        if self.flips is None:
            return None
        return 100 * self.flips.mean

    def holds(self, decision: Decision) -> bool:
        """Whether every repeat decides the same."""
        return self.decisions.count(decision) == len(self.decisions)

    def objection(self, decision: Decision) -> str:
        """Why there is no verdict after all."""
        others = len(self.decisions) - self.decisions.count(decision)
        return (
            f"The decision was {decision!r}, but asked again it does not hold in {others} of {len(self.decisions)} "
            f"repeats ({self.flipped:,} of {self.asked:,} verdicts flipped)."
        )


Ask: TypeAlias = Callable[[Iterable[JudgedAnswer], int], list[FloatArray]]
"""Judge answers for the given repeat; an array of the four scores each, NaN for a failure."""


def confirm(
    baseline: Side,
    candidate: Side,
    pairs: PairedScores,
    decide: Callable[[PairedScores], Decision],
    repeats: int,
    ask: Ask,
    judge_id: str,
) -> Confirmation:
    """Judge all answers of both sides again, and decide with the new verdicts alone.

    Samples with equal scores are asked too: their verdicts flip as well, and left as they are they would pull every
    repeat towards the first decision.
    """
    sample_ids = [sample.sample_id for sample in pairs.facts]
    again: list[PairedScores] = []
    for repeat in range(1, repeats + 1):
        before = _ask_side(baseline, sample_ids, repeat, ask)
        again.append(PairedScores(pairs.facts, before, _ask_side(candidate, sample_ids, repeat, ask)))
    counts = sum((_counts(pairs, repeat) for repeat in again), np.zeros(3, dtype=np.intp))
    asked, flipped, failed = counts.tolist()
    answers = sum(len(one.answers) for one in (*baseline.rounds, *candidate.rounds))
    decisions = tuple(map(decide, again))
    return Confirmation(judge_id, answers, asked, flipped, _flips(pairs, again), failed, decisions)


def _counts(first: PairedScores, again: PairedScores) -> NDArray[np.intp]:
    """How many verdicts came, differ from the first, and failed where there was a first, shape (3,)."""
    before, after = _verdicts(first), _verdicts(again)
    came, known = ~np.isnan(after), ~np.isnan(before)
    flipped = came & known & (after != before)
    failed = known & ~came
    return np.array([came.sum(), flipped.sum(), failed.sum()], dtype=np.intp)


def _verdicts(pairs: PairedScores) -> FloatArray:
    """Of both sides, shape (samples, verdicts of a sample)."""
    rows = len(pairs.facts)
    return np.hstack([pairs.baseline.reshape(rows, -1), pairs.candidate.reshape(rows, -1)])


def _flips(first: PairedScores, again: Sequence[PairedScores]) -> Interval | None:
    """The share of verdicts that differ from the first, over all repeats."""
    before = np.hstack([_verdicts(first)] * len(again))
    after = np.hstack([_verdicts(repeat) for repeat in again])
    rows, columns = np.nonzero(~np.isnan(before) & ~np.isnan(after))
    if len(rows) == 0:
        return None
    flipped = before[rows, columns] != after[rows, columns]
    return mean_interval(flipped.astype(np.float64), np.array(first.clusters)[rows].tolist())


def _ask_side(side: Side, sample_ids: Sequence[str], repeat: int, ask: Ask) -> FloatArray:
    """Scores of shape (samples, rounds, dimensions), NaN where a round lacks a sample."""
    scores = np.full((len(sample_ids), len(side.rounds), len(DIMENSIONS)), np.nan)
    places: list[tuple[int, int]] = []
    answers: list[JudgedAnswer] = []
    for row, sample_id in enumerate(sample_ids):
        for column, one in enumerate(side.rounds):
            if sample_id in one.answers:
                places.append((row, column))
                answers.append(one.answers[sample_id])
    for place, four_scores in zip(places, ask(answers, repeat), strict=True):
        scores[place] = four_scores
    return scores


def check_confirmable(baseline: Side, candidate: Side) -> None:
    """Check that both sides hold their answers.

    Raises:
        RunError: a round was read from a baseline file, which has none.
    """
    for one in (*baseline.rounds, *candidate.rounds):
        if not one.answers:
            raise RunError(f"--confirm judges answers again, and {one.name} comes from a baseline file; give its run.")
