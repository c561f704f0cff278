"""The same items asked in English and in the country's language."""

from collections.abc import Sequence
from dataclasses import dataclass

from lmms_eval_cross.benchmark.records import Sample
from lmms_eval_cross.report.measured import Measured
from lmms_eval_cross.report.scores import MEASURES, Measure, ScoreTable
from lmms_eval_cross.stats import paired_difference


@dataclass(frozen=True, slots=True)
class LanguageGap:
    """Multilingual minus English for one run and measure, in points of percent."""

    model: str
    measure: Measure
    english: float
    """Mean in percent over the pairs."""
    multilingual: float
    points: float
    low: float | None
    high: float | None
    n: int
    """Pairs: items with a score in both languages."""
    norms: int


def language_gaps(models: Sequence[Measured]) -> list[LanguageGap]:
    """Multilingual minus English of every run, over items that were asked both ways.

    The first English wording is the one that was translated. Items whose translation is English are left out.
    """
    found = (_gap(model, measure) for measure in MEASURES for model in models)
    return [gap for gap in found if gap is not None]


def _gap(model: Measured, measure: Measure) -> LanguageGap | None:
    values = model.table.columns[measure]
    pairs = [(a, b) for a, b in _pairs(model.table) if values[a] == values[a] and values[b] == values[b]]
    if not pairs:
        return None
    english, other = [values[a] for a, _ in pairs], [values[b] for _, b in pairs]
    found = paired_difference(english, other, [model.table.samples[a].norm_id for a, _ in pairs])
    low, high = (None if end is None else 100 * end for end in (found.low, found.high))
    return LanguageGap(
        model.label,
        measure,
        100 * found.baseline_mean,
        100 * found.candidate_mean,
        100 * found.difference,
        low,
        high,
        found.n,
        found.clusters,
    )


def _pairs(table: ScoreTable) -> list[tuple[int, int]]:
    """Rows of an item's first English wording and of its translation."""
    english = {_item(sample): row for row, sample in enumerate(table.samples) if _is_first_english(sample)}
    return [
        (english[_item(sample)], row)
        for row, sample in enumerate(table.samples)
        if sample.setting == "multilingual" and sample.language != "English" and _item(sample) in english
    ]


def _item(sample: Sample) -> tuple[str, str]:
    return sample.subset, sample.item


def _is_first_english(sample: Sample) -> bool:
    return sample.setting == "english" and sample.wording == 1
