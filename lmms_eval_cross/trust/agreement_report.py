"""Compare two judges on the same answers: agreement by dimension and slice, and every disagreement."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from itertools import product
from typing import Any, Final

import numpy as np

from lmms_eval_cross.benchmark.records import DIMENSIONS, Dimension
from lmms_eval_cross.errors import AnchorError, listing
from lmms_eval_cross.stats import (
    Shift,
    agreement_intervals,
    ceiling,
    confusion,
    consistency,
    krippendorff_alpha,
    majority_agreement,
    score_shift,
)
from lmms_eval_cross.stats.agreement_intervals import Ends
from lmms_eval_cross.trust.anchor import Anchor, Item, Verdicts, scores

SLICES: Final = ("subset", "setting", "country", "language")
"""The facts of an answer by which the agreement is shown in parts."""


@dataclass(frozen=True, slots=True)
class Pair:
    """One answer as two judges scored it."""

    item: Item
    weight: float
    """Inverse drawing probability."""
    a: Verdicts
    b: Verdicts


@dataclass(frozen=True, slots=True)
class Agreed:
    """Agreement on one dimension, shares in 0..1; A is the reference for sensitivity, specificity and shift."""

    n: int
    """Answers that both scored."""
    clusters: int
    failures: dict[str, int]
    """Answers without a score of A, of B."""
    agreement: float
    constant_agreement: float
    """Of one who always gives A's commoner score."""
    kappa: float | None
    """None where both always give the same score."""
    ac1: float | None
    sensitivity: float | None
    """Share of B's 1 where A gives 1."""
    specificity: float | None
    """Share of B's 0 where A gives 0."""
    mean_a: float
    mean_b: float
    shift: float
    """Mean of B minus A."""
    shift_interval: tuple[float, float] | None
    """95%, clustered by norm; None below five norms."""
    intervals: dict[str, Ends]
    """95%, over resampled norms, of agreement, kappa, ac1, sensitivity and specificity; None where there is none."""


@dataclass(frozen=True, slots=True)
class Consistency:
    """One judge against itself, and what another one can reach."""

    askings: int
    agreement: float | None
    alpha: float | None
    """Krippendorff's alpha over the askings."""
    ceiling: tuple[float, float] | None
    """Between what a steady judge of the same mind would agree with it."""
    ceiling_by_answer: float | None
    """The same, estimated answer by answer; None with fewer than five askings."""


def pair_up(a: Anchor, b: Anchor) -> list[Pair]:
    """The answers that both hold, with the latest judge's verdicts of each side.

    Raises:
        AnchorError: they have no sample in common, or other answers to one.
    """
    of_b = {item.sample_id: (item, verdicts) for item, verdicts in zip(b.items, b.latest.verdicts, strict=True)}
    pairs, different = [], []
    for item, verdicts in zip(a.items, a.latest.verdicts, strict=True):
        if item.sample_id not in of_b:
            continue
        b_item, b_verdicts = of_b[item.sample_id]
        if item.response != b_item.response:
            different.append(item.sample_id)
        probability = min(item.probability, b_item.probability)
        pairs.append(Pair(item, 1 / probability, verdicts, b_verdicts))
    if not pairs:
        raise AnchorError(f"{a.name} and {b.name} have no sample in common; compare judges on the same answers.")
    if different:
        raise AnchorError(
            f"{a.name} and {b.name} hold different answers to {listing(different, 3)}; compare judges on the same "
            "answers: judge an anchor with each, or replay one model's answers with cross_replay."
        )
    return pairs


@dataclass(slots=True)
class _ScoredByBoth:
    """The answers that have both scores on a dimension, in columns; the rest is counted by who gave none."""

    a: list[int] = field(default_factory=list)
    b: list[int] = field(default_factory=list)
    weights: list[float] = field(default_factory=list)
    norms: list[str] = field(default_factory=list)
    failures: dict[str, int] = field(default_factory=lambda: {"a": 0, "b": 0})

    @classmethod
    def of(cls, pairs: Sequence[Pair], dimension: Dimension) -> "_ScoredByBoth":
        both = cls()
        for pair in pairs:
            score_a, score_b = pair.a[dimension].score, pair.b[dimension].score
            both.failures["a"] += score_a is None
            both.failures["b"] += score_b is None
            if score_a is None or score_b is None:
                continue
            both.a.append(score_a)
            both.b.append(score_b)
            both.weights.append(pair.weight)
            both.norms.append(pair.item.norm_id)
        return both


def agreed(pairs: Sequence[Pair], dimension: Dimension) -> Agreed | None:
    """The agreement on a dimension, None where no answer has both scores."""
    both = _ScoredByBoth.of(pairs, dimension)
    if not both.a:
        return None
    table = confusion(both.a, both.b, both.weights)
    shift = score_shift(both.a, both.b, both.norms, both.weights)
    return Agreed(
        n=table.n,
        clusters=shift.clusters,
        failures=both.failures,
        agreement=table.agreement,
        constant_agreement=table.constant_agreement,
        kappa=table.kappa,
        ac1=table.ac1,
        sensitivity=table.sensitivity,
        specificity=table.specificity,
        mean_a=table.reference_rate,
        mean_b=table.other_rate,
        shift=shift.difference,
        shift_interval=_interval(shift),
        intervals=agreement_intervals(both.a, both.b, both.norms, both.weights),
    )


def _interval(shift: Shift) -> tuple[float, float] | None:
    if shift.low is None or shift.high is None:
        return None
    return shift.low, shift.high


def self_consistency(anchor: Anchor, dimension: Dimension) -> Consistency | None:
    """How far the latest judge repeats itself, None if it was asked once."""
    askings = anchor.askings(anchor.latest.judge)
    if len(askings) < 2:
        return None
    table = np.array([scores(asking, dimension) for asking in askings])
    weights = [1 / item.probability for item in anchor.items]  # as in the agreement that stands beside the ceiling
    agreement = consistency(table, weights)
    ends = None if agreement is None else ceiling(agreement)
    return Consistency(len(askings), agreement, krippendorff_alpha(table), ends, majority_agreement(table, weights))


def disagreements(pairs: Sequence[Pair]) -> list[dict[str, Any]]:
    """Every answer and dimension on which the two differ, with both rationales where the files hold them.

    What stands for the most answers comes first.
    """
    rows = []
    heaviest_first = sorted(pairs, key=lambda pair: -pair.weight)
    for pair, dimension in product(heaviest_first, DIMENSIONS):
        a, b = pair.a[dimension], pair.b[dimension]
        if a.score is None or b.score is None or a.score == b.score:
            continue
        rows.append(
            {
                "sample_id": pair.item.sample_id,
                "dimension": dimension,
                "weight": pair.weight,
                "a": a.score,
                "b": b.score,
                "rationale_a": a.rationale,
                "rationale_b": b.rationale,
            }
        )
    return rows


def agreement_report(a: Anchor, b: Anchor) -> dict[str, Any]:
    """All that `lmms-eval-cross agree` says, as docs/agreement.md describes it.

    Raises:
        AnchorError: the two don't hold the same answers.
    """
    pairs = pair_up(a, b)
    return {
        "schema": "cross-agreement/1",
        "a": _side(a, len(a.items) - len(pairs)),
        "b": _side(b, len(b.items) - len(pairs)),
        "weighted": any(pair.weight != 1 for pair in pairs),
        "dimensions": _dimensions(pairs),
        "self_consistency": {"a": _consistency(a), "b": _consistency(b)},
        "slices": {name: _sliced(pairs, name) for name in SLICES},
        "disagreements": disagreements(pairs),
    }


def _side(anchor: Anchor, alone: int) -> dict[str, Any]:
    judge = anchor.latest.judge
    return {"name": anchor.name, "judge": judge.model_dump(), "binding": judge.binding, "samples_only_here": alone}


def _dimensions(pairs: Sequence[Pair]) -> dict[str, dict[str, Any] | None]:
    by_dimension: dict[str, dict[str, Any] | None] = dict.fromkeys(DIMENSIONS)
    for dimension in DIMENSIONS:
        agreement = agreed(pairs, dimension)
        if agreement is not None:
            by_dimension[dimension] = asdict(agreement)
    return by_dimension


def _consistency(anchor: Anchor) -> dict[str, Any]:
    by_dimension: dict[str, Any] = {}
    for dimension in DIMENSIONS:
        consistent = self_consistency(anchor, dimension)
        if consistent is not None:
            by_dimension[dimension] = asdict(consistent)
    return by_dimension


def _sliced(pairs: Sequence[Pair], name: str) -> dict[str, Any]:
    """The agreement in each part of the answers, a part being those with the same value of the fact `name`."""
    parts: dict[str, list[Pair]] = defaultdict(list)
    for pair in pairs:
        parts[getattr(pair.item, name)].append(pair)
    return {value: {"dimensions": _dimensions(parts[value])} for value in sorted(parts)}
