"""When a sequential gate looks: norms in an order that nobody can choose, and how many of them each look has."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from math import ceil
from typing import Final

import numpy as np

from lmms_eval_cross.benchmark.records import DIMENSIONS
from lmms_eval_cross.compare.pairs import PairedScores
from lmms_eval_cross.compare.rounds import Round, Side
from lmms_eval_cross.stats import information_fractions, intraclass_correlation
from lmms_eval_cross.text import canonical_json

LOOKS: Final = 4
ASSUMED_CORRELATION: Final = 0.3
"""Within norms, where the baseline has no verdicts to estimate it from."""
LEAST_GAIN: Final = 0.05
"""Of the information; a look that brings less is not taken."""


@dataclass(frozen=True, slots=True)
class LookPlan:
    """Made before anything is judged, and the same whenever it is made for the same two runs."""

    order: str
    """A hash of the data and of both runs' answers, by which norms are ordered."""
    norms: tuple[str, ...]
    """In the order in which they are judged."""
    counts: tuple[int, ...]
    """Of norms, one for each look; the last has all."""
    fractions: tuple[float, ...]
    """Of the information that all norms give, at each look."""


def plan_looks(baseline: Side, candidate: Side, pairs: PairedScores) -> LookPlan:
    """Plan looks after a fourth of the norms, after half, after three fourths and after all.

    The order is by hashes of the data, of both runs' answers and of the norm, so that trying again draws no other one.
    """
    seed = order_of(baseline, candidate)
    sizes = Counter(pairs.clusters)
    norms = sorted(sizes, key=lambda norm: _sha256([seed, norm]))
    counts = sorted({ceil(len(norms) * look / LOOKS) for look in range(1, LOOKS + 1)})
    fractions = information_fractions([sizes[norm] for norm in norms], counts, _correlation(pairs))
    rising = _rising(dict(zip(counts, fractions, strict=True)))
    return LookPlan(seed, tuple(norms), tuple(rising), tuple(rising.values()))


def order_of(baseline: Side, candidate: Side) -> str:
    """A hash of the data and of both runs' answers."""
    data = sorted({judging.provenance.data_sha256 for _, judging in (*baseline.judging, *candidate.judging)})
    runs = [sorted(map(_fingerprint, side.rounds)) for side in (baseline, candidate)]
    return _sha256([data, *runs])


def _fingerprint(one: Round) -> str:
    """Of a run's answers; of its scores, where a baseline file has no hashes of answers."""
    if one.answer_hashes:
        return _sha256(dict(one.answer_hashes))
    return _sha256({sample_id: [str(score) for score in scores] for sample_id, scores in one.scores.items()})


def _sha256(content: object) -> str:
    return hashlib.sha256(canonical_json(content).encode()).hexdigest()


def _correlation(pairs: PairedScores) -> float:
    """Within norms, of the baseline's verdicts: the mean over dimensions."""
    correlations: list[float] = []
    for dimension in DIMENSIONS:
        before, _ = pairs.means(dimension)
        scored = np.flatnonzero(~np.isnan(before))
        clusters = np.array(pairs.clusters)[scored].tolist()
        correlation = intraclass_correlation(before[scored], clusters) if len(scored) else None
        if correlation is not None:
            correlations.append(correlation)
    if not correlations:
        return ASSUMED_CORRELATION
    return float(np.mean(correlations))


def _rising(fractions: Mapping[int, float]) -> dict[int, float]:
    """Norms -> information of the looks that bring more than those before; the last one always."""
    *others, last = fractions
    rising: dict[int, float] = {}
    before = 0.0
    for count in others:
        if before + LEAST_GAIN <= fractions[count] <= 1 - LEAST_GAIN:
            before = rising[count] = fractions[count]
    rising[last] = 1.0
    return rising
