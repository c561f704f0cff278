"""Where it got worse: the difference in every country, language, subset, setting and wording."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from lmms_eval_cross.benchmark.records import DIMENSIONS, FACETS, Dimension, Facet
from lmms_eval_cross.compare.pairs import PairedScores
from lmms_eval_cross.stats import PairedDifference, holm, inferiority, paired_difference


@dataclass(frozen=True, slots=True)
class Slice:
    """One dimension in one part of the samples."""

    facet: Facet
    value: str
    dimension: Dimension
    difference: PairedDifference
    p_value: float | None
    """That it is worse, adjusted by Holm for all slices of the dimension; None where there are too few clusters."""

    @property
    def is_worse(self) -> bool:
        """Shown to be worse among all slices of its dimension."""
        return self.p_value is not None and self.p_value < self.difference.alpha


def find_slices(pairs: PairedScores, alpha: float) -> list[Slice]:
    """Every slice of every dimension, the one with the largest shown loss first.

    The order is that of the upper bound: a small slice that fell far by chance does not come first. A facet with
    one value is left out, it is the whole. Slices never decide the gate.
    """
    found = [each for dimension in DIMENSIONS for each in _adjusted(list(_differences(pairs, dimension, alpha)))]
    return sorted(found, key=_shown_loss)


def _differences(pairs: PairedScores, dimension: Dimension, alpha: float) -> Iterator[Slice]:
    before, after = pairs.means(dimension)
    scored = ~np.isnan(before - after)
    clusters = np.array(pairs.clusters)
    for facet in FACETS:
        values = np.array([getattr(facts, facet) for facts in pairs.facts])
        for value in sorted(set(values)) if len(set(values)) > 1 else ():
            kept = scored & (values == value)
            if kept.any():
                difference = paired_difference(before[kept], after[kept], clusters[kept].tolist(), alpha)
                yield Slice(facet, str(value), dimension, difference, inferiority(difference).p_value)


def _adjusted(slices: list[Slice]) -> Iterator[Slice]:
    tested = [each for each in slices if each.p_value is not None]
    adjusted = iter(holm([each.p_value for each in tested if each.p_value is not None]))
    for each in slices:
        p_value = None if each.p_value is None else next(adjusted)
        yield Slice(each.facet, each.value, each.dimension, each.difference, p_value)


def _shown_loss(each: Slice) -> tuple[bool, float, float, str, str, str]:
    upper = each.difference.upper_bound
    return upper is None, upper or 0.0, each.difference.difference, each.dimension, each.facet, each.value
