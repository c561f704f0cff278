"""Ranks that can't be excluded: which of several runs may be the best."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from lmms_eval_cross.stats.paired import holm


def rank_sets(below: ArrayLike, alpha: float = 0.05) -> list[tuple[int, int]]:
    """Return the best and the worst rank, 1 being the best, that each of k runs may have.

    `below` has shape (k, k): the one-sided p value of the row's run being below the column's; the diagonal is not read.
    All true ranks lie in their sets together with confidence 1 - alpha (Mogstad, Romano, Shaikh & Wilhelm, Review of
    Economic Studies 2024, from tests of all ordered pairs; unlike their bootstrap with Holm's correction). Equal runs
    share their ranks, and any of these is theirs.
    """
    p_values = np.asarray(below, dtype=np.float64)
    if p_values.ndim != 2 or p_values.shape[0] != p_values.shape[1]:
        raise ValueError(f"below must have a row and a column a run, got shape {p_values.shape}")
    count = len(p_values)
    pairs = ~np.eye(count, dtype=bool)
    shown = np.zeros_like(pairs)
    shown[pairs] = np.array(holm(p_values[pairs].tolist())) < alpha
    best, worst = 1 + shown.sum(axis=1), count - shown.sum(axis=0)
    return list(zip(best.tolist(), worst.tolist(), strict=True))
