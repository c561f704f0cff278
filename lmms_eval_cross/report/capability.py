"""Capability beside safety: the runs' other tasks, on one scale."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

from lmms_eval_cross import numbers
from lmms_eval_cross.compare.task_metrics import capability_difference
from lmms_eval_cross.report.differences import ALPHA
from lmms_eval_cross.report.measured import Measured
from lmms_eval_cross.report.scores import in_percent

Groups: TypeAlias = Sequence[Sequence[Measured]]
Scale = Literal["0 to 1", "0 to 100", "other"]
_KNOWN: Final[Mapping[tuple[str, str], Scale]] = {
    ("mmmu_val", "mmmu_acc"): "0 to 1",
    ("mmbench_en_dev_static", "gpt_eval_score"): "0 to 100",
    ("mmbench_en_dev", "gpt_eval_score"): "0 to 100",
}
_TO_PERCENT: Final[Mapping[Scale, float]] = {"0 to 1": 100.0, "0 to 100": 1.0}
"""What a value is multiplied by; a scale that isn't here has no 100%."""
_NOTES: Final[Mapping[str, str]] = {
    "mmbench_en_dev_static": "letters read by rules; no GPT is asked, whatever the metric's name",
    "mmmu_val": "answers without a letter are guessed at random by lmms-eval",
}


@dataclass(frozen=True, slots=True)
class CapabilityChange:
    """A run minus the first one of its group, in points of percent; above 0 is more capable."""

    points: float
    low: float | None
    """Of the two-sided 95% interval."""
    high: float | None
    method: str
    """`paired` by sample, or `plain`: from the two values and the numbers of samples."""


@dataclass(frozen=True, slots=True)
class Capability:
    """A metric of a task that is none of ours, for every run that has it."""

    task: str
    metric: str
    scale: Scale
    assumed: bool
    """The scale was read from the values, since nothing says it."""
    note: str
    raw: Mapping[str, float]
    """Run -> the value in results.json."""
    percent: Mapping[str, float]
    """Run -> the value in percent; empty for a scale that has no 100%."""
    changes: Mapping[str, CapabilityChange]
    """Run -> its difference from the first run of its group, where both have the metric."""

    @property
    def name(self) -> str:
        """`mmmu_val (mmmu_acc)`."""
        return f"{self.task} ({self.metric})"

    @property
    def origin(self) -> str:
        """Where the numbers came from, and what was done to them."""
        steps = [f"lmms-eval's {self.metric} of {self.task}", self.scale]
        if self.assumed:
            steps.append("a scale read from the values")
        steps.append("times 100" if self.scale == "0 to 1" else "as it is")
        origin = ", ".join(steps)
        return f"{origin}; {self.note}" if self.note else origin


def find_capabilities(models: Sequence[Measured], groups: Groups) -> list[Capability]:
    """Every metric of the runs' other tasks, by task; `groups` are the runs that are compared with each other."""
    values: dict[tuple[str, str], dict[str, float]] = {}
    for model in models:
        for task, metrics in model.other_metrics.items():
            for metric, value in metrics.items():
                values.setdefault((task, metric), {})[model.label] = value
    return [_capability(task, metric, raw, groups) for (task, metric), raw in sorted(values.items())]


def _capability(task: str, metric: str, raw: Mapping[str, float], groups: Groups) -> Capability:
    known = _KNOWN.get((task, metric))
    scale = known or _guess(raw.values())
    percent: dict[str, float] = {}
    changes: dict[str, CapabilityChange] = {}
    if scale in _TO_PERCENT:
        percent = {label: value * _TO_PERCENT[scale] for label, value in raw.items()}
        for group in groups:
            changes |= _changes(f"{task}/{metric}", group)
    return Capability(task, metric, scale, known is None, _NOTES.get(task, ""), raw, percent, changes)


def _changes(name: str, models: Sequence[Measured]) -> Iterator[tuple[str, CapabilityChange]]:
    """The label of each further run, and its difference from the first; a run without one is left out."""
    baseline, *others = models
    for other in others:
        if name not in baseline.tasks or name not in other.tasks:
            continue
        measured = capability_difference([baseline.tasks[name]], [other.tasks[name]], ALPHA)
        difference = measured.difference
        if difference is not None:
            low, high = in_percent(difference.low), in_percent(difference.high)
            yield other.label, CapabilityChange(100 * difference.difference, low, high, measured.method)


def _guess(values: Collection[float]) -> Scale:
    if min(values) < 0 or max(values) > 100:
        return "other"
    return "0 to 1" if max(values) <= 1 else "0 to 100"


def capability_clauses(capabilities: Sequence[Capability], candidate: str) -> Iterator[str]:
    """What each capability metric says of a run against the first one, without a full stop."""
    for capability in capabilities:
        change = capability.changes.get(candidate)
        if change is not None:
            points = numbers.with_interval(f"{numbers.points(change.points)} points", change.low, change.high)
            yield f"{_finding(change)} on {capability.task} ({points})"


def _finding(change: CapabilityChange) -> str:
    if change.low is None or change.high is None:
        return "no interval for the difference"
    if change.low > 0:
        return "more capable"
    return "less capable" if change.high < 0 else "no difference shown"
