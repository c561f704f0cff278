"""Judge the answers of a run that have no verdict yet, and write the run anew; nothing is overwritten."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from lmms_eval_cross import session
from lmms_eval_cross.benchmark.records import DIMENSIONS, Dimension, JudgeFailure, Outcome, Verdict
from lmms_eval_cross.benchmark.splits import SPLITS
from lmms_eval_cross.errors import RunError
from lmms_eval_cross.harness.answers_of_run import Answer, ledger_answers, prepared_samples, run_answers
from lmms_eval_cross.harness.preflight import check
from lmms_eval_cross.harness.results_files import build_results, write_run
from lmms_eval_cross.judge.job import judge_identity
from lmms_eval_cross.judging import JudgeSession, open_judging
from lmms_eval_cross.ledger.steady import SteadyLedger, open_ledger
from lmms_eval_cross.ledger.store import Entry
from lmms_eval_cross.runs.run_files import load_run
from lmms_eval_cross.runs.sample_record import RECORD, Provenance, read_record
from lmms_eval_cross.runs.scorecard import Scorecard, Why, any_incomplete, build_scorecards, whys
from lmms_eval_cross.settings import Settings, load_settings
from lmms_eval_cross.trust.stamp import JudgeStamp

Item = TypeVar("Item")
Answers = Mapping[str, list[Answer]]


@dataclass(frozen=True)
class Judged:
    """A run that was judged and written."""

    results_file: Path
    """Of the run as it stands now."""
    changed: bool
    """Some outcome is new, and so is the results file."""
    scorecards: Mapping[str, Mapping[Dimension, Scorecard]]
    """Task -> dimension -> counts and mean."""
    incomplete: frozenset[str]
    """The tasks with too few verdicts."""
    missing: Sequence[Why]
    """Why verdicts are missing, one for each that is."""


def judge_run(path: Path, output: Path | None = None, retry_failed: bool = False, batch: bool = False) -> Judged:
    """Judge a run's folder, results file or samples file; without `output`, nothing is written if nothing is new.

    Args:
        path: of the run, judged in part, or made with --predict_only --log_samples.
        output: the folder to write into; by default beside the run.
        retry_failed: ask again also for failures that are not of the moment, such as unparsable replies.
        batch: ask through the Batch API, at half the price and within a day; what comes back without an answer is
            asked as usual afterwards.

    Raises:
        CrossError: the run can't be read, was judged by another judge or on other data, or can't be written.
    """
    run = load_run(path)
    answers = run_answers(run)
    folder = output or next(iter(run.files.values())).parent
    others = {task: file for task, file in run.files.items() if task not in answers}
    standing = run.results_file if output is None else None
    return _judge(run.results, answers, folder, others, retry_failed, batch, session.RUN, standing)


def judge_ledger_run(run_ids: Sequence[str], output: Path, retry_failed: bool = False, batch: bool = False) -> Judged:
    """Judge the answers that a run left in the ledger, under one id or one a rank; its model is not known there.

    Raises:
        CrossError: there are no such answers, or the data or the judge are not those of the run.
    """
    with closing(open_ledger(load_settings())) as ledger:
        answers = ledger_answers(ledger, run_ids)
    base = {"config": {"model": f"run {run_ids[0]}", "model_args": ""}}
    return _judge(base, answers, output, {}, retry_failed, batch, run_ids[0])


def _judge(
    base: Mapping[str, Any],
    answers: Answers,
    folder: Path,
    others: Mapping[str, Path],
    retry_failed: bool,
    batch: bool,
    run_id: str,
    standing: Path | None = None,
) -> Judged:
    """Judge and write; a results file that stands already is left to stand if no outcome is new."""
    settings = load_settings()
    provenances = {task: session.provenance_for(SPLITS[task]) for task in answers}
    known = _known_outcomes(settings, answers)
    check({SPLITS[task] for task in answers}, judged=False)
    with open_judging(settings, partial(RunLedger, known=known, retry_failed=retry_failed)) as judging:
        if batch:
            judging.ask_in_batches(session.job_for(each.sample, each.response, settings) for each in _each(answers))
        rows = _ask(judging, answers, run_id)
    scorecards = {task: _scorecards(lines) for task, lines in rows.items()}
    incomplete = {task for task, cards in scorecards.items() if any_incomplete(cards, settings.min_coverage)}
    sizes = {task: len(prepared_samples(SPLITS[task])) for task in answers}
    stays = None if any(map(_is_new, _each(answers), _each(rows))) else standing
    results_file = stays or write_run(folder, build_results(base, rows, provenances, sizes, incomplete), rows, others)
    missing = whys(read_record(line[RECORD]).outcomes for line in _each(rows))
    return Judged(results_file, stays is None, scorecards, frozenset(incomplete), missing)


def _each(by_task: Mapping[str, Sequence[Item]]) -> Iterator[Item]:
    return (item for items in by_task.values() for item in items)


def _is_new(answer: Answer, line: Mapping[str, Any]) -> bool:
    """Whether the line tells of an answer what was not known of it."""
    return answer.judged is None or answer.judged.outcomes != read_record(line[RECORD]).outcomes


class RunLedger(SteadyLedger):
    """The ledger, and before it the verdicts that the run holds already."""

    def __init__(self, path: Path, journal: str, known: Mapping[str, Outcome], retry_failed: bool) -> None:
        super().__init__(path, journal)
        self._known, self._retry_failed = known, retry_failed
        self._written: set[str] = set()

    def find(self, key: str, host: str | None) -> Outcome | None:
        """The outcome under a key; None also for a failure of earlier that shall be tried again."""
        known = self._known.get(key)
        if known is None or isinstance(known, JudgeFailure):
            known = super().find(key, host) or known
        tries_again = self._retry_failed and key not in self._written
        return None if tries_again and isinstance(known, JudgeFailure) else known

    def record_verdict(self, entry: Entry, outcome: Outcome) -> None:
        """Write an outcome; should it be a failure, it is not tried again by this process."""
        super().record_verdict(entry, outcome)
        self._written.add(entry.key)


def _known_outcomes(settings: Settings, answers: Answers) -> dict[str, Outcome]:
    """Verdict key -> outcome, of what is judged already; another judge's failures are not known.

    Raises:
        RunError: another judge gave verdicts.
    """
    judge = judge_identity(settings)
    has_verdicts = any(map(_has_verdict, _each(answers)))
    known: dict[str, Outcome] = {}
    for task, answer in ((task, answer) for task, all_of_task in answers.items() for answer in all_of_task):
        if answer.judged is None:
            continue
        difference = _other_judge(answer.judged.provenance, session.provenance_for(SPLITS[task]))
        if difference and has_verdicts:
            raise RunError(
                f"{task} was judged with {difference}; verdicts of two judges are never mixed, so set CROSS_JUDGE_... "
                "as they were for the run."
            )
        job = session.job_for(answer.sample, answer.response, settings)
        for name in () if difference else DIMENSIONS:
            outcome = answer.judged.outcomes[name]
            if not (isinstance(outcome, JudgeFailure) and outcome.reason == "no_response"):
                known[job.key(judge, name).digest] = outcome
    return known


def _has_verdict(answer: Answer) -> bool:
    return answer.judged is not None and any(isinstance(each, Verdict) for each in answer.judged.outcomes.values())


def _other_judge(was: Provenance, now: Provenance) -> str | None:
    """How the judge that was differs from the one in force; None if it does not."""
    before, after = JudgeStamp.of(was), JudgeStamp.of(now)
    trait = before.differing_trait(after)
    if trait is None:
        return None
    return f"{trait} {before.traits[trait]!r}, and the settings in force say {after.traits[trait]!r}"


def _ask(judging: JudgeSession, answers: Answers, run_id: str) -> dict[str, list[dict[str, Any]]]:
    """Task -> lines with metrics and records, every answer judged."""
    items = {
        task: [session.submit(answer.sample, answer.response, judging, run_id) for answer in all_of_task]
        for task, all_of_task in answers.items()
    }
    judging.drain()
    return {
        task: [_line(answer, item) for answer, item in zip(answers[task], items[task], strict=True)] for task in items
    }


def _line(answer: Answer, items: Mapping[str, session.PendingItem]) -> dict[str, Any]:
    """lmms-eval's line with our metrics in the places that they have after a judged run."""
    for item in items.values():
        item.settle()
    row = {name: value for name, value in answer.row.items() if name not in {"bypass", "input"}}
    judged = {name: dict(item) for name, item in items.items()}
    return {**row, **judged, "input": answer.row.get("input", answer.sample.query)}


def _scorecards(lines: Iterable[Mapping[str, Any]]) -> dict[Dimension, Scorecard]:
    return build_scorecards(read_record(line[RECORD]).outcomes for line in lines)
