"""The judge in force, asked again for verdicts that a run already has."""

from collections.abc import Iterable
from itertools import chain
from typing import Final

import numpy as np

from lmms_eval_cross import session
from lmms_eval_cross.benchmark.splits import split_of
from lmms_eval_cross.compare.pairs import FloatArray
from lmms_eval_cross.compare.rounds import Side, scores_of
from lmms_eval_cross.errors import JudgeSetupError, RunError
from lmms_eval_cross.judge.caller import Caution
from lmms_eval_cross.judging import open_judging
from lmms_eval_cross.runs.sample_record import JudgedAnswer
from lmms_eval_cross.settings import load_settings
from lmms_eval_cross.trust.stamp import JudgeStamp

_CAUTION: Final = Caution(finish_later="The same `compare ... --confirm` asks for the rest later.")


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
        self._settings = load_settings()
        for answer in _one_answer_a_split(sides):
            _check_same(answer, second_judge)
        self._judging = open_judging(self._settings, caution=_CAUTION)
        self.judge_id = self._judging.judge_id

    def __enter__(self) -> "JudgeAgain":
        return self

    def __exit__(self, *_: object) -> None:
        self._judging.close()

    def ask(self, answers: Iterable[JudgedAnswer], repeat: int) -> list[FloatArray]:
        """The scores of each answer; from the ledger where this repeat was asked before."""
        jobs = [session.job_for(answer.sample, answer.response, self._settings, repeat) for answer in answers]
        return [np.array(scores_of(outcomes)) for outcomes in self._judging.ask(jobs)]


def _one_answer_a_split(sides: Iterable[Side]) -> Iterable[JudgedAnswer]:
    """Within a round one stands for all of its split, which were judged alike."""
    answers: dict[str, JudgedAnswer] = {}
    for judged_round in chain.from_iterable(side.rounds for side in sides):
        for answer in judged_round.answers.values():
            answers[split_of(answer.sample)] = answer
    return answers.values()


def _check_same(answer: JudgedAnswer, second_judge: bool) -> None:
    """The data must be the run's own; the judge too, unless a second one was asked for."""
    split = split_of(answer.sample)
    now, then = session.provenance_for(split), answer.provenance
    if now.data_sha256 != then.data_sha256:
        raise RunError(f"--confirm needs the data that {split} was run on, and others are prepared; prepare those.")
    mine, theirs = JudgeStamp.of(now), JudgeStamp.of(then)
    trait = mine.differing_trait(theirs)
    if trait is not None and not second_judge:
        raise JudgeSetupError(
            f"--confirm asks the judge in force, whose {trait} is {mine.traits[trait]!r} and the runs' "
            f"{theirs.traits[trait]!r}; set CROSS_JUDGE_... to the runs' judge, or add --second-judge."
        )
