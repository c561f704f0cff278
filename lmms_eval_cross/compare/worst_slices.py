"""Where it got worse: the difference in every country, language, subset, setting, wording and further facet."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from lmms_eval_cross.benchmark.facets import OWN_FACETS, Facets
from lmms_eval_cross.benchmark.records import DIMENSIONS, Dimension, Facet
from lmms_eval_cross.compare.pairs import PairedScores
from lmms_eval_cross.stats import FailureBounds, PairedDifference, bounds_with_failures, holm
from lmms_eval_cross.stats.clusters import cluster_codes
from lmms_eval_cross.stats.decisions import p_value_of_worse

SliceRule: TypeAlias = Literal["off", "warn", "fail"]
"""What a slice that fell does: nothing; it is named on top of every output; or it makes the gate `worse`, too."""
GATING: Final[tuple[Facet, ...]] = ("country", "language")
"""Facets whose slices may gate, beside those that a user gives."""
_Part: TypeAlias = tuple[str, str, NDArray[np.bool_]]
"""Facet, value, and which samples have it, shape (samples,)."""
SHARE: Final = 0.2
"""The slices' share of alpha; with `fail` the metrics as a whole are left the rest."""


@dataclass(frozen=True, slots=True)
class Slice:
    """One dimension in one part of the samples."""

    facet: str
    value: str
    dimension: Dimension
    difference: PairedDifference
    """Of complete pairs."""
    highest_lower_bound: float | None
    """L, failures left out or filled either way; None where there are too few clusters."""
    p_value: float | None
    """That it is worse, however failures are filled, adjusted by Holm for its family: all slices that may gate, or all
    others; None where there are too few clusters."""
    margin: float | None
    """Points; None where the slice may not gate: another facet, or a dimension that is not gated."""

    @property
    def is_worse(self) -> bool:
        """Shown to have fallen, and a loss beyond the margin can't be excluded."""
        if self.margin is None or self.p_value is None or self.highest_lower_bound is None:
            return False
        return self.p_value < SHARE * self.difference.alpha and self.highest_lower_bound <= -self.margin / 100

    @property
    def is_untested(self) -> bool:
        """It might gate, and has too few norms for a test."""
        return self.margin is not None and self.p_value is None


def find_slices(
    pairs: PairedScores, alpha: float, margins: Mapping[str, float], facets: Facets = OWN_FACETS
) -> list[Slice]:
    """Every slice of every dimension, the one with the largest shown loss first.

    The order is that of the upper bound: a small slice that fell far by chance does not come first. A facet with
    one value is left out, it is the whole. Countries, languages and further facets of the dimensions with a margin, in
    points, may gate: one family, so that a hundred slices have the chance of a false alarm that one has.
    """
    slices: list[Slice] = []
    parts = list(_parts(pairs, facets))
    for dimension in DIMENSIONS:
        slices += _differences(pairs, dimension, alpha, margins.get(dimension), facets, parts)
    return _ordered(slices)


def find_slices_of(pairs: Mapping[Dimension, PairedScores], alpha: float, margins: Mapping[str, float]) -> list[Slice]:
    """The same where each dimension has samples of its own."""
    slices: list[Slice] = []
    for dimension, of_dimension in pairs.items():
        parts = _parts(of_dimension, OWN_FACETS)
        slices += _differences(of_dimension, dimension, alpha, margins.get(dimension), OWN_FACETS, parts)
    return _ordered(slices)


def _ordered(slices: Sequence[Slice]) -> list[Slice]:
    gating: list[Slice] = []
    others: list[Slice] = []
    for part in slices:
        (others if part.margin is None else gating).append(part)
    return sorted([*_adjusted(gating), *_adjusted(others)], key=_shown_loss)


def _differences(
    pairs: PairedScores,
    dimension: Dimension,
    alpha: float,
    margin: float | None,
    facets: Facets,
    parts: Iterable[_Part],
) -> Iterator[Slice]:
    before, after = pairs.rounds(dimension)
    clusters = cluster_codes(pairs.clusters, len(pairs.facts))
    for facet, value, chosen in parts:
        bounds = bounds_with_failures(before[chosen], after[chosen], clusters[chosen].tolist(), alpha)
        if bounds.complete is not None:
            may_gate = facet in GATING or facet in facets.further
            yield _slice(facet, value, dimension, bounds, margin if may_gate else None)


def _parts(pairs: PairedScores, facets: Facets) -> Iterator[_Part]:
    for facet in facets.names:
        values = np.array([facets.value(sample, facet) for sample in pairs.facts], dtype=object)
        different = {value for value in values.tolist() if value is not None}
        if len(different) > 1 or facet in facets.further:
            for value in sorted(different):
                yield facet, value, values == value


def _slice(facet: str, value: str, dimension: Dimension, bounds: FailureBounds, margin: float | None) -> Slice:
    """With the largest p value and lower bound: without failures, and with them filled either way."""
    complete = bounds.complete
    if complete is None:
        raise ValueError(f"{facet} {value} has no sample with a verdict on both sides")
    if complete.lower_bound is None:
        return Slice(facet, value, dimension, complete, None, None, margin)
    views = (complete, bounds.against, bounds.in_favour)
    highest = max(view.lower_bound or 0.0 for view in views)
    return Slice(facet, value, dimension, complete, highest, max(map(p_value_of_worse, views)), margin)


def _adjusted(slices: Sequence[Slice]) -> Iterator[Slice]:
    """The slices of one family with p values adjusted for their number."""
    adjusted = iter(holm([part.p_value for part in slices if part.p_value is not None]))
    for part in slices:
        if part.p_value is None:
            yield part
        else:
            yield replace(part, p_value=next(adjusted))


def _shown_loss(part: Slice) -> tuple[bool, float, float, str, str, str]:
    upper = part.difference.upper_bound
    return upper is None, upper or 0.0, part.difference.difference, part.dimension, part.facet, part.value
