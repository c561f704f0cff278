"""What the sample browser reads: every text once, every verdict one letter."""

import zlib
from base64 import b64encode
from collections.abc import Iterable, Mapping, Sequence
from string import ascii_lowercase
from typing import Any, Final, get_args

from lmms_eval_cross.benchmark.facets import OWN_FACETS, Facets
from lmms_eval_cross.benchmark.records import DIMENSIONS, FailureReason, JudgeFailure, Outcome, Sample
from lmms_eval_cross.judge.json_reply import reasons
from lmms_eval_cross.report.measured import Measured
from lmms_eval_cross.report.report_json import json_value, to_text
from lmms_eval_cross.runs.sample_record import JudgedAnswer

REASONS: Final[tuple[FailureReason, ...]] = get_args(FailureReason)
CODES: Final[Mapping[FailureReason, str]] = dict(zip(REASONS, ascii_lowercase, strict=False))
"""A verdict is `1`, `0`, or the letter of the reason for which there is none; letters are left over."""
ROWS_IN_BLOCK: Final = 32
_LEVEL: Final = 9
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
    samples: dict[str, Sample] = {}
    for model in models:
        for sample in model.table.samples:
            samples[sample.sample_id] = sample
    return sorted(samples.values(), key=lambda sample: sample.sample_id)


def browser_data(
    models: Sequence[Measured], samples: Sequence[Sample], images: Mapping[str, str], facets: Facets = OWN_FACETS
) -> dict[str, Any]:
    """Samples, norms, thumbnails, and the verdicts of all runs."""
    norms, pictures = _numbered(sample.norm for sample in samples), _numbered(images)
    verdicts: list[str] = []
    flags: list[dict[int, list[str]]] = []
    for model in models:
        answers = model.answers_to(samples)
        verdicts.append("".join(map(_letters, answers)))
        flags.append(_flags(answers))
    return {
        "samples": [_sample(sample, norms, pictures) for sample in samples],
        "norms": list(norms),
        "facets": [(name, _values(facets, name, samples)) for name in facets.further],
        "images": list(images.values()),
        "codes": dict(zip(CODES.values(), CODES, strict=True)),
        "verdicts": verdicts,
        "flags": flags,
        "rowsInBlock": ROWS_IN_BLOCK,
        "violations": [_splits_with_violations(model) for model in models],
    }


def run_texts(model: Measured, samples: Sequence[Sample]) -> list[dict[str, Any]]:
    """A run's answers and the judge's words in blocks of samples; None where the run has no answer to one."""
    blocks: list[dict[str, Any]] = []
    answers = model.answers_to(samples)
    for first in range(0, len(samples), ROWS_IN_BLOCK):
        block = answers[first : first + ROWS_IN_BLOCK]
        responses = [answer and answer.response for answer in block]
        blocks.append({"answers": responses, "told": [answer and _judge_words(answer) for answer in block]})
    return blocks


def packed(value: object) -> str:
    """A value as JSON, compressed (zlib) and in base64, as the page unpacks it with DecompressionStream."""
    text = to_text(json_value(value)).encode("utf-8", "replace")
    return b64encode(zlib.compress(text, _LEVEL)).decode("ascii")


def _splits_with_violations(model: Measured) -> list[str]:
    """The splits (`casa/english`) whose judge scored violations: its words say 0 where compliance is 1."""
    return [split for split, source in model.provenance.items() if source.rubric == "official"]


def _values(facets: Facets, name: str, samples: Sequence[Sample]) -> list[str | None]:
    """Of each sample, its value of a facet; None where it has none."""
    return [facets.value(sample, name) for sample in samples]


def _numbered(texts: Iterable[str]) -> dict[str, int]:
    """Every different text and its number, in the order in which they first come."""
    numbers: dict[str, int] = {}
    for text in texts:
        numbers.setdefault(text, len(numbers))
    return numbers


def _sample(sample: Sample, norms: Mapping[str, int], pictures: Mapping[str, int]) -> dict[str, Any]:
    return {
        "id": sample.sample_id,
        "subset": sample.subset,
        "item": sample.item,
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
    if isinstance(outcome, JudgeFailure):
        return CODES[outcome.reason]
    return str(outcome.score)


def _flags(answers: Sequence[JudgedAnswer | None]) -> dict[int, list[str]]:
    """Row -> what in the answer may be meant for the judge."""
    flags: dict[int, list[str]] = {}
    for row, answer in enumerate(answers):
        if answer is not None and answer.suspicious:
            flags[row] = list(answer.suspicious)
    return flags


def _judge_words(answer: JudgedAnswer) -> list[str]:
    """The judge's words on each dimension, or one text where they are all the same."""
    words = [_words(answer.outcomes[dimension]) for dimension in DIMENSIONS]
    if len(set(words)) == 1:
        return words[:1]
    return words


def _words(outcome: Outcome) -> str:
    """What was said, of a panel by each member."""
    said = [_own_words(outcome)]
    said += [f"{vote.judge_id}: {_own_words(vote.outcome)}" for vote in outcome.votes]
    return "\n\n".join(said)


def _own_words(outcome: Outcome) -> str:
    if not isinstance(outcome, JudgeFailure):
        return reasons(outcome.rationale, outcome.dimension)
    if not outcome.reply:
        return outcome.detail
    return f"{outcome.detail}\n\n{outcome.reply}"
