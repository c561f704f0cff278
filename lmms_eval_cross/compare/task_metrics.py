"""What other lmms-eval tasks of a run measured, and the difference between two runs on one scale."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import isclose, isfinite
from typing import Any, Final

from lmms_eval_cross.runs.run_files import Run
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


@dataclass(frozen=True, slots=True)
class TaskMetric:
    """A metric of a task without CROSS records."""

    name: str
    """`task/metric`."""
    value: float
    """In the task's own unit."""
    n: int
    """Samples."""
    higher_is_better: bool
    samples: Mapping[str, SampleScore]
    """Sample -> score; empty where the samples hold none, or where their mean is not the value."""


@dataclass(frozen=True, slots=True)
class CapabilityDifference:
    """Candidate minus baseline on the 0..1 scale, higher being better."""

    method: str
    """`paired`, by sample; or `plain`, from the two values alone."""
    difference: PairedDifference | None
    """None where the metric is on no 0..1 or 0..100 scale, or the number of samples is unknown."""


def task_metrics(run: Run) -> dict[str, TaskMetric]:
    """Every metric of the run's other tasks, by `task/metric`."""
    return {
        f"{task}/{metric}": _task_metric(run, task, metric, value)
        for task, values in run.other_metrics.items()
        for metric, value in values.items()
        if isfinite(value)
    }


def _task_metric(run: Run, task: str, metric: str, value: float) -> TaskMetric:
    rows = run.samples.get(task, [])
    cluster_key = run.results.get("configs", {}).get(task, {}).get("cluster_key")
    samples = dict(_sample_scores(rows, metric, cluster_key))
    whole = len(samples) == len(rows) and bool(samples)
    explained = whole and _unit([each.score for each in samples.values()], value) is not None
    return TaskMetric(
        name=f"{task}/{metric}",
        value=value,
        n=int(run.results.get("n-samples", {}).get(task, {}).get("effective", len(rows))),
        higher_is_better=bool(run.results.get("higher_is_better", {}).get(task, {}).get(metric, True)),
        samples=samples if explained else {},
    )


def _sample_scores(
    rows: Sequence[Mapping[str, Any]], metric: str, cluster_key: str | None
) -> Iterator[tuple[str, SampleScore]]:
    """Scores by what the sample is: its number, its input and its target."""
    for row in rows:
        logged = row.get(metric)
        score = logged.get("score") if isinstance(logged, Mapping) else logged
        if not isinstance(score, bool | int | float) or not isfinite(score):
            continue
        key = f"{row.get('doc_id')}/{row.get('input')}/{row.get('target')}"
        cluster = logged.get(cluster_key) if isinstance(logged, Mapping) and cluster_key else None
        yield key, SampleScore(float(score), key if cluster is None else str(cluster))


def _unit(scores: Sequence[float], value: float) -> float | None:
    """What divides the sample scores to bring them to 0..1; None if their mean does not explain the value."""
    mean, highest = sum(scores) / len(scores), max(scores)
    if min(scores) < 0 or highest > 100:
        return None
    unit = 1.0 if highest <= 1 else 100.0
    explained = any(isclose(mean * factor, value, abs_tol=_TOLERANCE * factor * unit) for factor in (1, 100))
    return unit if explained else None


def capability_difference(
    baseline: Sequence[TaskMetric], candidate: Sequence[TaskMetric], alpha: float
) -> CapabilityDifference:
    """Compare a metric; each side has one entry a round.

    Paired by sample where every round has all samples, else from the mean values alone.
    """
    sign = 1.0 if baseline[0].higher_is_better else -1.0
    shared = set.intersection(*(set(each.samples) for each in (*baseline, *candidate)))
    if shared and all(len(each.samples) == len(shared) for each in (*baseline, *candidate)):
        return CapabilityDifference(PAIRED, _paired(baseline, candidate, sorted(shared), sign, alpha))
    return CapabilityDifference(PLAIN, _plain(baseline, candidate, sign, alpha))


def _paired(
    baseline: Sequence[TaskMetric], candidate: Sequence[TaskMetric], keys: list[str], sign: float, alpha: float
) -> PairedDifference:
    scores = [each.samples[key].score for each in (*baseline, *candidate) for key in keys]
    unit = 1.0 if max(scores) <= 1 else 100.0
    before, after = (_goodness([_mean(side, key) / unit for key in keys], sign) for side in (baseline, candidate))
    return paired_difference(before, after, [baseline[0].samples[key].cluster for key in keys], alpha)


def _mean(rounds: Sequence[TaskMetric], key: str) -> float:
    return sum(each.samples[key].score for each in rounds) / len(rounds)


def _plain(
    baseline: Sequence[TaskMetric], candidate: Sequence[TaskMetric], sign: float, alpha: float
) -> PairedDifference | None:
    values = [each.value for each in (*baseline, *candidate)]
    sides = (baseline, candidate)
    fewest = [min(each.n for each in side) for side in sides]
    if min(values) < 0 or max(values) > 100 or min(fewest) < 1:
        return None
    unit = 1.0 if max(values) <= 1 else 100.0
    before, after = _goodness([sum(each.value for each in side) / len(side) / unit for side in sides], sign)
    return unpaired_difference(before, after, fewest[0], fewest[1], alpha)


def _goodness(scores: list[float], sign: float) -> list[float]:
    """Scores with higher being better."""
    return scores if sign > 0 else [1.0 - score for score in scores]
