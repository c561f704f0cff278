"""Looking several times: how much of alpha each look may spend, so that all of them together spend no more."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from math import sqrt

import numpy as np

from lmms_eval_cross.stats.clusters import FloatArray, checked_alpha
from lmms_eval_cross.stats.late import special

NODES = 300
"""Of the quadrature; more change no bound in the fifth digit."""
REACH = 9.0
"""Standard deviations below 0 that the quadrature covers."""
SMALLEST_STEP = 0.01
"""Information that a look adds at least, as a share of what was there, so that the quadrature resolves it."""


def spent(alpha: float, fraction: float) -> float:
    """Return how much of a one-sided alpha is spent once this fraction of the information, in 0..1, is there.

    2 - 2 Phi(z(1 - alpha / 2) / sqrt(fraction)): Lan & DeMets, Biometrika 1983, of O'Brien & Fleming's type.
    """
    if not 0 < fraction <= 1:
        raise ValueError(f"fraction must be above 0 and at most 1, got {fraction:g}")
    quantile = float(special().ndtri(1 - checked_alpha(alpha) / 2))
    return 2 * float(special().ndtr(-quantile / sqrt(fraction)))


def nominal_levels(alpha: float, fractions: Sequence[float]) -> list[float]:
    """Return the one-sided level that each look tests at, so that all looks together err in at most alpha.

    `fractions` of the information, rising, in 0..1. The estimate's increments are independent normal (Armitage,
    McPherson & Rowe, JRSS A 1969), so that the bounds follow one from the other by integrating over what did not cross
    before. A look's bound depends on no later look.
    """
    checked_fractions(fractions)
    levels: list[float] = []
    before, paths = 0.0, _Paths()
    for fraction in fractions:
        share, before = spent(alpha, fraction) - before, spent(alpha, fraction)
        bound = paths.bound(fraction, share)
        levels.append(float(special().ndtr(-bound)))
        if fraction < fractions[-1]:
            paths.go_on(fraction, bound)
    return levels


def checked_fractions(fractions: Sequence[float]) -> None:
    """Raise ValueError unless there are some that rise within 0..1, by 1% of what was there at least."""
    before = 0.0
    for fraction in fractions:
        if not before * (1 + SMALLEST_STEP) < fraction <= 1:
            raise ValueError(f"fractions must rise within 0..1, got {', '.join(f'{one:g}' for one in fractions)}")
        before = fraction
    if not fractions:
        raise ValueError("fractions must hold at least one, got none")


class _Paths:
    """The paths of a score process of variance 1 a unit of information that have crossed no bound so far."""

    def __init__(self) -> None:
        self._information = 0.0
        self._scores: FloatArray = np.zeros(1)
        """Where the paths stand."""
        self._masses: FloatArray = np.ones(1)
        """Their probabilities."""

    def bound(self, information: float, share: float) -> float:
        """The z value that this share of all paths crosses at this information, by bisection."""
        low, high = -REACH, 4 * REACH
        while high - low > 1e-9:
            middle = (low + high) / 2
            if self._crossing(information, middle) > share:
                low = middle
            else:
                high = middle
        return high

    def _crossing(self, information: float, bound: float) -> float:
        step = sqrt(information - self._information)
        distances = (bound * sqrt(information) - self._scores) / step
        return float(self._masses @ special().ndtr(-distances))

    def go_on(self, information: float, bound: float) -> None:
        """Drop the paths above the bound, and let the others reach this information."""
        points, weights = _gauss_legendre()
        end, start = min(bound, REACH) * sqrt(information), -REACH * sqrt(information)
        scores = start + (points + 1) / 2 * (end - start)
        step = sqrt(information - self._information)
        kernel = (scores[:, None] - self._scores) / step
        np.square(kernel, out=kernel)  # in place: a table of 90,000 places takes longer to copy than to square
        kernel /= -2
        densities = np.exp(kernel, out=kernel) @ self._masses / (step * sqrt(2 * np.pi))
        self._information, self._scores = information, scores
        self._masses = densities * weights * (end - start) / 2


@cache
def _gauss_legendre() -> tuple[FloatArray, FloatArray]:
    """Points in -1..1 and their weights, each of shape (NODES,)."""
    points, weights = np.polynomial.legendre.leggauss(NODES)
    return points, weights


def information_fractions(sizes: Sequence[float], clusters: Sequence[int], correlation: float) -> list[float]:
    """Return the information that the first so many clusters give, as fractions of what all give.

    Information is 1 / variance of the mean over samples, sum n (1 + (n - 1) correlation) / (sum n)^2 (Kish, Survey
    Sampling, 1965).

    Args:
        sizes: samples of each cluster, in the order in which they come.
        clusters: how many of them each look has, rising.
        correlation: within clusters, 0..1.
    """
    n = np.asarray(sizes, dtype=np.float64)
    information = np.cumsum(n) ** 2 / np.cumsum(n * (1 + (n - 1) * correlation))
    return [float(information[count - 1] / information[-1]) for count in clusters]
