"""How many samples a design has, and how they share norms and items."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass

from lmms_eval_cross.compare.rounds import SampleFacts


@dataclass(frozen=True, slots=True)
class Shape:
    """The samples of one side of a design."""

    samples: int
    norms: int
    norm_weight: float
    """What the variance of a norm's effect is multiplied by in that of a mean: sum n_c^2 / n^2."""
    item_weight: float
    """The same of an item."""


def shape_of(samples: Collection[SampleFacts]) -> Shape:
    """The shape of some samples."""
    norms = Counter(sample.norm_id for sample in samples)
    items = Counter(map(item_of, samples))
    return Shape(len(samples), len(norms), _weight(norms), _weight(items))


def _weight(sizes: Counter[str]) -> float:
    return float(sum(size**2 for size in sizes.values()) / sizes.total() ** 2)


def item_of(sample: SampleFacts) -> str:
    """Subset and item: wordings and translations share them."""
    subset, _setting, rest = sample.sample_id.split("/", 2)
    return f"{subset}/{rest.rpartition('/')[0]}"


def chosen(samples: Collection[SampleFacts], wordings: int, multilingual: bool) -> list[SampleFacts]:
    """The samples of the first so many English wordings, and the translations if they are wanted."""
    wanted: list[SampleFacts] = []
    for sample in samples:
        is_english = sample.setting == "english"
        if (is_english and int(sample.wording) <= wordings) or (multilingual and not is_english):
            wanted.append(sample)
    return wanted
