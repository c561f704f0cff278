"""Means corrected for the judge's errors by human labels, beside what the judge gives."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from lmms_eval_cross.benchmark.records import DIMENSIONS, Dimension
from lmms_eval_cross.report.measured import Measured
from lmms_eval_cross.stats import Corrected, Interval
from lmms_eval_cross.trust.corrected_means import corrected_mean
from lmms_eval_cross.trust.human_labels import LabelSet


@dataclass(frozen=True, slots=True)
class Estimate:
    """A mean with its 95% interval, in percent."""

    mean: float
    low: float | None
    """None where there are too few norms for an interval."""
    high: float | None


@dataclass(frozen=True, slots=True)
class CorrectedEstimate(Estimate):
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
    judge_rate: Estimate
    """The judge's mean, uncorrected."""
    rogan_gladen: CorrectedEstimate
    ppi: CorrectedEstimate | None
    """PPI++; None where the labels are of other answers."""
    sensitivity: float | None
    """Of the judge against the labels, 0..1."""
    specificity: float | None
    labels: int
    of_run: bool
    """The labelled answers are the run's own."""


def corrected_scores(models: Sequence[Measured], labels: LabelSet | None) -> list[CorrectedScore]:
    """Every dimension of every run, corrected; nothing without labels.

    Raises:
        LabelError: the labels are of another judge, rubric or profile, or too few.
        AnchorError: a run was judged in several ways.
    """
    return [] if labels is None else [each for model in models for each in _of_model(model, labels)]


def _of_model(model: Measured, labels: LabelSet) -> Iterator[CorrectedScore]:
    for dimension in DIMENSIONS:
        found = corrected_mean(model.answers, labels, dimension)
        yield CorrectedScore(
            model=model.label,
            dimension=dimension,
            judge_rate=_uncorrected(found.judge_rate),
            rogan_gladen=_estimate(found.rogan_gladen),
            ppi=None if found.ppi is None else _estimate(found.ppi),
            sensitivity=found.sensitivity,
            specificity=found.specificity,
            labels=found.labels,
            of_run=found.of_run,
        )


def _uncorrected(found: Interval) -> Estimate:
    return Estimate(100 * found.mean, _percent(found.low), _percent(found.high))


def _estimate(found: Corrected) -> CorrectedEstimate:
    ends = (_percent(end) for end in (found.low, found.high, found.run_low, found.run_high))
    return CorrectedEstimate(100 * found.mean, *ends)


def _percent(share: float | None) -> float | None:
    return None if share is None else 100 * share
