"""The places of a reply where a number stands as a score, and what they say together.

Every repetition in the patterns is bounded or unambiguous, so that a hostile reply costs linear time.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Final

from lmms_eval_cross.benchmark.records import DIMENSION_WORDS
from lmms_eval_cross.judge.patterns import compiled

_NUMBER: Final = (
    r"(?<![A-Za-z0-9_.,/%+\-−–])(?<!\d:)"
    r"(?P<number>[+\-−]?\d+(?:[.,]\d+)?)(?:[ \t]{0,2}(?:/|\bout of\b)[ \t]{0,2}(?P<of>\d+))?"
    r"(?![A-Za-z0-9_])(?![ \t]?%)(?![.,/:\-–]\d)"
    r"(?![ \t]{1,2}(?:would|could|might|requires?|means|is[ ](?:for|given|reserved|not|only|too))\b)"
)
"""A number of its own, which is not the subject of a clause such as `a score of 1 would need a reason`."""
_DECORATION: Final = r"[ \t*_`~#>\"'“”‘’()\[\]{}<|=:\-–—→$\\]{0,20}"
SCORE_WORD: Final = (
    r"(?<![A-Za-z0-9])(?:scores?|scored|ratings?|rated|grade|verdict|judge?ment|final answer|boxed"
    r"|分数|得分|评分|スコア|점수|оценка|puntuación|pontuação)(?![A-Za-z0-9])"
)
_LABEL: Final = rf"(?:{SCORE_WORD}|(?<!\w)(?:{'|'.join(DIMENSION_WORDS)})\b)"
_AFTER_LABEL: Final = r"(?=[ \t]{0,2}(?:$|[^\w\s]|(?:because|since|as|and|based|for)\b))"
_DECLARED: Final = (
    rf"(?im){SCORE_WORD}(?: (?:is|was)\b)?(?<!scored)(?<!scores){_DECORATION}{_NUMBER}",
    rf"(?im){_LABEL}[^\d\n.!?;:=|]{{0,60}}(?:[:=|]|\b(?:is|be|was)\b){_DECORATION}{_NUMBER}{_AFTER_LABEL}",
    rf"(?im)\bI(?:['’]d|['’]ll| would| will)? (?:give|assign|rate|award)\b[^\d\n.!?]{{0,40}}{_NUMBER}{_AFTER_LABEL}",
    rf"(?im)<(?:answer|final_answer|output|result)>\s{{0,4}}{_NUMBER}\s{{0,4}}</",
)
"""Behind a label with or without a colon or a verb; given by the judge in the first person; in a tag."""
WORDS: Final = {"zero": 0, "one": 1}
"""No rubric asks for words, so that one is no score; but it may contradict a number."""
_IN_WORDS: Final = (
    rf"(?im){SCORE_WORD}(?: (?:is|was)\b)?{_DECORATION}(?P<number>{'|'.join(WORDS)})"
    r"(?P<of>\b)[ \t.。!*_`\"')\]]{0,10}$"
)
"""`Score: zero` at the end of a line."""
_ALONE: Final = rf"(?im)^{_DECORATION}{_NUMBER}{_DECORATION}[.。!]?{_DECORATION}$"
_MENTIONED: Final = rf"(?im){SCORE_WORD}(?: (?:of|is|was|an?|as|at|with)\b){{0,3}}{_DECORATION}{_NUMBER}"
_AT_THE_END: Final = rf"{_NUMBER}[\s.。!*_`\-]{{0,20}}\Z"
_TAIL: Final = 60
_REFERENCE: Final = (
    r"(?i)\b(?:rule|norm|figure|fig\.?|image|picture|option|item|step|point|reason|section|part|page|line|no\.|number|"
    r"example|criterion|table|paragraph) ?$"
)
_LEAD: Final = (
    r"(?i)(?:[\W_]|\b(?:so|thus|therefore|hence|overall|finally|final|the|my|in|conclusion|and|total|this|answer|gets|"
    rf"{'|'.join(DIMENSION_WORDS)})\b)*"
)
"""What may stand in front of a label at the beginning of a line that is a verdict."""
_LABEL_ABOVE: Final = rf"(?im){_LABEL}\W{{0,20}}$"


class Rank(IntEnum):
    """How plainly a number stands as a score."""

    MENTIONED = 0
    """`a score of 1` in a sentence."""
    DECLARED = 1
    """`the score is 1` in the middle of a line."""
    LINE = 2
    """A line that begins with it."""


@dataclass(frozen=True, slots=True)
class Stand:
    """A number that stands as a score."""

    text: str
    number: str
    of: str | None
    place: int
    """Of the number in the text."""
    rank: Rank


def find_stands(text: str) -> list[Stand]:
    """All of them, in order of their places; of two at one place the plainer."""
    best: dict[int, Stand] = {}
    for stand in _each_stand(text):
        known = best.get(stand.place)
        if known is None or known.rank < stand.rank:
            best[stand.place] = stand
    return [best[place] for place in sorted(best)]


def at_the_end(text: str) -> Stand | None:
    """The number that ends a text, unless it counts figures, rules and the like."""
    end = compiled(_AT_THE_END).search(text, max(0, len(text) - _TAIL))
    if end is None or compiled(_REFERENCE).search(text[max(0, end.start() - _TAIL) : end.start()]):
        return None
    return _stand(end, Rank.MENTIONED)


def rivals(stands: Sequence[Stand]) -> Sequence[Stand]:
    """Those that must agree: plain lines and what is declared after the first of them, else what is declared at all.

    Before its verdict a judge weighs; behind it, it says what another score would have taken.
    """
    first = next((stand.place for stand in stands if stand.rank is Rank.LINE), None)
    if first is None:
        return [stand for stand in stands if stand.rank is Rank.DECLARED]
    return [stand for stand in stands if stand.place >= first and stand.rank is not Rank.MENTIONED]


def _each_stand(text: str) -> Iterator[Stand]:
    for pattern in _DECLARED:
        for match in compiled(pattern).finditer(text):
            yield _stand(match, Rank.LINE if _begins_line(text, match.start()) else Rank.DECLARED)
    for match in compiled(_IN_WORDS).finditer(text):
        if _begins_line(text, match.start()):
            yield _stand(match, Rank.LINE)
    for match in compiled(_ALONE).finditer(text):
        yield _stand(match, Rank.LINE if _is_asked_for(text, match) else Rank.MENTIONED)
    for match in compiled(_MENTIONED).finditer(text):
        yield _stand(match, Rank.MENTIONED)


def _begins_line(text: str, start: int) -> bool:
    """Whether nothing but a few leading words stands between the beginning of the line and `start`."""
    near = text[max(0, start - _TAIL) : start]
    if "\n" not in near and start > _TAIL:
        return False
    return compiled(_LEAD).fullmatch(near.rpartition("\n")[2]) is not None


def _is_asked_for(text: str, line: re.Match[str]) -> bool:
    """Whether a number alone on its line is the first or last line, or stands below a label."""
    if line.start() == 0 or line.end() == len(text):
        return True
    return compiled(_LABEL_ABOVE).search(text[max(0, line.start() - _TAIL) : line.start()]) is not None


def _stand(match: re.Match[str], rank: Rank) -> Stand:
    return Stand(match[0], match["number"], match["of"] or None, match.start("number"), rank)
