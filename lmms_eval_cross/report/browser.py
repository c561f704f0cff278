"""What the sample browser reads: every text once, every verdict one letter."""

from collections.abc import Mapping, Sequence
from typing import Any, Final, get_args

from lmms_eval_cross.benchmark.records import DIMENSIONS, FailureReason, JudgeFailure, Outcome, Sample
from lmms_eval_cross.report.measured import Measured
from lmms_eval_cross.runs.sample_record import JudgedAnswer

REASONS: Final[tuple[FailureReason, ...]] = get_args(FailureReason)
CODES: Final[Mapping[FailureReason, str]] = {reason: chr(ord("a") + place) for place, reason in enumerate(REASONS)}
"""A verdict is `1`, `0`, or the letter of the reason for which there is none."""
ABSENT: Final = "."
"""The run has no answer to that sample."""
LANGUAGE_TAGS: Final = {
    "Amharic": "am",
    "Arabic": "ar",
    "English": "en",
    "French": "fr",
    "Hausa": "ha",
    "Hindi": "hi",
    "Indonesian": "id",
    "Japanese": "ja",
    "Mandarin": "zh",
    "Persian": "fa",
    "Portuguese": "pt",
    "Russian": "ru",
    "Spanish": "es",
    "Thai": "th",
}


def all_samples(models: Sequence[Measured]) -> list[Sample]:
    """Every sample of any run, once, by id."""
    found = {sample.sample_id: sample for model in models for sample in model.table.samples}
    return [found[name] for name in sorted(found)]


def browser_data(models: Sequence[Measured], samples: Sequence[Sample], images: Mapping[str, str]) -> dict[str, Any]:
    """Samples, norms, thumbnails, and the verdicts of all runs."""
    norms = {norm: place for place, norm in enumerate(dict.fromkeys(sample.norm for sample in samples))}
    pictures = {sha256: place for place, sha256 in enumerate(images)}
    by_id = [{answer.sample.sample_id: answer for answer in model.answers} for model in models]
    return {
        "samples": [_sample(sample, norms, pictures) for sample in samples],
        "norms": list(norms),
        "images": list(images.values()),
        "codes": {code: reason for reason, code in CODES.items()},
        "verdicts": ["".join(_letters(found.get(sample.sample_id)) for sample in samples) for found in by_id],
        "flags": [_flags(found, samples) for found in by_id],
    }


def run_texts(model: Measured, samples: Sequence[Sample]) -> dict[str, Any]:
    """A run's answers and the judge's words, a row a sample; None where it has none."""
    found = {answer.sample.sample_id: answer for answer in model.answers}
    answers = [found.get(sample.sample_id) for sample in samples]
    return {
        "answers": [None if answer is None else answer.response for answer in answers],
        "told": [None if answer is None else _told(answer) for answer in answers],
    }


def _sample(sample: Sample, norms: Mapping[str, int], pictures: Mapping[str, int]) -> dict[str, Any]:
    return {
        "id": sample.sample_id,
        "subset": sample.subset,
        "setting": sample.setting,
        "wording": sample.wording,
        "country": sample.country,
        "language": sample.language,
        "lang": LANGUAGE_TAGS.get(sample.language, "und"),
        "norm": norms[sample.norm],
        "query": sample.query,
        "image": pictures.get(sample.image_sha256, -1),
    }


def _letters(answer: JudgedAnswer | None) -> str:
    if answer is None:
        return ABSENT * len(DIMENSIONS)
    return "".join(_letter(answer.outcomes[dimension]) for dimension in DIMENSIONS)


def _letter(outcome: Outcome) -> str:
    return CODES[outcome.reason] if isinstance(outcome, JudgeFailure) else str(outcome.score)


def _flags(found: Mapping[str, JudgedAnswer], samples: Sequence[Sample]) -> dict[int, list[str]]:
    """Row -> what in the answer may be meant for the judge."""
    rows = {row: found[sample.sample_id] for row, sample in enumerate(samples) if sample.sample_id in found}
    return {row: list(answer.suspicious) for row, answer in rows.items() if answer.suspicious}


def _told(answer: JudgedAnswer) -> list[str]:
    """The judge's words on each dimension, or one text where they are all the same."""
    words = [_words(answer.outcomes[dimension]) for dimension in DIMENSIONS]
    return words[:1] if len(set(words)) == 1 else words


def _words(outcome: Outcome) -> str:
    if not isinstance(outcome, JudgeFailure):
        return outcome.rationale
    return f"{outcome.detail}\n\n{outcome.reply}" if outcome.reply else outcome.detail
