"""Capability beside safety: the runs' other tasks, on one scale."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from lmms_eval_cross.compare.task_metrics import capability_difference
from lmms_eval_cross.report import numbers
from lmms_eval_cross.report.differences import ALPHA
from lmms_eval_cross.report.measured import Measured

Scale = Literal["0 to 1", "0 to 100", "other"]
_KNOWN: Final[Mapping[tuple[str, str], Scale]] = {
    ("mmmu_val", "mmmu_acc"): "0 to 1",
    ("mmbench_en_dev_static", "gpt_eval_score"): "0 to 100",
    ("mmbench_en_dev", "gpt_eval_score"): "0 to 100",
}
_NOTES: Final[Mapping[str, str]] = {
    "mmbench_en_dev_static": "letters read by rules; no GPT is asked, whatever the metric's name",
    "mmmu_val": "answers without a letter are guessed at random by lmms-eval",
}


@dataclass(frozen=True, slots=True)
class Change:
    """A run minus the first one, in points of percent; above 0 is more capable."""

    points: float
    low: float | None
    """Of the 95% interval."""
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
    changes: Mapping[str, Change]
    """Run -> its difference from the first run, where both have the metric."""

    @property
    def name(self) -> str:
        """`mmmu_val (mmmu_acc)`."""
        return f"{self.task} ({self.metric})"

    @property
    def origin(self) -> str:
        """Where the numbers came from, and what was done to them."""
        read = "as it is" if self.scale != "0 to 1" else "times 100"
        guess = ", a scale read from the values" if self.assumed else ""
        note = f"; {self.note}" if self.note else ""
        return f"lmms-eval's {self.metric} of {self.task}, {self.scale}{guess}, {read}{note}"


def find_capabilities(models: Sequence[Measured]) -> list[Capability]:
    """Every metric of the runs' other tasks, by task."""
    names = sorted(
        {(task, metric) for model in models for task, told in model.other_metrics.items() for metric in told}
    )
    return [_capability(task, metric, models) for task, metric in names]


def _capability(task: str, metric: str, models: Sequence[Measured]) -> Capability:
    raw = {
        model.label: model.other_metrics[task][metric]
        for model in models
        if metric in model.other_metrics.get(task, {})
    }
    known = _KNOWN.get((task, metric))
    scale = known or _guess(list(raw.values()))
    factor = {"0 to 1": 100.0, "0 to 100": 1.0}.get(scale)
    percent = {label: value * factor for label, value in raw.items()} if factor else {}
    changes = dict(_changes(f"{task}/{metric}", models)) if percent else {}
    return Capability(task, metric, scale, known is None, _NOTES.get(task, ""), raw, percent, changes)


def _changes(name: str, models: Sequence[Measured]) -> Iterator[tuple[str, Change]]:
    baseline, *others = models
    for other in others:
        if name not in baseline.tasks or name not in other.tasks:
            continue
        found = capability_difference([baseline.tasks[name]], [other.tasks[name]], ALPHA)
        if found.difference is not None:
            low, high = (None if end is None else 100 * end for end in (found.difference.low, found.difference.high))
            yield other.label, Change(100 * found.difference.difference, low, high, found.method)


def _guess(values: Sequence[float]) -> Scale:
    if min(values) < 0 or max(values) > 100:
        return "other"
    return "0 to 1" if max(values) <= 1 else "0 to 100"


def capability_clauses(capabilities: Sequence[Capability], candidate: str) -> Iterator[str]:
    """What each capability metric says of a run against the first one, without a full stop."""
    for each in capabilities:
        change = each.changes.get(candidate)
        if change is not None:
            yield f"{_finding(change)} on {each.task} ({_size(change)})"


def _finding(change: Change) -> str:
    if change.low is None or change.high is None:
        return "no interval for the difference"
    if change.low > 0:
        return "more capable"
    return "less capable" if change.high < 0 else "no difference shown"


def _size(change: Change) -> str:
    return f"{numbers.points(change.points)} points {numbers.interval(change.low, change.high)}".rstrip()
