"""Read a kept reply again: the score that it gives, against which the score that was kept can be held."""

import hashlib
import re
from functools import cache
from importlib.resources import files
from typing import Final

from lmms_eval_cross.judge.reply import ParsedScore, parse_reply

WHOLE_REPLY: Final = frozenset({"official", "rules"})
"""Profiles of which the whole reply is kept, and not the rationale alone."""
_PLAIN: Final = re.compile(r"(?:[^\d<{`>\"\[]*\n)?Score: ([01])")
"""A reply with one digit, at its end, and with nothing that the parser would look at twice: nine in ten are so."""


def rescore(profile: str, rubric_sha256: str, dimension: str, reply: str) -> int | None:
    """The score, 1 being good, that a reply gives; None if it gives none, or only a part of it was kept.

    Args:
        profile: `Profile.version`, or `rules`, whose replies say the score itself.
        rubric_sha256: of the rubric; the official one scores a violation where we score compliance.
        dimension: of the score.
        reply: as it was kept.
    """
    if profile not in WHOLE_REPLY:
        return None
    number = _number(reply)
    if number is not None and dimension == "compliance" and profile != "rules" and rubric_sha256 != _native():
        return 1 - number
    return number


def _number(reply: str) -> int | None:
    plain = _PLAIN.fullmatch(reply) if reply.isascii() else None
    if plain is not None:
        return int(plain[1])
    read = parse_reply(reply)
    return read.number if isinstance(read, ParsedScore) else None


@cache
def _native() -> str:
    """The hash of our own rubric, which scores compliance; where its wording changes, this must know both."""
    return hashlib.sha256(files("lmms_eval_cross.benchmark").joinpath("native.yml").read_bytes()).hexdigest()
