"""What a comparison needs of a run: who judged, what each sample is, its scores; no benchmark text."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from math import nan
from typing import Final, TypeAlias

from lmms_eval_cross.benchmark.records import DIMENSIONS, Sample, Verdict
from lmms_eval_cross.compare.task_metrics import TaskMetric, task_metrics
from lmms_eval_cross.errors import RunError, listing
from lmms_eval_cross.runs.run_files import Run
from lmms_eval_cross.runs.sample_record import JudgedAnswer, Provenance
from lmms_eval_cross.trust.stamp import JudgeStamp

Scores: TypeAlias = tuple[float, ...]
"""A score for each of DIMENSIONS, 0 or 1; NaN is a failure."""

OFFLINE: Final = "offline"


@dataclass(frozen=True, slots=True)
class SampleFacts:
    """What a sample is, as far as intervals and slices need it."""

    sample_id: str
    norm_id: str
    country: str
    language: str

    @classmethod
    def of(cls, sample: Sample) -> "SampleFacts":
        """The facts of a sample."""
        return cls(sample.sample_id, sample.norm_id, sample.country, sample.language)

    @property
    def subset(self) -> str:
        """`casa`, `safeworld` or `demo`."""
        return self.sample_id.split("/")[0]

    @property
    def setting(self) -> str:
        """`english` or `multilingual`."""
        return self.sample_id.split("/")[1]

    @property
    def split(self) -> str:
        """Subset and setting, such as `casa/english`."""
        return f"{self.subset}/{self.setting}"

    @property
    def wording(self) -> str:
        """The last part of the id: `1` to `3`."""
        return self.sample_id.rsplit("/", 1)[1]


@dataclass(frozen=True, slots=True)
class Judging:
    """Who judged a split, and the models that the endpoint says answered."""

    provenance: Provenance
    answered_by: tuple[str, ...]


@dataclass(frozen=True)
class Round:
    """One run of a model, reduced to its scores."""

    name: str
    model: str
    date: str
    judging: Mapping[str, Judging]
    """Split (`casa/english`) -> who judged it."""
    facts: Mapping[str, SampleFacts]
    """Sample id -> facts."""
    scores: Mapping[str, Scores]
    """Sample id -> scores."""
    tasks: Mapping[str, TaskMetric]
    """`task/metric` -> what other tasks of the run measured."""
    answers: Mapping[str, JudgedAnswer] = field(default_factory=dict)
    """Sample id -> the whole answer; empty when the round was read from a baseline file."""


def read_round(run: Run) -> Round:
    """The round that a run is.

    Raises:
        RunError: the run has no judged CROSS answers, or two judges judged one split.
    """
    answers = {answer.sample.sample_id: answer for answer in run.judged_answers}
    return Round(
        name=run.name,
        model=run.model,
        date=run.date,
        judging=dict(_judging(run.name, answers)),
        facts={name: SampleFacts.of(answer.sample) for name, answer in answers.items()},
        scores={name: scores_of(answer) for name, answer in answers.items()},
        tasks=task_metrics(run),
        answers=answers,
    )


def scores_of(answer: JudgedAnswer) -> Scores:
    """The four scores of an answer."""
    outcomes = [answer.outcomes[name] for name in DIMENSIONS]
    return tuple(float(each.score) if isinstance(each, Verdict) else nan for each in outcomes)


def _judging(name: str, answers: Mapping[str, JudgedAnswer]) -> Iterator[tuple[str, Judging]]:
    by_split: dict[str, list[JudgedAnswer]] = {}
    for answer in answers.values():
        by_split.setdefault(SampleFacts.of(answer.sample).split, []).append(answer)
    for split, group in by_split.items():
        kinds = {(JudgeStamp.of(each.provenance).binding, each.provenance.data_sha256) for each in group}
        if len(kinds) > 1:
            judges = listing(sorted({answer.provenance.judge_id for answer in group}))
            raise RunError(f"{name} was judged in {len(kinds)} ways within {split} ({judges}); judge all of it alike.")
        models = {each.model for answer in group for each in answer.outcomes.values() if isinstance(each, Verdict)}
        yield split, Judging(group[0].provenance, tuple(sorted(models)))


@dataclass(frozen=True)
class Side:
    """Baseline or candidate: one or more rounds of a model."""

    rounds: tuple[Round, ...]

    @property
    def name(self) -> str:
        """What people call it: the first round's name, and how many more there are."""
        rest = len(self.rounds) - 1
        return self.rounds[0].name + (f" (+{rest})" if rest else "")

    @property
    def model(self) -> str:
        """The model, as lmms-eval names it."""
        return self.rounds[0].model

    @property
    def facts(self) -> dict[str, SampleFacts]:
        """Sample id -> facts, over all rounds."""
        return {name: facts for each in self.rounds for name, facts in each.facts.items()}

    @property
    def judging(self) -> list[tuple[str, Judging]]:
        """Split and judging of every round."""
        return [pair for each in self.rounds for pair in each.judging.items()]

    @property
    def is_measurement(self) -> bool:
        """False where the offline rules judged anything."""
        return all(judging.provenance.judge != OFFLINE for _, judging in self.judging)
