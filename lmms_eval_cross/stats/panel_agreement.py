"""How far the members of a panel agree, with the interval that the agreement of two raters has."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from lmms_eval_cross.stats.agreement_intervals import agreement_intervals
from lmms_eval_cross.stats.clusters import checked_scores


@dataclass(frozen=True, slots=True)
class PanelAgreement:
    """The share of agreeing pairs of members, averaged over answers, in percent."""

    agreement: float
    low: float | None
    """Of the two-sided 95% interval over norms; None below five norms."""
    high: float | None
    n: int
    """Answers on which two members or more gave a verdict."""


def panel_agreement(shares: ArrayLike, clusters: Sequence[Hashable]) -> PanelAgreement | None:
    """Return the agreement of a panel, None where no answer has two verdicts.

    `shares` has shape (n,): of each answer the share of agreeing pairs of members, NaN where there is no pair;
    `clusters` has its norm. An answer weighs the same however many members scored it.
    """
    given = checked_scores("shares", shares, failures=True)
    has_pair = ~np.isnan(given)
    if not has_pair.any():
        return None
    equal, norms = given[has_pair], np.asarray(clusters, dtype=object)[has_pair]
    # two raters who agree with weight `equal` on each answer, and differ with the rest
    weights = np.concatenate([equal, 1 - equal])
    others = np.concatenate([np.ones(len(equal)), np.zeros(len(equal))])
    stands = weights > 0
    ends = agreement_intervals(
        np.ones(int(stands.sum())), others[stands], np.tile(norms, 2)[stands].tolist(), weights[stands]
    )["agreement"]
    low, high = ends or (None, None)
    return PanelAgreement(100 * float(equal.mean()), _percent(low), _percent(high), len(equal))


def _percent(share: float | None) -> float | None:
    return None if share is None else 100 * share
