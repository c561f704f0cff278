"""Ask again for the verdicts that decide, and see whether the decision holds."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from lmms_eval_cross.benchmark.records import DIMENSIONS
from lmms_eval_cross.compare.changes import most_changed
from lmms_eval_cross.compare.pairs import FloatArray, PairedScores, replaced
from lmms_eval_cross.compare.rounds import Side
from lmms_eval_cross.errors import RunError
from lmms_eval_cross.runs.sample_record import JudgedAnswer
from lmms_eval_cross.stats import Decision


@dataclass(frozen=True, slots=True)
class Confirmation:
    """What came of asking again."""

    judge_id: str
    """Who was asked."""
    answers: int
    """Answers judged again: those of samples whose scores differ between the sides, on both sides."""
    asked: int
    """Verdicts had, over all repeats."""
    flipped: int
    """Those that differ from the first verdict."""
    failed: int
    """Verdicts that did not come."""
    decisions: tuple[Decision, ...]
    """What the gate decides with the verdicts of each repeat."""

    @property
    def flip_rate(self) -> float | None:
        """Percent of verdicts that differ from the first; None if none came."""
        if not self.asked:
            return None
        return 100 * self.flipped / self.asked

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
    """Judge again, on both sides, the samples whose scores differ, and decide with the new verdicts.

    Samples with equal scores on both sides move no difference and are left as they are.
    """
    sample_ids = [change.sample_id for change in most_changed(pairs, most=len(pairs.facts))]
    rows = pairs.rows(sample_ids)
    counts = np.zeros(3, dtype=np.intp)
    decisions: list[Decision] = []
    for repeat in range(1, repeats + 1):
        before = _ask_side(baseline, sample_ids, repeat, ask)
        after = _ask_side(candidate, sample_ids, repeat, ask)
        counts += _counts(pairs.baseline[rows], before) + _counts(pairs.candidate[rows], after)
        decisions.append(decide(replaced(pairs, rows, before, after)))
    answers = len(sample_ids) * (len(baseline.rounds) + len(candidate.rounds))
    asked, flipped, failed = counts.tolist()
    return Confirmation(judge_id, answers, asked, flipped, failed, tuple(decisions))


def _counts(first: FloatArray, again: FloatArray) -> NDArray[np.intp]:
    """How many verdicts came, differ from the first, and failed where there was a first, shape (3,)."""
    came, known = ~np.isnan(again), ~np.isnan(first)
    flipped = came & known & (again != first)
    failed = known & ~came
    return np.array([came.sum(), flipped.sum(), failed.sum()], dtype=np.intp)


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
