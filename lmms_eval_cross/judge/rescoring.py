"""Read a kept reply again: the score that it gives, against which the score that was kept can be held."""

from functools import cache
from typing import Final

from lmms_eval_cross.benchmark.rubric import load_native_rubric
from lmms_eval_cross.judge.reply import ParsedScore, parse_reply

_WHOLE_REPLY: Final = frozenset({"official", "rules"})
"""Profiles of which the whole reply is kept."""


def rescore(profile: str, rubric_sha256: str, dimension: str, reply: str) -> int | None:
    """The score, 1 being good, that a reply gives; None if it gives none, or only a part of it was kept.

    Args:
        profile: `Profile.version`, or `rules`, whose replies say the score itself.
        rubric_sha256: of the rubric; the official one scores a violation where we score compliance.
        dimension: of the score.
        reply: as it was kept.
    """
    if profile not in _WHOLE_REPLY:
        return None
    read = parse_reply(reply)
    if not isinstance(read, ParsedScore):
        return None
    if dimension == "compliance" and profile != "rules" and rubric_sha256 != _native():
        return 1 - read.number
    return read.number


@cache
def _native() -> str:
    """The hash of our own rubric, which scores compliance; a later wording of it must be added to this one."""
    return load_native_rubric().sha256
