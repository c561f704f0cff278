"""The difference between two runs as people would see it, from both runs' judge scores and labels of some of each."""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt

import numpy as np

from lmms_eval_cross.stats.clusters import FEWEST_CLUSTERS, FloatArray, checked_alpha, cluster_codes
from lmms_eval_cross.stats.decisions import FailureBounds
from lmms_eval_cross.stats.labelled import LabelledRun, finite_factor, unlabelled_shares
from lmms_eval_cross.stats.paired import PairedDifference, with_bounds
from lmms_eval_cross.stats.ppi import best_power


@dataclass(frozen=True, slots=True, eq=False)
class JudgedRun:
    """A run's judge scores, labels drawn from its answers, and how many of its answers the judge failed on."""

    run: LabelledRun
    clusters: list[str]
    """The norm of each score."""
    failed: int = 0

    @property
    def failed_share(self) -> float:
        """Of all answers."""
        return self.failed / (self.failed + len(self.run.scores))


@dataclass(frozen=True, slots=True, eq=False)
class _Influences:
    """What the answers and labels of one run add to the error of its mean, and what the mean is made of."""

    label_mean: float
    gap: float
    """The judge's mean over the run less that over the labelled answers."""
    of_run: FloatArray
    """On lambda times the judge's mean."""
    truth: FloatArray
    """Of the labels."""
    judge: FloatArray
    """Of the judge's scores of the labelled answers, on lambda times their mean."""

    @classmethod
    def of(cls, run: LabelledRun) -> _Influences:
        labelled, scores = run.labelled, run.scores
        shares = labelled.weights / len(labelled.labels)
        label_mean, judged_mean = float(shares @ labelled.labels), float(shares @ labelled.judged)
        return cls(
            label_mean=label_mean,
            gap=float(scores.mean()) - judged_mean,
            of_run=np.asarray((scores - scores.mean()) / len(scores)),
            truth=np.asarray(shares * (labelled.labels - label_mean)),
            judge=np.asarray(-shares * (labelled.judged - judged_mean)),
        )


def ppi_difference(baseline: JudgedRun, candidate: JudgedRun, alpha: float = 0.05) -> PairedDifference:
    """Return candidate minus baseline as people would see it, with clustered bounds.

    The difference of two prediction-powered means (PPI++; Angelopoulos, Duchi & Zrnic, arXiv:2311.01453) with one
    lambda, that of the least error of the difference. Unlike the paper: weights of the draw, errors of sums by cluster
    over both runs and both draws, so that what pairing and labelling the same samples gains is kept, few seen errors of
    the judge allowed for as in `ppi_mean`, and t quantiles by the fewer labelled clusters. Nothing is assumed of the
    judge: it may err otherwise on either side.
    """
    checked_alpha(alpha)
    change, means, fewer, error = _estimate(baseline, candidate)
    return with_bounds(change, means, len(candidate.run.scores), fewer, error, alpha)


def ppi_bounds(baseline: JudgedRun, candidate: JudgedRun, alpha: float = 0.05) -> FailureBounds:
    """Return what `bounds_with_failures` returns; arguments as for `ppi_difference`.

    Answers without a score count as 0 or 1 of what people would say, with the error of the rest.
    """
    checked_alpha(alpha)
    change, means, fewer, error = _estimate(baseline, candidate)
    n = len(candidate.run.scores)

    def filled(before: float, after: float) -> PairedDifference:
        shares = (baseline.failed_share, candidate.failed_share)
        first, second = (
            (1 - share) * mean + share * fill for mean, share, fill in zip(means, shares, (before, after), strict=True)
        )
        return with_bounds(second - first, (first, second), n + candidate.failed, fewer, error, alpha)

    complete = with_bounds(change, means, n, fewer, error, alpha)
    return FailureBounds(complete, filled(1.0, 0.0), filled(0.0, 1.0), baseline.failed, candidate.failed)


def _estimate(baseline: JudgedRun, candidate: JudgedRun) -> tuple[float, tuple[float, float], int, float | None]:
    """Difference, both means cut to 0..1, the fewer labelled clusters, and the error; None with too few of them."""
    sides = baseline, candidate
    before, after = (_Influences.of(side.run) for side in sides)
    truth, judge = _by_cluster(sides, before, after)
    power = best_power(truth, judge)
    first, second = (one.label_mean + power * one.gap for one in (before, after))
    means = min(1.0, max(0.0, first)), min(1.0, max(0.0, second))
    fewer = min(side.run.places.label_clusters() for side in sides)
    if fewer < FEWEST_CLUSTERS:
        return second - first, means, fewer, None
    unseen = 0.0
    for side, one in zip(sides, (before, after), strict=True):
        weights = side.run.labelled.weights
        left = unlabelled_shares(weights, len(side.run.scores))
        unseen += side.run.unseen(one.truth + power * one.judge, weights, left)
    total = truth + power * judge
    return second - first, means, fewer, sqrt(finite_factor(fewer) * float(total @ total) + unseen)


def _by_cluster(
    sides: tuple[JudgedRun, JudgedRun], before: _Influences, after: _Influences
) -> tuple[FloatArray, FloatArray]:
    """Influences of labels and of judge scores on the difference, each added up by cluster over both sides."""
    names: list[object] = []
    truth: list[FloatArray] = []
    judge: list[FloatArray] = []
    for side, one, sign in zip(sides, (before, after), (-1, 1), strict=True):
        names += [*side.clusters, *side.run.labelled.clusters]
        truth += [np.zeros(len(one.of_run)), sign * one.truth]
        judge += [sign * one.of_run, sign * one.judge]
    codes = cluster_codes(names, len(names))
    sums = [np.bincount(codes, weights=np.concatenate(parts)).astype(np.float64) for parts in (truth, judge)]
    return sums[0], sums[1]
