"""The sequential gate on runs: answers that are not judged yet, and the judge that is asked for some of them."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Final

from lmms_eval_cross import session
from lmms_eval_cross.benchmark.records import Dimension, Outcome
from lmms_eval_cross.benchmark.splits import split_of
from lmms_eval_cross.compare.comparison import Comparison, Rules
from lmms_eval_cross.compare.gating import AskFor, gate_by_looks
from lmms_eval_cross.compare.inputs import load_side, trusted_round
from lmms_eval_cross.compare.integrity import check_sealed
from lmms_eval_cross.compare.rounds import Round, Side, round_of
from lmms_eval_cross.errors import RunError
from lmms_eval_cross.files import without_home
from lmms_eval_cross.harness.answers_of_run import Answer, run_answers
from lmms_eval_cross.harness.preflight import check
from lmms_eval_cross.judge.caller import Caution
from lmms_eval_cross.judging import JudgeSession, open_judging, run_id
from lmms_eval_cross.ledger.store import Given, RunNote
from lmms_eval_cross.runs.run_files import LoggedRun, has_records
from lmms_eval_cross.runs.sample_record import JudgedAnswer, open_record
from lmms_eval_cross.settings import Settings, load_settings

_CAUTION: Final = Caution(finish_later="The same `gate` asks for the rest later.")


def gate_runs(
    baseline: Sequence[Path],
    candidate: Sequence[Path],
    rules: Rules,
    verify_replies: bool = True,
    sealed_only: bool = False,
) -> Comparison:
    """Judge what of two sides is not judged yet, look by look, and decide.

    Args:
        baseline: its rounds: runs, judged or made with --predict_only --log_samples, and baseline files.
        candidate: the same of the checkpoint under test.
        rules: margins, level and coverage.
        verify_replies: scores of judged runs are read anew from the judge's kept replies.
        sealed_only: a baseline file without a seal is refused.

    Raises:
        CrossError: a run can't be read, a margin names no dimension, or the judge can't be used.
    """
    session.forget_data()
    before, after = (load_side(paths, verify_replies, _round) for paths in (baseline, candidate))
    if sealed_only:
        check_sealed(before, after)
    unjudged = [answer for answer in _answers(before, after) if not answer.outcomes]
    if not unjudged:
        return gate_by_looks(before, after, rules, _nobody)
    check({split_of(answer.sample) for answer in unjudged}, judged=False)
    with _judge(load_settings(), RunNote(folder=without_home(candidate[0]))) as ask:
        return gate_by_looks(before, after, rules, ask)


def _round(run: LoggedRun, verify_replies: bool) -> Round:
    """A judged run as `compare` reads it, one that is not judged with answers that have no outcomes."""
    if any(map(has_records, run.own_samples.values())):
        return trusted_round(run, verify_replies)
    answers = list(chain.from_iterable(run_answers(run).values()))
    if any((answer.response.round or 1) > 1 for answer in answers):
        raise RunError(
            f"{run.name} has several answers to a sample; type `lmms-eval-cross judge`, and compare it then."
        )
    return round_of(run, map(_unjudged, answers))


def _unjudged(answer: Answer) -> JudgedAnswer:
    provenance = session.provenance_for(split_of(answer.sample))
    return JudgedAnswer(answer.sample, answer.response.text, provenance, {}, (), answer.response.reasoning)


def _answers(*sides: Side) -> Iterator[JudgedAnswer]:
    for one in chain.from_iterable(side.rounds for side in sides):
        yield from one.answers.values()


def _nobody(answers: Sequence[JudgedAnswer], _: Sequence[Dimension]) -> list[Mapping[Dimension, Outcome]]:
    """Stands for a judge where both sides are judged."""
    raise AssertionError(f"{len(answers)} answers have no outcomes")


@contextmanager
def _judge(settings: Settings, note: RunNote) -> Iterator[AskFor]:
    with open_judging(settings, caution=_CAUTION, note=note) as judging:
        yield partial(_ask, judging, settings)


def _ask(
    judging: JudgeSession, settings: Settings, answers: Sequence[JudgedAnswer], dimensions: Sequence[Dimension]
) -> list[Mapping[Dimension, Outcome]]:
    """Have answers judged on some dimensions; they stand in the ledger as those of a run that is judged in part."""
    outcomes: dict[int, Mapping[Dimension, Outcome]] = {}
    for place, answer in enumerate(answers):
        sample, response = answer.sample, answer.response
        record = open_record(sample, response, answer.provenance, answer.reasoning)
        given = Given(run_id(), sample.sample_id, response, record)
        job = session.job_for(sample, response, settings, dimensions=tuple(dimensions))
        judging.submit(job, partial(outcomes.__setitem__, place), given)
    judging.drain()
    return [outcomes[place] for place in range(len(answers))]
