"""Designs of a comparison: what each can decide, and what it costs."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from math import inf, sqrt
from typing import Final, NamedTuple

from lmms_eval_cross.benchmark.records import Dimension
from lmms_eval_cross.compare.rounds import SampleFacts
from lmms_eval_cross.planning.shapes import Shape, chosen, shape_of
from lmms_eval_cross.planning.variance import Components
from lmms_eval_cross.stats import minimum_detectable_effect

WORDINGS: Final = (1, 2, 3)
ROUNDS: Final = (1, 2, 3, 5)
REPEATS: Final = (1, 2, 3)
LABELS: Final = (100, 200, 400, 800)
"""Labelled answers a side."""
FEWEST_NORMS: Final = 5


@dataclass(frozen=True, slots=True)
class Wish:
    """What a comparison shall be able to show."""

    margins: Mapping[Dimension, float]
    """Points."""
    power: float
    alpha: float
    accuracy: Mapping[str, tuple[float, float]]
    """Dimension -> the judge's sensitivity and specificity, for designs by labels; empty: judge rates decide."""


@dataclass(frozen=True, slots=True)
class Prices:
    """What one judging costs."""

    calls: int
    """Of an answer."""
    usd: Mapping[str, float] | None
    """Sample id -> US dollars for one answer; None without a price."""
    label_usd: float
    """For labelling one answer."""


class Design(NamedTuple):
    """How a comparison is made."""

    wordings: int
    """English ones."""
    multilingual: bool
    rounds: int
    repeats: int
    """How often the judge is asked."""
    labels: int
    """Labelled answers a side; 0: judge rates decide."""


@dataclass(frozen=True, slots=True)
class Planned:
    """What a design can show, and what it costs for both sides."""

    design: Design
    samples: int
    """Of one side and round."""
    calls: int
    usd: float | None
    smallest_margins: Mapping[Dimension, float]
    """Points within which equal models are shown to be with the power that was asked for."""
    is_enough: bool
    """Every dimension keeps its margin."""

    @property
    def cost(self) -> tuple[float, int]:
        """To sort by."""
        return (self.usd or 0.0, self.calls)

    @property
    def worst(self) -> float:
        """The largest of the smallest margins."""
        return max(self.smallest_margins.values())


def plan_designs(
    samples: Collection[SampleFacts], components: Sequence[Components], wish: Wish, prices: Prices
) -> list[Planned]:
    """Every design, the cheapest first."""
    planned: list[Planned] = []
    for wordings, multilingual in product(WORDINGS, (False, True)):
        part = chosen(samples, wordings, multilingual)
        if part and shape_of(part).norms >= FEWEST_NORMS and _is_new(samples, wordings, multilingual):
            planned += _of_part(wordings, multilingual, part, components, wish, prices)
    return sorted(planned, key=lambda one: one.cost)


def _is_new(samples: Collection[SampleFacts], wordings: int, multilingual: bool) -> bool:
    """Whether the samples hold the last wording, and translations where they are wanted."""
    settings = {(sample.setting == "english", sample.wording) for sample in samples}
    has_translations = any(not is_english for is_english, _ in settings)
    return (True, str(wordings)) in settings and (has_translations or not multilingual)


def _of_part(
    wordings: int,
    multilingual: bool,
    part: Sequence[SampleFacts],
    components: Sequence[Components],
    wish: Wish,
    prices: Prices,
) -> Iterator[Planned]:
    shape = shape_of(part)
    usd = None if prices.usd is None else sum(prices.usd[sample.sample_id] for sample in part)
    labels = (0, *LABELS) if wish.accuracy else (0,)
    for rounds, repeats, labelled in product(ROUNDS, REPEATS, labels):
        if labelled > shape.samples:
            continue
        design = Design(wordings, multilingual, rounds, repeats, labelled)
        margins = {one.dimension: smallest_margin(one, shape, design, wish) for one in components}
        enough = all(margin <= wish.margins[name] for name, margin in margins.items())
        times = 2 * rounds * repeats
        cost = None if usd is None else times * usd + 2 * labelled * prices.label_usd
        yield Planned(design, shape.samples, times * shape.samples * prices.calls, cost, margins, enough)


def smallest_margin(components: Components, shape: Shape, design: Design, wish: Wish) -> float:
    """The margin in points within which equal models are shown to be with the wished power; infinite if there is none.

    (t(1 - alpha) + t(power)) errors. By labels the error is that of PPI++ (arXiv:2311.01453) with the best weight,
    lambda = Cov(people, judge) / Var(judge): lambda^2 V + 2 Var(people - lambda judge) / labels, V being the judge
    rates' variance; unlike the gate's it takes labels to be independent draws. Without labels but with a given
    accuracy the judge's scale is sens + spec - 1 times people's.
    """
    error = components.error(shape, design.rounds, design.repeats)
    rates = wish.accuracy.get(components.dimension)
    if rates is not None and design.labels:
        error = _labelled_error(error, components.rate, rates, design.labels)
    elif rates is not None:
        error /= sum(rates) - 1
    effect = minimum_detectable_effect(error, shape.norms, wish.alpha, wish.power)
    if error == 0:  # a change too rare to be seen may hide, as in the gate (stats/paired.py, robust_error)
        effect = 1 - wish.alpha ** (shape.norm_weight)
    return 100 * effect if effect < 1 else inf


def _labelled_error(error: float, rate: float, accuracy: tuple[float, float], labels: int) -> float:
    sensitivity, specificity = accuracy
    rate = min(0.99, max(0.01, rate))
    people = (rate - 1 + specificity) / (sensitivity + specificity - 1)
    people = min(0.99, max(0.01, people))
    covariance = people * (1 - people) * (sensitivity + specificity - 1)
    weight = covariance / (rate * (1 - rate))
    rest = people * (1 - people) - weight * covariance
    return sqrt(weight**2 * error**2 + 2 * max(0.0, rest) / labels)
