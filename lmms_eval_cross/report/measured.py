"""One run, measured: its scores overall and by slice, and what it was judged by."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import chain
from math import isfinite

from lmms_eval_cross import numbers
from lmms_eval_cross.benchmark.facets import OWN_FACETS, Facets
from lmms_eval_cross.benchmark.records import DIMENSIONS, Dimension, FailureReason, JudgeFailure, Sample, Usage
from lmms_eval_cross.compare.rounds import Judging, Round, read_round, refuse_other_models
from lmms_eval_cross.compare.task_metrics import TaskMetric
from lmms_eval_cross.errors import RunError
from lmms_eval_cross.report.country_rates import CountryRate, country_rates
from lmms_eval_cross.report.model_names import model_name, unique_labels
from lmms_eval_cross.report.round_spread import RoundSpread, spread_of, table_over_rounds
from lmms_eval_cross.report.scores import Scores, ScoreTable, score_table
from lmms_eval_cross.runs.model_under_test import ModelUnderTest, model_under_test
from lmms_eval_cross.runs.run_files import LoggedRun
from lmms_eval_cross.runs.sample_record import JudgedAnswer, Provenance
from lmms_eval_cross.runs.tuned_on import doubtful_tunings
from lmms_eval_cross.trust.stamp import JudgeStamp


@dataclass(frozen=True, slots=True)
class Failure:
    """A verdict that is missing."""

    sample_id: str
    dimension: Dimension
    reason: FailureReason
    detail: str


@dataclass(frozen=True, slots=True)
class Sources:
    """Where a run's numbers come from: each different name once, joined by semicolons."""

    judge: str
    rubric: str
    """With its hash, and the profile of the judge calls."""
    data: str
    """The data hash of each split."""


@dataclass(frozen=True)
class Measured:
    """What the report says of one run."""

    label: str
    """The run's name, unlike any other on the page."""
    model: str
    date: str
    answers: Sequence[JudgedAnswer]
    """Of the first round."""
    table: ScoreTable
    """A sample's scores are its means over the rounds."""
    dimensions: Scores
    slices: Mapping[str, Mapping[str, Scores]]
    """Facet -> value -> scores."""
    countries: Sequence[CountryRate]
    """Compliance by country, drawn toward all, the lowest first; empty with fewer than three countries."""
    coverage: float
    """Verdicts with a score, in percent of all."""
    judging: Mapping[str, Judging]
    """Split (`casa/english`) -> who judged it."""
    tasks: Mapping[str, TaskMetric]
    """`task/metric` -> what the run's other tasks measured."""
    failures: Sequence[Failure]
    doubtful_tunings: Sequence[str]
    """Stages of `align tune` whose data were not known to be free of the benchmark."""
    other_metrics: Mapping[str, Mapping[str, float]]
    """Of the first round."""
    further_answers: Sequence[JudgedAnswer] = ()
    """Of the other rounds."""
    under_test: ModelUnderTest | None = None
    """Who answered, and how; None where results.json does not tell."""
    spread: Sequence[RoundSpread] = ()
    """How far the rounds lie apart; empty for one round."""

    @property
    def rounds(self) -> int:
        """How many rounds stand behind the numbers."""
        return len(self.spread[0].means) if self.spread else 1

    @property
    def all_answers(self) -> list[JudgedAnswer]:
        """Those of all rounds."""
        return [*self.answers, *self.further_answers]

    def answers_to(self, samples: Iterable[Sample]) -> list[JudgedAnswer | None]:
        """The run's answer to each of the samples; None where it has none."""
        by_id = dict(zip(self.table.place, self.answers, strict=True))
        return [by_id.get(sample.sample_id) for sample in samples]

    @cached_property
    def split_sizes(self) -> Counter[str]:
        """Split -> how many samples the run has of it."""
        return Counter(f"{sample.subset}/{sample.setting}" for sample in self.table.samples)

    @property
    def provenance(self) -> dict[str, Provenance]:
        """Split -> judge, rubric, data."""
        return {split: judging.provenance for split, judging in sorted(self.judging.items())}

    @property
    def is_offline(self) -> bool:
        """Whether the offline judge stood in for the judge anywhere."""
        return any(provenance.judge == "offline" for provenance in self.provenance.values())

    @property
    def is_of_panel(self) -> bool:
        """Whether a panel judged anywhere."""
        return any(provenance.judge == "panel" for provenance in self.provenance.values())

    @property
    def sources(self) -> Sources:
        """Judge, rubric and data of all splits, in words."""
        judges, rubrics, data = set(), set(), set()
        for split, source in self.provenance.items():
            judges.add(source.judge_id if source.judge != "offline" else f"{source.judge_id} (offline)")
            rubrics.add(f"{source.rubric} {numbers.short_hash(source.rubric_sha256)}, {source.profile}")
            data.add(f"{split} {numbers.short_hash(source.data_sha256)}")
        return Sources("; ".join(sorted(judges)), "; ".join(sorted(rubrics)), "; ".join(sorted(data)))

    @property
    def usage(self) -> Usage:
        """Tokens of the judge calls behind the verdicts, whichever run paid for them."""
        total = Usage()
        for answer in self.all_answers:
            for outcome in answer.outcomes.values():
                total += outcome.usage
        return total

    @property
    def suspected(self) -> int:
        """Answers that seem to talk to the judge."""
        return sum(bool(answer.suspicious) for answer in self.all_answers)

    @property
    def reasons(self) -> Counter[FailureReason]:
        """How many verdicts failed, by reason."""
        return Counter(failure.reason for failure in self.failures)


def measure_all(runs: Sequence[LoggedRun], facets: Facets = OWN_FACETS) -> list[Measured]:
    """Every run, measured, under names of their own.

    Raises:
        RunError: a run has no answers to CROSS tasks, or answers that can't be read.
    """
    labels = unique_labels([run.name for run in runs])
    return [_measure(run, label, facets) for run, label in zip(runs, labels, strict=True)]


def _measure(run: LoggedRun, label: str, facets: Facets) -> Measured:
    rounds = [read_round(one) for one in (run, *run.further_rounds)]
    refuse_other_models(rounds)
    tables = [score_table(list(one.answers.values())) for one in rounds]
    table = table_over_rounds(tables)
    answers, *others = [list(one.answers.values()) for one in rounds]
    everything = [*answers, *chain.from_iterable(others)]
    failures = _failures(everything)
    verdicts = len(everything) * len(DIMENSIONS)
    return Measured(
        label=label,
        model=model_name(run.results),
        date=numbers.day(run.date),
        answers=answers,
        table=table,
        dimensions=table.scores(),
        slices=table.slices(facets),
        countries=country_rates(table),
        coverage=100 * (verdicts - len(failures)) / verdicts,
        judging=_judging_of(rounds),
        tasks=rounds[0].tasks,
        failures=failures,
        doubtful_tunings=doubtful_tunings(run.results),
        other_metrics=_with_value(run.other_metrics),
        further_answers=everything[len(answers) :],
        under_test=model_under_test(run.results),
        spread=spread_of(tables),
    )


def _judging_of(rounds: Sequence[Round]) -> Mapping[str, Judging]:
    """Who judged all rounds alike.

    Raises:
        RunError: the rounds were judged in several ways, or on other data.
    """
    first, *others = rounds
    for other in others:
        for split, judging in other.judging.items():
            if split in first.judging and _way(first.judging[split]) != _way(judging):
                raise RunError(f"{other.name} was judged otherwise than {first.name} within {split}; judge them alike.")
    return first.judging


def _way(judging: Judging) -> tuple[str, str]:
    return JudgeStamp.of(judging.provenance).binding, judging.provenance.data_sha256


def _with_value(metrics: Mapping[str, Mapping[str, float]]) -> dict[str, dict[str, float]]:
    """Task -> its metrics that have a value: a task may write NaN."""
    tasks: dict[str, dict[str, float]] = {}
    for task, values in metrics.items():
        finite = {name: value for name, value in values.items() if isfinite(value)}
        if finite:
            tasks[task] = finite
    return tasks


def _failures(answers: Sequence[JudgedAnswer]) -> list[Failure]:
    failures: list[Failure] = []
    for answer in answers:
        for dimension, outcome in answer.outcomes.items():
            if isinstance(outcome, JudgeFailure):
                failures.append(Failure(answer.sample.sample_id, dimension, outcome.reason, outcome.detail))
    return failures
