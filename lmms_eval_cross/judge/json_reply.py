"""The JSON object that a reply holds: bare, behind a sentence, or in a code fence."""

import json
import re
from collections.abc import Iterator, Set
from typing import Any, Final

from lmms_eval_cross.benchmark.records import DIMENSIONS
from lmms_eval_cross.judge.thinking import split_thinking

VERDICT_NAMES: Final = frozenset({*DIMENSIONS, "violation"})
"""What a joint reply scores, by either rubric."""
_MOST_TRIES: Final = 100
"""Places of a reply where an object is looked for; a hostile reply may have a brace a byte."""
_OPENING: Final = re.compile(r"\{\s{0,20}[\"}]")


def find_object(text: str, names: Set[str]) -> dict[str, Any] | None:
    """The object of a reply with one of these members, the last of several that say the same; else None.

    Objects that differ are none: the judge may quote the answer.
    """
    found: dict[str, Any] | None = None
    for value in _objects(text):
        if not names & value.keys():
            continue
        if found is not None and not _says_the_same(found, value, names):
            return None
        found = value
    return found


def reasons(reply: str, dimension: str) -> str:
    """What a reader shall see of a reply on one dimension: of JSON the rationale and the score, else all of it."""
    if "{" not in reply:
        return reply
    spoken = split_thinking(reply)
    value = find_object(spoken.words, {"score", *VERDICT_NAMES}) or {}
    member: object = value
    if "score" not in value:
        member = value.get("violation" if dimension == "compliance" and "violation" in value else dimension)
    if not isinstance(member, dict) or not isinstance(member.get("rationale"), str):
        return reply
    return f"{spoken.thinking}{member['rationale']}\nScore: {member.get('score')}"


def _says_the_same(one: dict[str, Any], other: dict[str, Any], names: Set[str]) -> bool:
    return all(_score(one.get(name)) == _score(other.get(name)) for name in names)


def _score(member: object) -> object:
    if isinstance(member, dict):
        return member.get("score")
    return member


def _objects(text: str) -> Iterator[dict[str, Any]]:
    """The outermost objects, in order."""
    decoder, place = json.JSONDecoder(), 0
    for _ in range(_MOST_TRIES):
        opening = _OPENING.search(text, place)
        if opening is None:
            return
        try:
            value, place = decoder.raw_decode(text, opening.start())
        except (ValueError, RecursionError):
            place = opening.start() + 1
            continue
        if isinstance(value, dict):
            yield value
