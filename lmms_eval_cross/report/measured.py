"""One run, measured: its scores overall and by slice, and what it was judged by."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isfinite

from lmms_eval_cross.benchmark.records import DIMENSIONS, Dimension, FailureReason, JudgeFailure, Usage
from lmms_eval_cross.compare.rounds import Judging, read_round
from lmms_eval_cross.compare.task_metrics import TaskMetric
from lmms_eval_cross.report import numbers
from lmms_eval_cross.report.model_names import model_name, unique_labels
from lmms_eval_cross.report.scores import SLICES, Scores, ScoreTable, SliceKind, score_table
from lmms_eval_cross.runs.run_files import Run
from lmms_eval_cross.runs.sample_record import JudgedAnswer, Provenance
from lmms_eval_cross.runs.scorecard import Scorecard, build_scorecards


@dataclass(frozen=True, slots=True)
class Failure:
    """A verdict that is missing."""

    sample_id: str
    dimension: Dimension
    reason: FailureReason
    detail: str


@dataclass(frozen=True)
class Measured:
    """What the report says of one run."""

    label: str
    """The run's name, unlike any other on the page."""
    model: str
    date: str
    answers: Sequence[JudgedAnswer]
    table: ScoreTable
    dimensions: Scores
    slices: Mapping[SliceKind, Mapping[str, Scores]]
    coverage: float
    """Verdicts with a score, in percent of all."""
    judging: Mapping[str, Judging]
    """Split (`casa/english`) -> who judged it."""
    scorecards: Mapping[Dimension, Scorecard]
    tasks: Mapping[str, TaskMetric]
    """`task/metric` -> what the run's other tasks measured."""
    failures: Sequence[Failure]
    other_metrics: Mapping[str, Mapping[str, float]]

    @property
    def provenance(self) -> dict[str, Provenance]:
        """Split -> judge, rubric, data."""
        return {split: judging.provenance for split, judging in sorted(self.judging.items())}

    @property
    def judge(self) -> str:
        """Who judged, in a few words."""
        return _listed(
            {f"{p.judge_id}{' (offline)' if p.judge == 'offline' else ''}" for p in self.provenance.values()}
        )

    @property
    def rubric(self) -> str:
        """Rubric, its hash, and the profile of the judge calls."""
        told = {f"{p.rubric} {numbers.short_hash(p.rubric_sha256)}, {p.profile}" for p in self.provenance.values()}
        return _listed(told)

    @property
    def data(self) -> str:
        """The data hash of each split."""
        return _listed({f"{split} {numbers.short_hash(p.data_sha256)}" for split, p in self.provenance.items()})

    @property
    def usage(self) -> Usage:
        """Tokens of the judge calls behind the verdicts, whichever run paid for them."""
        return sum((told.usage for answer in self.answers for told in answer.outcomes.values()), Usage())

    @property
    def suspected(self) -> int:
        """Answers that seem to talk to the judge."""
        return sum(bool(answer.suspicious) for answer in self.answers)

    @property
    def reasons(self) -> Counter[FailureReason]:
        """How many verdicts failed, by reason."""
        return Counter(failure.reason for failure in self.failures)


def measure_all(runs: Sequence[Run]) -> list[Measured]:
    """Every run, measured, under names of their own.

    Raises:
        RunError: a run has no answers to CROSS tasks, or answers that can't be read.
    """
    return [_measure(run, label) for run, label in zip(runs, unique_labels([run.name for run in runs]), strict=True)]


def _measure(run: Run, label: str) -> Measured:
    told = read_round(run)
    answers = run.answers
    table = score_table(answers)
    failures = _failures(answers)
    verdicts = len(answers) * len(DIMENSIONS)
    return Measured(
        label=label,
        model=model_name(run.results),
        date=numbers.day(run.date),
        answers=answers,
        table=table,
        dimensions=table.scores(),
        slices={kind: table.slices(kind) for kind in SLICES},
        coverage=100 * (verdicts - len(failures)) / verdicts,
        judging=told.judging,
        scorecards=build_scorecards(answer.outcomes for answer in answers),
        tasks=told.tasks,
        failures=failures,
        other_metrics=_finite(run.other_metrics),
    )


def _finite(metrics: Mapping[str, Mapping[str, float]]) -> dict[str, dict[str, float]]:
    """Metrics that have a value: a task may write NaN."""
    kept = {task: {name: value for name, value in told.items() if isfinite(value)} for task, told in metrics.items()}
    return {task: told for task, told in kept.items() if told}


def _failures(answers: Sequence[JudgedAnswer]) -> list[Failure]:
    return [
        Failure(answer.sample.sample_id, name, outcome.reason, outcome.detail)
        for answer in answers
        for name, outcome in answer.outcomes.items()
        if isinstance(outcome, JudgeFailure)
    ]


def _listed(told: set[str]) -> str:
    return "; ".join(sorted(told))
