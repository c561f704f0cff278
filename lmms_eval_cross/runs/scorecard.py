"""A mean, and beside it what it is a mean of: n scored, n failed by reason, and how far the failures could move it."""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from lmms_eval_cross import numbers
from lmms_eval_cross.benchmark.records import ASK_AGAIN, DIMENSIONS, Dimension, FailureReason, JudgeFailure, Outcome
from lmms_eval_cross.benchmark.splits import TASKS, split_of
from lmms_eval_cross.runs.sample_record import JudgedAnswer


@dataclass(frozen=True, slots=True)
class Scorecard:
    """One dimension over a set of answers; everything in percent."""

    dimension: Dimension
    points: int
    """The sum of the scores: how many scored answers are good."""
    scored: int
    failed: Mapping[FailureReason, int]
    """Answers without a score, by reason."""

    @property
    def n(self) -> int:
        """All answers, scored or not."""
        return self.scored + sum(self.failed.values())

    @property
    def mean(self) -> float | None:
        """Over the scored answers; None if there is none."""
        return _percentage(self.points, self.scored)

    @property
    def worst(self) -> float | None:
        """The mean if every failure were a 0 (Manski's lower bound)."""
        return _percentage(self.points, self.n)

    @property
    def best(self) -> float | None:
        """The mean if every failure were a 1 (Manski's upper bound)."""
        return _percentage(self.points + self.n - self.scored, self.n)

    @property
    def coverage(self) -> float:
        """The share of answers with a score; 0 if there are no answers."""
        return _percentage(self.scored, self.n) or 0.0

    def is_incomplete(self, min_coverage: float) -> bool:
        """Whether too few answers have a score (CROSS_MIN_COVERAGE) for the mean to be shown as a result."""
        return self.coverage < min_coverage

    def __str__(self) -> str:
        return f"{self.dimension} {_percent(self.mean)} ({self._counts()})"

    def _counts(self) -> str:
        if not self.failed:
            return f"{self.scored} scored"
        bounds = f"between {_percent(self.worst)} and {_percent(self.best)}"
        return f"{self.scored} of {self.n} scored; {_reasons(self.failed)}; {bounds}"


def _percentage(part: int, whole: int) -> float | None:
    """None if there is no whole."""
    if whole == 0:
        return None
    return 100 * part / whole


def build_scorecards(answers: Iterable[Mapping[Dimension, Outcome]]) -> dict[Dimension, Scorecard]:
    """A scorecard a dimension over the outcomes of each answer."""
    answers = list(answers)
    return {name: _scorecard(name, answers) for name in DIMENSIONS}


def _scorecard(dimension: Dimension, answers: list[Mapping[Dimension, Outcome]]) -> Scorecard:
    points = scored = 0
    failed: Counter[FailureReason] = Counter()
    for outcomes in answers:
        outcome = outcomes[dimension]
        if isinstance(outcome, JudgeFailure):
            failed[outcome.reason] += 1
        else:
            scored += 1
            points += outcome.score
    return Scorecard(dimension, points, scored, dict(failed))


def task_scorecards(answers: Iterable[JudgedAnswer]) -> dict[str, dict[Dimension, Scorecard]]:
    """Task -> its scorecards, of answers with different tasks: each task must be complete on each dimension."""
    outcomes: dict[str, list[Mapping[Dimension, Outcome]]] = {}
    for answer in answers:
        outcomes.setdefault(TASKS[split_of(answer.sample)], []).append(answer.outcomes)
    return {task: build_scorecards(outcomes[task]) for task in outcomes}


def any_incomplete(scorecards: Mapping[Dimension, Scorecard], min_coverage: float) -> bool:
    """Whether one of the dimensions is incomplete, and so the result."""
    return any(card.is_incomplete(min_coverage) for card in scorecards.values())


def _percent(value: float | None) -> str:
    if value is None:
        return "no score"
    return numbers.plain(value)


def describe_gaps(items: Sequence[Mapping[str, Any]], min_coverage: float, run: str) -> str:
    """What has no verdict, and what to do about it; empty if all have.

    Args:
        items: the items of the metric `coverage`, one an answer.
        min_coverage: percent of answers that each dimension needs.
        run: the run's folder, for the command.
    """
    failed: dict[Dimension, Counter[FailureReason]] = {name: Counter() for name in DIMENSIONS}
    missing: list[Why] = []
    for item in items:
        for name, reason in item.get("failures", {}).items():
            failed[name][reason] += 1
            missing.append(Why(reason, item.get("details", {}).get(name, "")))
    if not missing:
        return ""
    gaps = [f"{name} ({_reasons(reasons)})" for name, reasons in failed.items() if reasons]
    most_failed = max(failed.values(), key=Counter.total)
    least_coverage = 100 * (1 - most_failed.total() / len(items))
    state = "complete enough"
    if least_coverage < min_coverage:
        state = f"incomplete (CROSS_MIN_COVERAGE is {min_coverage:g})"
    sentence = f"Of {len(items)} answers some have no verdict and no part in the means: {', '.join(gaps)}"
    return f"{sentence}. This is {state}. {advice(missing, run)}"


@dataclass(frozen=True, slots=True)
class Why:
    """Why a verdict is missing."""

    reason: FailureReason
    detail: str


def whys(answers: Iterable[Mapping[Dimension, Outcome]]) -> list[Why]:
    """Why verdicts of these answers are missing, one for each."""
    missing: list[Why] = []
    for outcomes in answers:
        for outcome in outcomes.values():
            if isinstance(outcome, JudgeFailure):
                missing.append(Why(outcome.reason, outcome.detail))
    return missing


def describe_incomplete(run: str, answers: Sequence[JudgedAnswer], min_coverage: float) -> str | None:
    """What an incomplete run has, what it lacks most, and what finishes it; None if each of its tasks is complete."""
    tasks: list[str] = []
    for task, cards in task_scorecards(answers).items():
        if any_incomplete(cards, min_coverage):
            tasks.append(f"{task} has {', '.join(map(str, cards.values()))}")
    if not tasks:
        return None
    missing = whys(answer.outcomes for answer in answers)
    return f"{run} is incomplete: {'; '.join(tasks)}. {advice(missing, run)}"


def advice(missing: Collection[Why], run: str) -> str:
    """The commonest detail of missing verdicts, and what finishes the run; empty if none is missing."""
    if not missing:
        return ""
    next_step = _next_step({why.reason for why in missing}, run)
    details = Counter(why.detail for why in missing if why.detail)
    if not details:
        return next_step
    commonest, _ = details.most_common(1)[0]
    return f"Most often: {commonest.rstrip('.')}. {next_step}"


def _next_step(reasons: Collection[FailureReason], run: str) -> str:
    if "panel_incomplete" in reasons and not (ASK_AGAIN & set(reasons)) - {"panel_incomplete"}:
        return (
            f"`lmms-eval-cross judge {run}` asks members who could not be reached for the rest, with --retry-failed "
            "also those who gave no verdict."
        )
    if set(reasons) <= {"panel_tie", "no_response"} and "panel_tie" in reasons:
        return "Nobody is missing where a panel is divided: an odd number of members can't be."
    if ASK_AGAIN & set(reasons):
        return f"`lmms-eval-cross judge {run}` asks for the rest."
    if set(reasons) <= {"truncated", "no_response"} and "truncated" in reasons:
        return (
            f"`CROSS_JUDGE_MAX_TOKENS=N lmms-eval-cross judge {run}`, with a higher limit than the replies had, asks "
            "for what was cut off, and for nothing else."
        )
    if set(reasons) - {"no_response", "panel_tie"}:
        return f"`lmms-eval-cross judge {run} --retry-failed` asks once more."
    return "The model gave no answer there, so that only a new run can give more."


def _reasons(failed: Mapping[FailureReason, int]) -> str:
    return ", ".join(f"{reason} {count}" for reason, count in sorted(failed.items()))
