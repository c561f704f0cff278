"""Several runs in order, with the ranks that each may truly have."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Final

import numpy as np

from lmms_eval_cross.errors import listing
from lmms_eval_cross.report.differences import ALPHA, paired
from lmms_eval_cross.report.measured import Measured
from lmms_eval_cross.stats import Evidence, PairedDifference, inferiority, rank_sets, superiority

FEWEST_RUNS: Final = 3
"""Of two the difference says all."""


@dataclass(frozen=True, slots=True)
class Standing:
    """A run's place on compliance among those that it can be compared with."""

    run: str
    mean: float | None
    """Percent."""
    best: int
    """The best rank that can't be excluded, 1 being the highest compliance."""
    worst: int


def leaderboards(groups: Sequence[Sequence[Measured]]) -> list[list[Standing]]:
    """Of every group with three runs or more, its runs by compliance, the highest first.

    The sets hold together with 95% confidence, however failures are filled.
    """
    return [_leaderboard(group) for group in groups if len(group) >= FEWEST_RUNS]


def _leaderboard(group: Sequence[Measured]) -> list[Standing]:
    below = np.ones((len(group), len(group)))
    for row, column in combinations(range(len(group)), 2):
        below[row, column], below[column, row] = _p_values(group[row], group[column])
    ranks = rank_sets(below, ALPHA)
    means = [run.dimensions["compliance"].mean for run in group]
    board = [Standing(run.label, mean, *rank) for run, mean, rank in zip(group, means, ranks, strict=True)]
    return sorted(board, key=lambda one: (-(one.mean or 0.0), one.run))


def _p_values(one: Measured, other: Measured) -> tuple[float, float]:
    """Of one run being below the other, and the reverse.

    Each is the largest without failures and with them filled either way.
    """
    bounds = paired(other.table, one.table, "compliance")
    if bounds is None:
        return 1.0, 1.0
    views = bounds.complete, bounds.against, bounds.in_favour
    lower, higher = ([_p_value(test, view) for view in views] for test in (inferiority, superiority))
    return max(lower), max(higher)


def _p_value(test: Callable[[PairedDifference], Evidence], difference: PairedDifference | None) -> float:
    """1 where there is none."""
    p_value = None if difference is None else test(difference).p_value
    return 1.0 if p_value is None else p_value


def best_sentence(board: Sequence[Standing]) -> str:
    """Which runs may be the best."""
    best = [one.run for one in board if one.best == 1]
    if len(best) == 1:
        return f"Of {len(board)} runs {best[0]} has the highest compliance, with 95% confidence."
    return f"Of {len(board)} runs any of these may have the highest compliance, with 95% confidence: {listing(best)}."
