"""The same items asked in English and in the country's language."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from lmms_eval_cross.benchmark.records import Sample
from lmms_eval_cross.report.measured import Measured
from lmms_eval_cross.report.scores import MEASURES, Measure, ScoreTable, in_percent
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
    gaps: list[LanguageGap] = []
    for measure in MEASURES:
        for model in models:
            gap = _gap(model, measure)
            if gap is not None:
                gaps.append(gap)
    return gaps


def _gap(model: Measured, measure: Measure) -> LanguageGap | None:
    english_rows, translated_rows = _paired_rows(model.table)
    values = model.table.columns[measure]
    english, translated = values[english_rows], values[translated_rows]
    scored = ~np.isnan(english) & ~np.isnan(translated)
    if not scored.any():
        return None
    norms = model.table.norm_ids[english_rows]
    difference = paired_difference(english[scored], translated[scored], norms[scored])
    return LanguageGap(
        model=model.label,
        measure=measure,
        english=100 * difference.baseline_mean,
        multilingual=100 * difference.candidate_mean,
        points=100 * difference.difference,
        low=in_percent(difference.low),
        high=in_percent(difference.high),
        n=difference.n,
        norms=difference.clusters,
    )


def _paired_rows(table: ScoreTable) -> tuple[list[int], list[int]]:
    """Rows of items' first English wordings, and of their translations in the same order."""
    first_wordings = {_item(sample): row for row, sample in enumerate(table.samples) if _is_first_english(sample)}
    english: list[int] = []
    translated: list[int] = []
    for row, sample in enumerate(table.samples):
        if _is_translation(sample) and _item(sample) in first_wordings:
            english.append(first_wordings[_item(sample)])
            translated.append(row)
    return english, translated


def _item(sample: Sample) -> tuple[str, str]:
    return sample.subset, sample.item


def _is_first_english(sample: Sample) -> bool:
    return sample.setting == "english" and sample.wording == 1


def _is_translation(sample: Sample) -> bool:
    return sample.setting == "multilingual" and sample.language != "English"
