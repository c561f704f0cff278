"""Judge the answers of a run that have no verdict yet, and write the run anew; nothing is overwritten."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from functools import partial
from itertools import chain, groupby
from pathlib import Path
from typing import Any, TypeAlias

from lmms_eval_cross import session
from lmms_eval_cross.benchmark.records import Dimension, JudgeFailure, Outcome, Verdict
from lmms_eval_cross.benchmark.splits import SPLITS, split_of
from lmms_eval_cross.errors import RunError
from lmms_eval_cross.harness.answers_of_run import Answer, ledger_answers, prepared_samples, run_answers
from lmms_eval_cross.harness.preflight import check
from lmms_eval_cross.harness.raised_limit import is_raised, standing
from lmms_eval_cross.harness.results_files import JudgedTask, build_results, write_run
from lmms_eval_cross.harness.run_note import note_of_results
from lmms_eval_cross.judge.job import Job, JudgeIdentity, judge_identity, seated
from lmms_eval_cross.judging import JudgeSession, open_judging, run_id
from lmms_eval_cross.ledger.address import Address
from lmms_eval_cross.ledger.run_lines import noted_model
from lmms_eval_cross.ledger.steady import SteadyLedger, open_ledger
from lmms_eval_cross.ledger.store import Filing, Place, RunNote
from lmms_eval_cross.runs.panel_votes import agreement_by_dimension
from lmms_eval_cross.runs.record_rounds import records_of
from lmms_eval_cross.runs.run_files import load_run
from lmms_eval_cross.runs.run_rounds import round_of_folder
from lmms_eval_cross.runs.sample_record import RECORD, JudgedAnswer, Provenance, read_record
from lmms_eval_cross.runs.scorecard import Scorecard, Why, any_incomplete, build_scorecards, whys
from lmms_eval_cross.settings import Settings, load_settings
from lmms_eval_cross.trust.stamp import JudgeStamp

Answers: TypeAlias = Mapping[str, list[Answer]]
Rows: TypeAlias = dict[str, list[dict[str, Any]]]
OutcomesByTask: TypeAlias = dict[str, list[Mapping[Dimension, Outcome]]]


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


def judge_run(
    path: Path, output: Path | None = None, retry_failed: bool = False, batch: bool = False, anew: bool = False
) -> Judged:
    """Judge a run's folder, results file or samples file; without `output`, nothing is written if nothing is new.

    Args:
        path: of the run, judged in part, or made with --predict_only --log_samples.
        output: the folder to write into; by default beside the run.
        retry_failed: ask again also for failures that are not of the moment, such as unparsable replies.
        batch: ask through the Batch API, at half the price and within a day; what comes back without an answer is
            asked as usual afterwards.
        anew: pass over the verdicts that the run holds, which may be another judge's; those of the judge in force that
            the ledger holds are not paid for again.

    Raises:
        CrossError: the run can't be read, was judged by another judge or on other data, or can't be written.
    """
    run = load_run(path)
    answers: Answers = run_answers(run, round_of_folder(path))
    if anew:
        answers = _unjudged(answers)
    others = {task: file for task, file in run.files.items() if task not in answers}
    folder = output or next(iter(run.files.values())).parent
    note = note_of_results(run.results, answers, folder)
    standing = None if output is not None else run.results_file
    return _judge(run.results, answers, folder, others, retry_failed, batch, run_id(), note, standing)


def judge_ledger_run(run_ids: Sequence[str], output: Path, retry_failed: bool = False, batch: bool = False) -> Judged:
    """Judge the answers that a run left in the ledger, under one id or one a rank; its model is the one that it noted.

    Raises:
        CrossError: there are no such answers, or the data or the judge are not those of the run.
    """
    with closing(open_ledger(load_settings())) as ledger:
        answers = ledger_answers(ledger, run_ids)
        model = noted_model(ledger, run_ids) or f"run {run_ids[0]}"
    base = {"config": {"model": model, "model_args": ""}}
    note = note_of_results({}, answers, output)
    return _judge(base, answers, output, {}, retry_failed, batch, run_ids[0], note)


def _judge(
    base: Mapping[str, Any],
    answers: Answers,
    folder: Path,
    others: Mapping[str, Path],
    retry_failed: bool,
    batch: bool,
    run_id: str,
    note: RunNote,
    standing: Path | None = None,
) -> Judged:
    """Judge and write; a results file that stands already is left to stand if no outcome is new."""
    settings = load_settings()
    known = _known_outcomes(settings, answers)
    splits = _splits(answers)
    check(set(splits.values()), judged=False)
    make_ledger = partial(RunLedger, known=known, retry_failed=retry_failed)
    with open_judging(settings, make_ledger, note=note, run=run_id) as judging:
        if batch:
            judging.ask_in_batches(_jobs(answers, settings))
        rows = _ask(judging, answers, run_id)
    outcomes = _outcomes(rows)
    scorecards, tasks = _sum_up(rows, outcomes, splits, settings.min_coverage)
    if standing is not None and not _has_news(answers, outcomes):
        results_file, changed = standing, False
    else:
        results_file, changed = write_run(folder, build_results(base, tasks), rows, others), True
    incomplete = frozenset(name for name, task in tasks.items() if task.incomplete)
    return Judged(results_file, changed, scorecards, incomplete, whys(chain.from_iterable(outcomes.values())))


def _splits(answers: Answers) -> dict[str, str]:
    """Task -> the split of its answers; a task that includes ours under another name is told by its samples."""
    splits: dict[str, str] = {}
    for task, answers_of_task in answers.items():
        splits[task] = SPLITS[task] if task in SPLITS else split_of(answers_of_task[0].sample)
    return splits


def _unjudged(answers: Answers) -> Answers:
    """The answers as if nobody had judged them."""
    return {task: [replace(answer, judged=None) for answer in answers[task]] for task in answers}


def _jobs(answers: Answers, settings: Settings) -> Iterator[Job]:
    for answer in chain.from_iterable(answers.values()):
        yield session.job_for(answer.sample, answer.response.text, settings)


def _outcomes(rows: Rows) -> OutcomesByTask:
    """Task -> the outcomes of each answer."""
    outcomes: OutcomesByTask = {}
    for task, lines in rows.items():
        records = chain.from_iterable(records_of(line[RECORD]) for line in lines)
        outcomes[task] = [read_record(record).outcomes for record in records]
    return outcomes


def _sum_up(
    rows: Rows, outcomes: OutcomesByTask, splits: Mapping[str, str], min_coverage: float
) -> tuple[dict[str, dict[Dimension, Scorecard]], dict[str, JudgedTask]]:
    """The scorecards of each task, and what results.json will say of it."""
    scorecards: dict[str, dict[Dimension, Scorecard]] = {}
    tasks: dict[str, JudgedTask] = {}
    for task, lines in rows.items():
        split = splits[task]
        scorecards[task] = build_scorecards(outcomes[task])
        incomplete = any_incomplete(scorecards[task], min_coverage)
        records = chain.from_iterable(records_of(line[RECORD]) for line in lines)
        agreement = agreement_by_dimension(outcomes[task], [record["norm_id"] for record in records])
        size = len(prepared_samples(split))
        tasks[task] = JudgedTask(lines, session.provenance_for(split), size, incomplete, agreement)
    return scorecards, tasks


def _has_news(answers: Answers, outcomes: OutcomesByTask) -> bool:
    """Whether an outcome is another than the run had."""
    pairs = zip(chain.from_iterable(answers.values()), chain.from_iterable(outcomes.values()), strict=True)
    return any(answer.judged is None or answer.judged.outcomes != now for answer, now in pairs)


class RunLedger(SteadyLedger):
    """The ledger, and before it the verdicts that the run holds already."""

    def __init__(self, address: Address, journal: str, known: Mapping[str, Outcome], retry_failed: bool) -> None:
        super().__init__(address, journal)
        self._known, self._retry_failed = known, retry_failed
        self._written: set[str] = set()

    def find_all(self, places: Sequence[Place]) -> list[Outcome | None]:
        """The outcomes under keys; None also for a failure of earlier that shall be tried again."""
        wanted = [(key, host) for key, host in places if not isinstance(self._known.get(key), Verdict)]
        in_ledger = dict(zip(wanted, super().find_all(wanted), strict=True))
        return [self._standing(key, in_ledger.get((key, host))) for key, host in places]

    def _standing(self, key: str, in_ledger: Outcome | None) -> Outcome | None:
        """What counts of what the ledger holds under a key, and the run."""
        known = in_ledger or self._known.get(key)
        tries_again = self._retry_failed and key not in self._written
        if tries_again and isinstance(known, JudgeFailure):
            return None
        return known

    def record_verdicts(self, filed: Sequence[Filing]) -> None:
        """Write outcomes; should one be a failure, it is not tried again by this process."""
        super().record_verdicts(filed)
        self._written.update(entry.key for entry, _ in filed)


def _known_outcomes(settings: Settings, answers: Answers) -> dict[str, Outcome]:
    """Verdict key -> outcome, of what is judged already; another judge's failures are not known.

    Raises:
        RunError: another judge gave verdicts.
    """
    judges = [judge_identity(member.settings) for member in seated(settings)] or [judge_identity(settings)]
    has_verdicts = any(map(_has_verdict, chain.from_iterable(answers.values())))
    known: dict[str, Outcome] = {}
    splits = _splits(answers)
    for task, answers_of_task in answers.items():
        provenance = session.provenance_for(splits[task])
        for answer in answers_of_task:
            if answer.judged is None:
                continue
            difference = _other_judge(answer.judged.provenance, provenance)
            stands = _standing(answer.judged, provenance)
            if stands is not None:
                job = session.job_for(answer.sample, answer.response.text, settings)
                known.update(_outcomes_by_key(stands, job, judges))
            elif has_verdicts:
                raise RunError(
                    f"{task} was judged with {difference}; verdicts of two judges are never mixed, so set "
                    "CROSS_JUDGE_... as they were for the run."
                )
    return known


def _standing(judged: JudgedAnswer, now: Provenance) -> list[Outcome] | None:
    """What stands of an answer's outcomes: all by the same judge, some by one with a lower limit, None by another."""
    before, after = JudgeStamp.of(judged.provenance), JudgeStamp.of(now)
    if before.binding == after.binding:
        return list(judged.outcomes.values())
    if is_raised(before, after):
        return standing(judged.outcomes.values(), int(after.request["max_tokens"]))
    return None


def _outcomes_by_key(
    outcomes: Iterable[Outcome], job: Job, judges: Sequence[JudgeIdentity]
) -> Iterator[tuple[str, Outcome]]:
    """The outcomes that need no new question; whether a response is an answer at all is looked at anew.

    Of a panel, those of its members, who voted in the order of `judges`: no verdict is filed under a panel.
    """
    for outcome in outcomes:
        if isinstance(outcome, JudgeFailure) and outcome.reason == "no_response":
            continue
        said = [vote.outcome for vote in outcome.votes] or [outcome]
        for judge, one in zip(judges, said, strict=True):
            yield job.key(judge, one.dimension).digest, one


def _has_verdict(answer: Answer) -> bool:
    return answer.judged is not None and answer.judged.has_verdict


def _other_judge(was: Provenance, now: Provenance) -> str | None:
    """In what the judge of then differs from the one in force; None if in nothing."""
    before, after = JudgeStamp.of(was), JudgeStamp.of(now)
    trait = before.differing_trait(after)
    if trait is None:
        return None
    return f"{trait} {before.traits[trait]!r}, and the settings in force say {after.traits[trait]!r}"


def _ask(judging: JudgeSession, answers: Answers, run_id: str) -> Rows:
    """Task -> lines with metrics and records, every answer judged; the rounds of a sample share a line."""
    pending: list[tuple[str, list[Answer], dict[str, session.PendingItem]]] = []
    for task, answers_of_task in answers.items():
        for _, rounds in groupby(answers_of_task, key=lambda answer: id(answer.row)):
            of_sample = list(rounds)
            responses = [answer.response for answer in of_sample]
            items = session.submit_rounds(of_sample[0].sample, responses, judging, run_id)
            pending.append((task, of_sample, items))
    judging.drain()
    rows: Rows = {task: [] for task in answers}
    for task, (answer, *_), items in pending:
        rows[task].append(_line(answer, items))
    return rows


def _line(answer: Answer, items: Mapping[str, session.PendingItem]) -> dict[str, Any]:
    """lmms-eval's line with our metrics in the places that they have after a judged run."""
    line = dict(answer.row)
    line.pop("bypass", None)
    query = line.pop("input", answer.sample.query)
    for name, item in items.items():
        item.settle()
        line[name] = dict(item)
    return {**line, "input": query}
