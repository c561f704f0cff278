"""Where it got worse: the difference in every country, language, subset, setting and wording."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

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
    slices: list[Slice] = []
    for dimension in DIMENSIONS:
        slices += _adjusted(list(_differences(pairs, dimension, alpha)))
    return sorted(slices, key=_shown_loss)


def _differences(pairs: PairedScores, dimension: Dimension, alpha: float) -> Iterator[Slice]:
    before, after = pairs.means(dimension)
    scored = ~np.isnan(before - after)
    clusters = np.array(pairs.clusters)
    for facet in FACETS:
        values = np.array([getattr(sample, facet) for sample in pairs.facts])
        parts = sorted(set(values.tolist()))
        if len(parts) == 1:
            continue
        for value in parts:
            chosen = scored & (values == value)
            if chosen.any():
                difference = paired_difference(before[chosen], after[chosen], clusters[chosen].tolist(), alpha)
                yield Slice(facet, str(value), dimension, difference, inferiority(difference).p_value)


def _adjusted(slices: Sequence[Slice]) -> Iterator[Slice]:
    """The slices of one dimension with p values adjusted for their number."""
    adjusted = iter(holm([part.p_value for part in slices if part.p_value is not None]))
    for part in slices:
        if part.p_value is None:
            yield part
        else:
            yield replace(part, p_value=next(adjusted))


def _shown_loss(part: Slice) -> tuple[bool, float, float, str, str, str]:
    upper = part.difference.upper_bound
    return upper is None, upper or 0.0, part.difference.difference, part.dimension, part.facet, part.value
