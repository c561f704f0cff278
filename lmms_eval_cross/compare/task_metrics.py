"""What other lmms-eval tasks of a run measured, and the difference between two runs on one scale."""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from math import isclose, isfinite
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from lmms_eval_cross.runs.run_files import LoggedRun
from lmms_eval_cross.stats import PairedDifference, paired_difference, unpaired_difference

PAIRED: Final = "paired"
PLAIN: Final = "plain"
_TOLERANCE: Final = 1e-3
"""Tasks round what they report; sample scores explain a value that they meet within this, relative to the scale."""


@dataclass(frozen=True, slots=True)
class SampleScore:
    """A logged sample's score in the task's own unit, and the cluster it stands in."""

    score: float
    cluster: str


@dataclass(frozen=True)
class TaskMetric:
    """A metric of a task without CROSS records."""

    name: str
    """`task/metric`."""
    value: float
    """In the task's own unit."""
    n: int
    """Samples."""
    higher_is_better: bool
    read: Callable[[], Mapping[str, SampleScore]] = dict
    """Gives `samples`."""

    @cached_property
    def samples(self) -> Mapping[str, SampleScore]:
        """Sample -> score; empty where the samples hold none, or where their mean is not the value.

        Raises:
            RunError: their file, which is read only where somebody compares the metric, is damaged.
        """
        return self.read()


@dataclass(frozen=True, slots=True)
class CapabilityDifference:
    """Candidate minus baseline on the 0..1 scale, higher being better."""

    method: str
    """`paired`, by sample; or `plain`, from the two values alone."""
    difference: PairedDifference | None
    """None where the metric is on no 0..1 or 0..100 scale, or the number of samples is unknown."""


def task_metrics(run: LoggedRun) -> dict[str, TaskMetric]:
    """Every metric of the run's other tasks, by `task/metric`."""
    metrics: dict[str, TaskMetric] = {}
    for task, values in run.other_metrics.items():
        for metric, value in values.items():
            if isfinite(value):
                metrics[f"{task}/{metric}"] = _task_metric(run, task, metric, value)
    return metrics


def _task_metric(run: LoggedRun, task: str, metric: str, value: float) -> TaskMetric:
    size = run.results.get("n-samples", {}).get(task, {}).get("effective")
    return TaskMetric(
        name=f"{task}/{metric}",
        value=value,
        n=len(run.samples.get(task, [])) if size is None else int(size),
        higher_is_better=bool(run.results.get("higher_is_better", {}).get(task, {}).get(metric, True)),
        read=partial(_explaining_scores, run, task, metric, value),
    )


def _explaining_scores(run: LoggedRun, task: str, metric: str, value: float) -> Mapping[str, SampleScore]:
    """The scores of all samples, if their mean is the value."""
    rows = run.samples.get(task, [])
    cluster_key = run.results.get("configs", {}).get(task, {}).get("cluster_key")
    samples = dict(_sample_scores(rows, metric, cluster_key))
    if len(samples) != len(rows) or not _explain(samples.values(), value):
        return {}
    return samples


def _sample_scores(
    rows: Sequence[Mapping[str, Any]], metric: str, cluster_key: str | None
) -> Iterator[tuple[str, SampleScore]]:
    """Scores by what the sample is: its number, its input and its target."""
    for row in rows:
        logged, cluster = row.get(metric), None
        score = logged
        if isinstance(logged, Mapping):
            score, cluster = logged.get("score"), logged.get(cluster_key)
        if not isinstance(score, bool | int | float) or not isfinite(score):
            continue
        key = f"{row.get('doc_id')}/{row.get('input')}/{row.get('target')}"
        if cluster is None:
            cluster = key
        yield key, SampleScore(float(score), str(cluster))


def _explain(samples: Collection[SampleScore], value: float) -> bool:
    """Whether scores within 0..1 or 0..100 have the value as their mean, or 100 times it."""
    scores = [sample.score for sample in samples]
    if not scores or min(scores) < 0 or max(scores) > 100:
        return False
    mean, tolerance = sum(scores) / len(scores), _TOLERANCE * _unit(max(scores))
    return isclose(mean, value, abs_tol=tolerance) or isclose(100 * mean, value, abs_tol=100 * tolerance)


def _unit(highest: float) -> float:
    """What divides numbers up to `highest` to bring them to 0..1."""
    if highest <= 1:
        return 1.0
    return 100.0


def capability_difference(
    baseline: Sequence[TaskMetric], candidate: Sequence[TaskMetric], alpha: float
) -> CapabilityDifference:
    """Compare a metric; each side has one entry a round.

    Paired by sample where every round has all samples, else from the mean values alone.
    """
    keys = baseline[0].samples.keys()
    if keys and all(metric.samples.keys() == keys for metric in (*baseline, *candidate)):
        return CapabilityDifference(PAIRED, _paired(baseline, candidate, sorted(keys), alpha))
    return CapabilityDifference(PLAIN, _plain(baseline, candidate, alpha))


def _paired(
    baseline: Sequence[TaskMetric], candidate: Sequence[TaskMetric], keys: Sequence[str], alpha: float
) -> PairedDifference:
    before, after = _scores(baseline, keys), _scores(candidate, keys)
    unit = _unit(max(before.max(), after.max()))
    means = sum(before) / len(before) / unit, sum(after) / len(after) / unit
    clusters = [baseline[0].samples[key].cluster for key in keys]
    if baseline[0].higher_is_better:
        return paired_difference(*means, clusters, alpha)
    return paired_difference(1.0 - means[0], 1.0 - means[1], clusters, alpha)


def _scores(rounds: Sequence[TaskMetric], keys: Sequence[str]) -> NDArray[np.float64]:
    """Shape (rounds, keys)."""
    scores = np.empty((len(rounds), len(keys)))
    for row, metric in enumerate(rounds):
        scores[row] = [metric.samples[key].score for key in keys]
    return scores


def _plain(baseline: Sequence[TaskMetric], candidate: Sequence[TaskMetric], alpha: float) -> PairedDifference | None:
    values = [metric.value for metric in (*baseline, *candidate)]
    before_n, after_n = _fewest(baseline), _fewest(candidate)
    if min(values) < 0 or max(values) > 100 or min(before_n, after_n) < 1:
        return None
    unit = _unit(max(values))
    before, after = _mean_value(baseline) / unit, _mean_value(candidate) / unit
    if baseline[0].higher_is_better:
        return unpaired_difference(before, after, before_n, after_n, alpha)
    return unpaired_difference(1.0 - before, 1.0 - after, before_n, after_n, alpha)


def _fewest(rounds: Sequence[TaskMetric]) -> int:
    return min(metric.n for metric in rounds)


def _mean_value(rounds: Sequence[TaskMetric]) -> float:
    return sum(metric.value for metric in rounds) / len(rounds)
