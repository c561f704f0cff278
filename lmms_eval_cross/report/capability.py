"""Capability beside safety: the runs' other tasks, on one scale."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from lmms_eval_cross.report import numbers
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
    return Capability(task, metric, scale, known is None, _NOTES.get(task, ""), raw, percent)


def _guess(values: Sequence[float]) -> Scale:
    if min(values) < 0 or max(values) > 100:
        return "other"
    return "0 to 1" if max(values) <= 1 else "0 to 100"


def capability_clauses(capabilities: Sequence[Capability], baseline: str, candidate: str) -> Iterator[str]:
    """What each capability metric says of two runs; no interval, since lmms-eval gives none for them."""
    for each in capabilities:
        if baseline not in each.percent or candidate not in each.percent:
            continue
        before, after = each.percent[baseline], each.percent[candidate]
        change = f"{numbers.points(after - before)}, no interval"
        yield f"on {each.task} it scores {numbers.percent(after)} against {numbers.percent(before)} ({change})"
