"""One run, measured: its scores overall and by slice, and what it was judged by."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from lmms_eval_cross.errors import RunError
from lmms_eval_cross.records import DIMENSIONS, Dimension, FailureReason, JudgeFailure
from lmms_eval_cross.report import numbers
from lmms_eval_cross.report.labels import model_name, unique_labels
from lmms_eval_cross.report.scores import SLICES, Scores, ScoreTable, SliceKind, score_table
from lmms_eval_cross.runs import Run
from lmms_eval_cross.sample_record import JudgedAnswer, Provenance
from lmms_eval_cross.session import split_of


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
    provenance: Mapping[str, Provenance]
    """Split -> what judged it."""
    failures: Sequence[Failure]
    other_metrics: Mapping[str, Mapping[str, float]]

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
    answers = run.answers
    if not answers:
        raise RunError(f"{label} has no judged answers of a CROSS task; give runs of cross_casa, cross_demo, ...")
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
        provenance=_provenance(label, answers),
        failures=failures,
        other_metrics=run.other_metrics,
    )


def _failures(answers: Sequence[JudgedAnswer]) -> list[Failure]:
    return [
        Failure(answer.sample.sample_id, name, outcome.reason, outcome.detail)
        for answer in answers
        for name, outcome in answer.outcomes.items()
        if isinstance(outcome, JudgeFailure)
    ]


def _provenance(label: str, answers: Sequence[JudgedAnswer]) -> dict[str, Provenance]:
    found: dict[str, Provenance] = {}
    for answer in answers:
        split = split_of(answer.sample)
        if judged_by(found.setdefault(split, answer.provenance)) != judged_by(answer.provenance):
            raise RunError(f"{label} mixes answers judged in two ways within {split}; judge that run again as a whole.")
    return dict(sorted(found.items()))


def judged_by(provenance: Provenance) -> tuple[str, str, str, str, str]:
    """What makes two scores comparable: judge, rubric, profile and data; versions and prices don't."""
    told = provenance
    return told.judge, told.judge_id, told.rubric_sha256, told.profile, told.data_sha256


def _listed(told: set[str]) -> str:
    return "; ".join(sorted(told))
