"""Ask again for the verdicts that decide, and see whether the decision holds."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from lmms_eval_cross.benchmark.records import DIMENSIONS
from lmms_eval_cross.benchmark.splits import split_of
from lmms_eval_cross.compare.changes import most_changed
from lmms_eval_cross.compare.pairs import FloatArray, PairedScores, replaced
from lmms_eval_cross.compare.rounds import Side, scores_of
from lmms_eval_cross.errors import JudgeSetupError, RunError
from lmms_eval_cross.runs.sample_record import JudgedAnswer
from lmms_eval_cross.stats import Decision
from lmms_eval_cross.trust.stamp import JudgeStamp


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


class JudgeAgain:
    """The judge in force, asked for verdicts that a run already has."""

    def __init__(self, sides: Iterable[Side], second_judge: bool) -> None:
        """Open the judge.

        Args:
            sides: whose answers will be judged.
            second_judge: another judge than the runs' may speak.

        Raises:
            JudgeSetupError: the judge can't be used, or is not the runs' own without `second_judge`.
            NotPreparedError: the samples' images are not there.
        """
        from lmms_eval_cross.judging import open_judging
        from lmms_eval_cross.settings import load_settings

        self._settings = load_settings()
        for answer in _one_answer_a_split(sides):
            _check_same(answer, second_judge)
        self._judging = open_judging(self._settings)
        self.judge_id = self._judging.judge_id

    def __enter__(self) -> "JudgeAgain":
        return self

    def __exit__(self, *_: object) -> None:
        self._judging.close()

    def ask(self, answers: Iterable[JudgedAnswer], repeat: int) -> list[FloatArray]:
        """The scores of each answer; from the ledger where this repeat was asked before."""
        from lmms_eval_cross import session

        jobs = [session.job_for(answer.sample, answer.response, self._settings, repeat) for answer in answers]
        return [np.array(scores_of(outcomes)) for outcomes in self._judging.ask(jobs)]


def _one_answer_a_split(sides: Iterable[Side]) -> Iterable[JudgedAnswer]:
    """Within a round one stands for all of its split, which were judged alike."""
    answers: dict[str, JudgedAnswer] = {}
    for one in chain.from_iterable(side.rounds for side in sides):
        for answer in one.answers.values():
            answers[split_of(answer.sample)] = answer
    return answers.values()


def _check_same(answer: JudgedAnswer, second_judge: bool) -> None:
    """The data must be the run's own; the judge too, unless a second one was asked for."""
    from lmms_eval_cross.session import provenance_for

    split = split_of(answer.sample)
    now, then = provenance_for(split), answer.provenance
    if now.data_sha256 != then.data_sha256:
        raise RunError(f"--confirm needs the data that {split} was run on, and others are prepared; prepare those.")
    mine, theirs = JudgeStamp.of(now), JudgeStamp.of(then)
    trait = mine.differing_trait(theirs)
    if trait is not None and not second_judge:
        raise JudgeSetupError(
            f"--confirm asks the judge in force, whose {trait} is {mine.traits[trait]!r} and the runs' "
            f"{theirs.traits[trait]!r}; set CROSS_JUDGE_... to the runs' judge, or add --second-judge."
        )
