"""How far two raters agree on 0/1 scores, and how much of that chance would give."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt
from typing import Final

import numpy as np
from numpy.typing import ArrayLike

from lmms_eval_cross.stats.clusters import FloatArray
from lmms_eval_cross.stats.weighted import checked_weights

FEWEST_ASKINGS: Final = 5


@dataclass(frozen=True, slots=True)
class Confusion:
    """Shares of the four pairs of scores, (reference, other); they add up to 1."""

    both: float
    """(1, 1)"""
    reference_only: float
    """(1, 0)"""
    other_only: float
    """(0, 1)"""
    neither: float
    """(0, 0)"""
    n: int
    """Pairs, unweighted."""

    @property
    def reference_rate(self) -> float:
        """Share of 1 that the reference gives."""
        return self.both + self.reference_only

    @property
    def other_rate(self) -> float:
        """Share of 1 that the other gives."""
        return self.both + self.other_only

    @property
    def agreement(self) -> float:
        """Share of equal scores."""
        return self.both + self.neither

    @property
    def constant_agreement(self) -> float:
        """Agreement with the reference of one who always gives its commoner score; the kappa of that is 0."""
        return max(self.reference_rate, 1 - self.reference_rate)

    @property
    def kappa(self) -> float | None:
        """Cohen's kappa (Educ. Psychol. Meas. 1960); None where both always give one and the same score."""
        a, b = self.reference_rate, self.other_rate
        return above_chance(self.agreement, a * b + (1 - a) * (1 - b))

    @property
    def ac1(self) -> float | None:
        """Gwet's AC1 (Br. J. Math. Stat. Psychol. 2008), which stays high where one score is rare."""
        rate = (self.reference_rate + self.other_rate) / 2
        return above_chance(self.agreement, 2 * rate * (1 - rate))

    @property
    def sensitivity(self) -> float | None:
        """Share of 1 by the other where the reference gives 1; None where it never does."""
        return ratio(self.both, self.reference_rate)

    @property
    def specificity(self) -> float | None:
        """Share of 0 by the other where the reference gives 0; None where it never does."""
        return ratio(self.neither, self.neither + self.other_only)


def above_chance(observed: float, expected: float) -> float | None:
    """Return (observed - expected) / (1 - expected); None where chance alone agrees fully."""
    if np.isclose(expected, 1.0, rtol=0, atol=1e-12):
        return None
    return (observed - expected) / (1 - expected)


def ratio(part: float, whole: float) -> float | None:
    """Return part / whole, None where whole is 0."""
    if not whole > 0:
        return None
    return part / whole


def confusion(reference: ArrayLike, other: ArrayLike, weights: ArrayLike | None = None) -> Confusion:
    """Return the table of two raters' 0/1 scores, each of shape (n,), weighted by inverse drawing probability.

    ValueError unless there is a pair, the shapes are equal and all scores are 0 or 1.
    """
    a, b = checked_binary("reference", reference), checked_binary("other", other)
    if len(a) != len(b):
        raise ValueError(f"other must have one score per reference score, got {len(b)} for {len(a)}")
    shares = checked_weights(weights, len(a)) / len(a)
    both, reference_only = float(shares @ (a * b)), float(shares @ (a * (1 - b)))
    other_only, neither = float(shares @ ((1 - a) * b)), float(shares @ ((1 - a) * (1 - b)))
    return Confusion(both, reference_only, other_only, neither, len(a))


def checked_binary(name: str, values: ArrayLike) -> FloatArray:
    """Return 0/1 scores as floats, shape (n,); ValueError for anything else."""
    scores = np.asarray(values, dtype=np.float64)
    if scores.ndim != 1 or scores.size == 0:
        raise ValueError(f"{name} must have one score per sample and at least one, got shape {scores.shape}")
    if not np.isin(scores, (0.0, 1.0)).all():
        raise ValueError(f"{name} must be 0 or 1, got {scores[~np.isin(scores, (0.0, 1.0))][0]:g}")
    return scores


def krippendorff_alpha(ratings: Sequence[Sequence[float]] | FloatArray) -> float | None:
    """Return Krippendorff's alpha for nominal scores (Content Analysis, 2004, ch. 11).

    `ratings` has shape (raters, items), NaN where a rater gave none. None where no item has two
    ratings or all ratings are equal.
    """
    table = np.asarray(ratings, dtype=np.float64)
    if table.ndim != 2:
        raise ValueError(f"ratings must have shape (raters, items), got {table.shape}")
    given = ~np.isnan(table)
    table = table[:, given.sum(axis=0) >= 2]
    scores = np.unique(table[~np.isnan(table)])
    if len(scores) < 2:
        return None
    counts = np.array([(table == score).sum(axis=0) for score in scores], dtype=np.float64)
    return alpha_of_counts(counts)


def alpha_of_counts(counts: FloatArray) -> float:
    """Return alpha for counts of shape (scores, items), each item with two ratings or more."""
    raters = counts.sum(axis=0)
    observed = float(((raters**2 - np.square(counts).sum(axis=0)) / (raters - 1)).sum())
    totals, everything = counts.sum(axis=1), float(raters.sum())
    expected = float(everything**2 - np.square(totals).sum()) / (everything - 1)
    return 1 - observed / expected


def consistency(repeats: Sequence[Sequence[float]] | FloatArray, weights: ArrayLike | None = None) -> float | None:
    """Return the mean agreement of two askings of one judge; `ceiling` says what another judge can reach.

    `repeats` has shape (askings, items), NaN for a failed verdict; pairs of askings count by item, items by `weights`,
    inverse drawing probabilities of shape (items,). None where no item was scored twice.
    """
    table = np.asarray(repeats, dtype=np.float64)
    ones, given = np.nansum(table, axis=0), (~np.isnan(table)).sum(axis=0)
    twice = given >= 2
    if not twice.any():
        return None
    ones, given, shares = ones[twice], given[twice], checked_weights(weights, table.shape[-1])[twice]
    equal = ones * (ones - 1) + (given - ones) * (given - ones - 1)
    return float(np.average(equal / (given * (given - 1)), weights=shares))


def ceiling(agreement: float) -> tuple[float, float] | None:
    """Return between what a steady judge of the same mind would agree with one who agrees with itself so far.

    Who flips an answer with probability q agrees with itself in 1 - 2q (1 - q) and with the steady judge in 1 - q. If
    the flips sit on answers that go either way, q = 1/2, both are equal: the lower end. If all answers flip alike it is
    (1 + sqrt(2 * agreement - 1)) / 2, the upper end, as that is concave. None below 1/2, which no such judge has.
    """
    if agreement < 0.5:
        return None
    return agreement, (1 + sqrt(2 * agreement - 1)) / 2


def majority_agreement(
    repeats: Sequence[Sequence[float]] | FloatArray, weights: ArrayLike | None = None
) -> float | None:
    """Return how far an asking agrees with the majority of the others, the ceiling answer by answer.

    Arguments as for `consistency`; a tie counts as half. None with fewer than FEWEST_ASKINGS askings of some item, for
    the majority of few is often the wrong one; with more it comes to `ceiling`'s truth from below.
    """
    table = np.asarray(repeats, dtype=np.float64)
    given = (~np.isnan(table)).sum(axis=0)
    often = given >= FEWEST_ASKINGS
    if not often.any():
        return None
    table, given, shares = table[:, often], given[often], checked_weights(weights, len(given))[often]
    others = (np.nansum(table, axis=0) - table) / (given - 1)
    equal = np.where(others == 0.5, 0.5, table == (others > 0.5))
    by_item = np.nanmean(np.where(np.isnan(table), np.nan, equal), axis=0)
    return float(np.average(by_item, weights=shares))
