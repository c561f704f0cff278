"""Draw answers for an anchor or for labelling, each with a known probability."""

from collections import defaultdict
from collections.abc import Hashable, Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lmms_eval_cross.stats.clusters import FloatArray


def drawing_probabilities(outcomes: Sequence[Hashable], n: int, drawn: ArrayLike | None = None) -> FloatArray:
    """The probability of each answer to be among the `n` drawn, shape (answers,); they add up to n.

    Rare outcomes are drawn more often: an outcome that N answers share gets a share of the draw that grows with
    sqrt(N) (power allocation; Bankier, The American Statistician 1988). Nothing is above 1. Answers that were
    themselves drawn with the probabilities `drawn` are drawn again so that both draws together have that allocation.
    """
    if n >= len(outcomes):
        return np.ones(len(outcomes))
    before = np.ones(len(outcomes))
    if drawn is not None:
        before = np.asarray(drawn, dtype=np.float64)
    counts: dict[Hashable, float] = defaultdict(float)
    for outcome, probability in zip(outcomes, before.tolist(), strict=True):
        counts[outcome] += 1 / probability
    sizes = np.array([counts[outcome] ** -0.5 for outcome in outcomes]) / before
    certain = np.zeros(len(sizes), dtype=bool)
    while True:
        scale = (n - certain.sum()) / sizes[~certain].sum()
        probabilities = np.where(certain, 1.0, sizes * scale)
        if (probabilities <= 1).all():
            return np.asarray(probabilities, dtype=np.float64)
        certain |= probabilities > 1


def draw_systematically(
    probabilities: FloatArray, order: Sequence[int], generator: np.random.Generator
) -> NDArray[np.intp]:
    """Positions drawn, as many as the probabilities add up to, in increasing order.

    One random start, then every whole step along the running sum of the probabilities, taken in `order`
    (Madow, Ann. Math. Statistics 1949). Sorted by strata, each stratum gets its expected count, rounded up or down.
    """
    total = np.cumsum(probabilities[list(order)])
    total[-1] = round(float(total[-1]))
    steps = np.floor(total + generator.random())
    drawn = np.diff(steps, prepend=0.0) > 0
    return np.sort(np.asarray(order, dtype=np.intp)[drawn])


def stratified_order(strata: Sequence[tuple[str, ...]], generator: np.random.Generator) -> list[int]:
    """The positions sorted by stratum, shuffled within."""
    shuffled = generator.permutation(len(strata)).tolist()
    return sorted(shuffled, key=lambda position: strata[position])
