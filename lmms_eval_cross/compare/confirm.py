"""Ask again for the verdicts that decide, and see whether the decision holds."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from lmms_eval_cross.benchmark.records import DIMENSIONS
from lmms_eval_cross.compare.changes import most_changed
from lmms_eval_cross.compare.pairs import FloatArray, PairedScores, replaced
from lmms_eval_cross.compare.rounds import Side
from lmms_eval_cross.errors import RunError
from lmms_eval_cross.runs.sample_record import JudgedAnswer
from lmms_eval_cross.stats import Decision

Answers: TypeAlias = list[Mapping[str, JudgedAnswer]]
"""For each round of a side, the answers by sample id."""


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
        return 100 * self.flipped / self.asked if self.asked else None

    def holds(self, decision: Decision) -> bool:
        """Whether every repeat decides the same."""
        return all(each == decision for each in self.decisions)

    def objection(self, decision: Decision) -> str:
        """Why there is no verdict after all."""
        others = sum(each != decision for each in self.decisions)
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
    names = [each.sample_id for each in most_changed(pairs, most=len(pairs.facts))]
    rows = {each.sample_id: place for place, each in enumerate(pairs.facts)}
    first = [side[[rows[name] for name in names]] for side in (pairs.baseline, pairs.candidate)]
    decisions: list[Decision] = []
    asked = flipped = failed = 0
    for repeat in range(1, repeats + 1):
        again = [_ask_side(side, names, repeat, ask) for side in (baseline, candidate)]
        for old, new in zip(first, again, strict=True):
            had = ~np.isnan(new)
            asked += int(had.sum())
            failed += int((~had & ~np.isnan(old)).sum())
            flipped += int((had & ~np.isnan(old) & (new != old)).sum())
        decisions.append(decide(replaced(pairs, *(dict(zip(names, new, strict=True)) for new in again))))
    answers = len(names) * (len(baseline.rounds) + len(candidate.rounds))
    return Confirmation(judge_id, answers, asked, flipped, failed, tuple(decisions))


def _ask_side(side: Side, names: list[str], repeat: int, ask: Ask) -> FloatArray:
    """Scores of shape (names, rounds, dimensions)."""
    scores = np.full((len(names), len(side.rounds), len(DIMENSIONS)), np.nan)
    places = [(i, j) for i, name in enumerate(names) for j, each in enumerate(side.rounds) if name in each.answers]
    answers = [side.rounds[j].answers[names[i]] for i, j in places]
    for place, given in zip(places, ask(answers, repeat), strict=True):
        scores[place] = given
    return scores


def check_confirmable(baseline: Side, candidate: Side) -> None:
    """Check that both sides hold their answers.

    Raises:
        RunError: a round was read from a baseline file, which has none.
    """
    for each in (*baseline.rounds, *candidate.rounds):
        if not each.answers:
            raise RunError(f"--confirm judges answers again, and {each.name} comes from a baseline file; give its run.")
