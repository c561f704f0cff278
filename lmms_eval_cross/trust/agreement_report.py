"""Compare two judges on the same answers: agreement by dimension and slice, and every disagreement."""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

import numpy as np

from lmms_eval_cross.benchmark.records import DIMENSIONS, Dimension
from lmms_eval_cross.errors import AnchorError, listing
from lmms_eval_cross.stats import Confusion, confusion, consistency, krippendorff_alpha, score_shift
from lmms_eval_cross.trust.anchor import Anchor, Item, Score, scores

SLICES: Final[dict[str, Callable[[Item], str]]] = {
    "subset": lambda item: item.subset,
    "setting": lambda item: item.setting,
    "country": lambda item: item.country,
    "language": lambda item: item.language,
}


@dataclass(frozen=True, slots=True)
class Pair:
    """One answer as two judges scored it."""

    item: Item
    weight: float
    """Inverse drawing probability."""
    a: dict[Dimension, Score]
    b: dict[Dimension, Score]


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


@dataclass(frozen=True, slots=True)
class Consistency:
    """One judge against itself: the ceiling of what can be agreed with it."""

    askings: int
    agreement: float | None
    alpha: float | None
    """Krippendorff's alpha over the askings."""


def pair_up(a: Anchor, b: Anchor) -> list[Pair]:
    """The answers that both hold, with the latest judge's verdicts of each side.

    Raises:
        AnchorError: they have no sample in common, or other answers to one.
    """
    b_items = {item.sample_id: (item, verdict) for item, verdict in zip(b.items, b.latest.verdicts, strict=True)}
    common = [
        (item, verdict, *b_items[item.sample_id])
        for item, verdict in zip(a.items, a.latest.verdicts, strict=True)
        if item.sample_id in b_items
    ]
    if not common:
        raise AnchorError(f"{a.name} and {b.name} have no sample in common; compare judges on the same answers.")
    other = [mine.sample_id for mine, _, theirs, _ in common if mine.response != theirs.response]
    if other:
        raise AnchorError(
            f"{a.name} and {b.name} hold different answers to {listing(other, 3)}; compare judges on the same answers: "
            "judge an anchor with each, or replay one model's answers with cross_replay."
        )
    return [Pair(mine, 1 / min(mine.probability, theirs.probability), x, y) for mine, x, theirs, y in common]


def agreed(pairs: Sequence[Pair], dimension: Dimension) -> Agreed | None:
    """The agreement on a dimension, None where no answer has both scores."""
    table = [(pair.a[dimension].score, pair.b[dimension].score, pair) for pair in pairs]
    both = [(x, y, pair) for x, y, pair in table if x is not None and y is not None]
    if not both:
        return None
    first, second = [x for x, _, _ in both], [y for _, y, _ in both]
    weights, norms = [pair.weight for _, _, pair in both], [pair.item.norm_id for _, _, pair in both]
    missing = {"a": sum(x is None for x, _, _ in table), "b": sum(y is None for _, y, _ in table)}
    found: Confusion = confusion(first, second, weights)
    shift = score_shift(first, second, norms, weights)
    return Agreed(
        n=found.n,
        clusters=shift.clusters,
        failures=missing,
        agreement=found.agreement,
        constant_agreement=found.constant_agreement,
        kappa=found.kappa,
        ac1=found.ac1,
        sensitivity=found.sensitivity,
        specificity=found.specificity,
        mean_a=found.reference_rate,
        mean_b=found.other_rate,
        shift=shift.difference,
        shift_interval=None if shift.low is None or shift.high is None else (shift.low, shift.high),
    )


def self_consistency(anchor: Anchor, dimension: Dimension) -> Consistency | None:
    """How far the latest judge repeats itself, None if it was asked once."""
    askings = anchor.askings(anchor.latest.judge)
    if len(askings) < 2:
        return None
    table = np.array([scores(asking, dimension) for asking in askings])
    return Consistency(len(askings), consistency(table), krippendorff_alpha(table))


def disagreements(pairs: Sequence[Pair]) -> list[dict[str, Any]]:
    """Every answer and dimension on which the two differ, with both rationales where the files hold them."""
    return [
        {
            "sample_id": pair.item.sample_id,
            "dimension": dimension,
            "a": pair.a[dimension].score,
            "b": pair.b[dimension].score,
            "rationale_a": pair.a[dimension].rationale,
            "rationale_b": pair.b[dimension].rationale,
        }
        for pair in pairs
        for dimension in DIMENSIONS
        if None not in (pair.a[dimension].score, pair.b[dimension].score)
        and pair.a[dimension].score != pair.b[dimension].score
    ]


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
        "self_consistency": {side: _consistency(anchor) for side, anchor in (("a", a), ("b", b))},
        "slices": {name: _sliced(pairs, key) for name, key in SLICES.items()},
        "disagreements": disagreements(pairs),
    }


def _side(anchor: Anchor, alone: int) -> dict[str, Any]:
    judge = anchor.latest.judge
    return {"name": anchor.name, "judge": judge.model_dump(), "binding": judge.binding, "samples_only_here": alone}


def _dimensions(pairs: Sequence[Pair]) -> dict[str, Any]:
    found = {dimension: agreed(pairs, dimension) for dimension in DIMENSIONS}
    return {name: None if each is None else asdict(each) for name, each in found.items()}


def _consistency(anchor: Anchor) -> dict[str, Any]:
    found = {dimension: self_consistency(anchor, dimension) for dimension in DIMENSIONS}
    return {name: asdict(each) for name, each in found.items() if each is not None}


def _sliced(pairs: Sequence[Pair], key: Callable[[Item], str]) -> dict[str, Any]:
    values = sorted({key(pair.item) for pair in pairs})
    return {value: {"dimensions": _dimensions([pair for pair in pairs if key(pair.item) == value])} for value in values}
