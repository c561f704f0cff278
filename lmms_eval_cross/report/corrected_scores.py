"""Means corrected for the judge's errors by human labels, beside what the judge gives."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from lmms_eval_cross.benchmark.records import Dimension
from lmms_eval_cross.report.measured import Measured
from lmms_eval_cross.report.scores import in_percent
from lmms_eval_cross.stats import Corrected, Interval
from lmms_eval_cross.stats.agreement_intervals import Ends
from lmms_eval_cross.trust.corrected_means import corrected_means, far_rates
from lmms_eval_cross.trust.human_labels import LabelSet


@dataclass(frozen=True, slots=True)
class RateEstimate:
    """A mean with its two-sided 95% interval, in percent."""

    mean: float
    low: float | None
    """None where there are too few norms for an interval."""
    high: float | None


@dataclass(frozen=True, slots=True)
class CorrectedEstimate(RateEstimate):
    """A corrected mean, in percent: `low` and `high` are for the rate over norms like these, like the judge rate's."""

    run_low: float | None
    """For what people would say of the run's own answers; None where they are of other answers."""
    run_high: float | None


@dataclass(frozen=True, slots=True)
class CorrectedScore:
    """One dimension of one run."""

    model: str
    """The run's name in the report."""
    dimension: Dimension
    judge_rate: RateEstimate
    """The judge's mean, uncorrected."""
    rogan_gladen: CorrectedEstimate | None
    """None where `reason` says why."""
    ppi: CorrectedEstimate | None
    """PPI++; None where the labels are of other answers, or where `reason` says why."""
    sensitivity: float | None
    """Of the judge against the labels, 0..1."""
    specificity: float | None
    intervals: Mapping[str, Ends]
    """Two-sided 95% over norms of `sensitivity` and `specificity`, 0..1."""
    labels: int
    of_run: bool
    """The labelled answers are the run's own."""
    reason: str | None
    """Why nothing is corrected, or can't be trusted."""


def corrected_scores(models: Sequence[Measured], labels: LabelSet | None) -> list[CorrectedScore]:
    """Every dimension of every run, corrected; nothing without labels.

    Raises:
        LabelError: the labels are of another judge, rubric or profile, or too few.
        AnchorError: a run was judged in several ways.
    """
    if labels is None:
        return []
    corrected: list[CorrectedScore] = []
    for model in models:
        corrected += _of_model(model, labels)
    return corrected


def _of_model(model: Measured, labels: LabelSet) -> Iterator[CorrectedScore]:
    for means in corrected_means(model.answers, labels):
        yield CorrectedScore(
            model=model.label,
            dimension=means.dimension,
            judge_rate=_judge_rate(means.judge_rate),
            rogan_gladen=None if means.rogan_gladen is None else _corrected(means.rogan_gladen),
            ppi=None if means.ppi is None else _corrected(means.ppi),
            sensitivity=means.sensitivity,
            specificity=means.specificity,
            intervals=means.intervals,
            labels=means.labels,
            of_run=means.of_run,
            reason=means.reason or next(iter(far_rates([means])), None),
        )


def _judge_rate(interval: Interval) -> RateEstimate:
    return RateEstimate(100 * interval.mean, in_percent(interval.low), in_percent(interval.high))


def _corrected(corrected: Corrected) -> CorrectedEstimate:
    return CorrectedEstimate(
        mean=100 * corrected.mean,
        low=in_percent(corrected.low),
        high=in_percent(corrected.high),
        run_low=in_percent(corrected.run_low),
        run_high=in_percent(corrected.run_high),
    )
