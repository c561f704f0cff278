"""What a comparison needs of a run: who judged, what each sample is, its scores; no benchmark text."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import combinations
from math import nan
from typing import Final, TypeAlias

from lmms_eval_cross.benchmark.records import DIMENSIONS, Dimension, Outcome, Sample, Verdict, data_hash
from lmms_eval_cross.compare.task_metrics import TaskMetric, task_metrics
from lmms_eval_cross.errors import RunError, listing
from lmms_eval_cross.runs.model_under_test import model_under_test
from lmms_eval_cross.runs.run_files import LoggedRun
from lmms_eval_cross.runs.sample_record import JudgedAnswer, Provenance
from lmms_eval_cross.trust.anchor import answer_hash
from lmms_eval_cross.trust.stamp import JudgeStamp

Scores: TypeAlias = tuple[float, ...]
"""A score for each of DIMENSIONS, 0 or 1; NaN is a failure."""
UNJUDGED: Final[Scores] = (nan,) * len(DIMENSIONS)
"""Of a sample that a round lacks: it counts as a failure."""

OFFLINE: Final = "offline"


@dataclass(frozen=True, slots=True)
class SampleFacts:
    """What a sample is, as far as intervals and slices need it."""

    sample_id: str
    norm_id: str
    country: str
    language: str
    shown: str = ""
    """16 hex digits of a hash of what model and judge are shown; empty in baseline files of the first schema."""

    @classmethod
    def of(cls, sample: Sample) -> "SampleFacts":
        """The facts of a sample."""
        shown = data_hash([sample])[:16]
        return cls(sample.sample_id, sample.norm_id, sample.country, sample.language, shown)

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
    answer_hashes: Mapping[str, str] = field(default_factory=dict)
    """Sample id -> `answer_hash`; empty when the round was read from a baseline file without them."""
    made_by: str = ""
    """A hash of what may change the model's answers, but the seed; empty where that is not known."""
    is_limited: bool = False
    """It holds a part of the samples, for lmms-eval's --limit; a baseline file doesn't say."""
    is_sealed: bool = True
    """False of a baseline file of the first schema, whose edits nobody notices; a run has its replies to read again."""
    faults: tuple[str, ...] = ()
    """Sentences on what was edited in the run, so that it can't be compared."""


def read_round(run: LoggedRun) -> Round:
    """The round that a run is.

    Raises:
        RunError: the run has no judged CROSS answers, or two judges judged one split.
    """
    return replace(round_of(run, run.judged_answers), tasks=task_metrics(run))


def round_of(run: LoggedRun, judged_answers: Iterable[JudgedAnswer]) -> Round:
    """The round of these answers of a run, without other tasks; one that has no outcomes yet has no scores.

    Raises:
        RunError: two judges judged one split.
    """
    answers: dict[str, JudgedAnswer] = {}
    facts: dict[str, SampleFacts] = {}
    hashes: dict[str, str] = {}
    for answer in judged_answers:
        sample_id = answer.sample.sample_id
        answers[sample_id] = answer
        facts[sample_id] = SampleFacts.of(answer.sample)
        hashes[sample_id] = answer_hash(answer.response)
    judging, made = dict(_judging(run.name, answers, facts)), model_under_test(run.results)
    return Round(
        name=run.name,
        model=str(made or run.model),
        date=run.date,
        judging=judging,
        facts=facts,
        scores=_scores(answers),
        tasks={},
        answers=answers,
        answer_hashes=hashes,
        made_by=made.identity if made else "",
        is_limited=run.is_limited,
    )


def refuse_other_models(rounds: Sequence[Round]) -> None:
    """Nothing, if all are of one model under the same generation settings, or it is not known that they aren't.

    Raises:
        RunError: one is of another model, or under other settings.
    """
    known = [one for one in rounds if one.made_by]
    for other in known[1:]:
        first = known[0]
        if other.made_by != first.made_by:
            raise RunError(
                f"{other.name} ({other.model}) is given as a round of {first.name} ({first.model}), and rounds are of "
                "one model under the same settings; compare them as two sides."
            )


def with_outcomes(one: Round, outcomes: Mapping[str, Mapping[Dimension, Outcome]]) -> Round:
    """The round with further outcomes of its answers, by sample id."""
    answers = dict(one.answers)
    for sample_id, further in outcomes.items():
        answer = answers[sample_id]
        answers[sample_id] = replace(answer, outcomes={**answer.outcomes, **further})
    return replace(one, answers=answers, scores=_scores(answers), judging=dict(_judging(one.name, answers, one.facts)))


def _scores(answers: Mapping[str, JudgedAnswer]) -> dict[str, Scores]:
    """Of the answers that have outcomes."""
    return {name: scores_of(answer.outcomes) for name, answer in answers.items() if answer.outcomes}


def scores_of(outcomes: Mapping[Dimension, Outcome]) -> Scores:
    """The four scores of an answer; a dimension that was not asked has none, as one that failed."""
    return tuple(_score(outcomes.get(name)) for name in DIMENSIONS)


def _score(outcome: Outcome | None) -> float:
    if isinstance(outcome, Verdict):
        return float(outcome.score)
    return nan


def _judging(
    name: str, answers: Mapping[str, JudgedAnswer], facts: Mapping[str, SampleFacts]
) -> Iterator[tuple[str, Judging]]:
    by_split: dict[str, list[JudgedAnswer]] = {}
    for sample_id, answer in answers.items():
        by_split.setdefault(facts[sample_id].split, []).append(answer)
    for split, group in by_split.items():
        _check_alike(name, split, group)
        models: set[str] = set()
        for answer in group:
            models.update(verdict.model for verdict in answer.outcomes.values() if isinstance(verdict, Verdict))
        yield split, Judging(group[0].provenance, tuple(sorted(models)))


def _check_alike(name: str, split: str, answers: Sequence[JudgedAnswer]) -> None:
    """Raise RunError unless one judge judged all answers, on the same data."""
    ways: set[tuple[str, str]] = set()
    judges: set[str] = set()
    shared = {id(answer.provenance): answer.provenance for answer in answers}
    for provenance in shared.values():
        ways.add((JudgeStamp.of(provenance).binding, provenance.data_sha256))
        judges.add(provenance.judge_id)
    if len(ways) > 1:
        named = listing(sorted(judges))
        raise RunError(f"{name} was judged in {len(ways)} ways within {split} ({named}); judge all of it alike.")


def answered_alike(one: Round, two: Round) -> bool:
    """Whether all answers of two rounds are the same, as far as they are known."""
    return bool(one.answer_hashes) and one.answer_hashes == two.answer_hashes


@dataclass(frozen=True)
class Side:
    """Baseline or candidate: one or more rounds of a model."""

    rounds: tuple[Round, ...]

    @property
    def name(self) -> str:
        """What people call it: the first round's name, and how many more there are."""
        first, *others = self.rounds
        if others:
            return f"{first.name} (+{len(others)})"
        return first.name

    @property
    def model(self) -> str:
        """The model and its generation settings."""
        return self.rounds[0].model

    @property
    def is_limited(self) -> bool:
        """Some round holds a part of the samples."""
        return any(one.is_limited for one in self.rounds)

    @property
    def same_rounds(self) -> list[tuple[str, str]]:
        """The names of rounds whose answers are all the same: a copy, or a model that always answers alike."""
        return [(one.name, two.name) for one, two in combinations(self.rounds, 2) if answered_alike(one, two)]

    @property
    def facts(self) -> dict[str, SampleFacts]:
        """Sample id -> facts, over all rounds."""
        facts: dict[str, SampleFacts] = {}
        for one in self.rounds:
            facts.update(one.facts)
        return facts

    @property
    def judging(self) -> list[tuple[str, Judging]]:
        """Split and judging of every round."""
        judging: list[tuple[str, Judging]] = []
        for one in self.rounds:
            judging += one.judging.items()
        return judging

    @property
    def splits(self) -> set[str]:
        """Those that any round has."""
        return {split for split, _ in self.judging}

    def measured(self, metric: str) -> list[TaskMetric]:
        """What each round measured of another task's metric, which all of them have."""
        return [one.tasks[metric] for one in self.rounds]

    @property
    def is_measurement(self) -> bool:
        """False where the offline rules judged anything."""
        return all(judging.provenance.judge != OFFLINE for _, judging in self.judging)
