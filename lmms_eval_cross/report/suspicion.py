"""Answers that talk to their judge: a hint for the reader, no proof, and no part of any score."""

import re
from typing import Final

_SIGNS: Final = (
    (
        "tells the judge what to do",
        r"\b(?:ignore|disregard|forget|override)\b[^.\n]{0,60}\b(?:instruction|rubric|prompt|criteria|norm|guideline)s?\b",
    ),
    (
        "asks for a score",
        r"\b(?:give|assign|award|output|return|reply|respond|answer)\b[^.\n]{0,40}\b(?:score|rating)\b[^.\n]{0,20}\b1\b",
    ),
    ("states a score", r"^[^\w\n]{0,9}(?:final )?(?:score|verdict|rating)[^\w\n]{0,5}[:=][^\w\n]{0,5}[01]\b"),
    (
        "speaks to a judge",
        r"\b(?:dear|attention|note (?:to|for)(?: the)?|as (?:the|a|an))\s(?:judge|evaluator|grader|rater)\b",
    ),
    ("holds marks of a chat's turns", r"<\|(?:im_start|im_end|system|user|assistant|eot_id)\|>|\[/?INST\]"),
    (
        "holds a judge prompt's delimiters",
        r"^[ \t]{0,9}(?:<{2,9}|#{2,9}[ \t]{0,9}|</?)(?:system|query|norm|response|task)\b",
    ),
)
_WORDS: Final = (
    *("instruction", "rubric", "prompt", "criteria", "norm", "guideline", "score", "rating", "verdict"),
    *("judge", "evaluator", "grader", "rater", "system", "query", "response", "task", "<|", "[inst]", "[/inst]"),
)
"""Each sign holds one of them: most answers need no second look."""
_INVISIBLE: Final = re.compile(r"[\u202a-\u202e\u2066-\u2069\U000e0000-\U000e007f]")
_COMPILED: Final = tuple((what, re.compile(sign, re.IGNORECASE | re.MULTILINE)) for what, sign in _SIGNS)


def suspicions(response: str) -> list[str]:
    """What in an answer may be meant for the judge: `states a score`, `hides characters`."""
    lowered = response.lower()
    signs = _COMPILED if any(word in lowered for word in _WORDS) else ()
    found = [what for what, sign in signs if sign.search(response)]
    return [*found, "hides characters that turn or tag text"] if _INVISIBLE.search(response) else found
