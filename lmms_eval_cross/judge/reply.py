"""Read the score out of a judge's reply.

The released parser takes the reply's last character. Whatever it reads correctly is read the same here; it
crashes on `Score: 1.` or `**1**` and takes the 0 of `10` for a verdict, and there we leave it.

Every repetition in the patterns is bounded or unambiguous, so that a hostile reply costs linear time.
"""

import json
import re
import unicodedata
from dataclasses import dataclass
from typing import Final

from lmms_eval_cross.benchmark.records import DIMENSION_WORDS, FailureReason
from lmms_eval_cross.judge.thinking import split_thinking

_NUMBER: Final = (
    r"(?<![A-Za-z0-9_.,/%+\-−–])(?<!\d:)"
    r"(?P<number>[+\-−]?\d+(?:[.,]\d+)?)(?:[ \t]{0,2}(?:/|\bout of\b)[ \t]{0,2}(?P<of>\d+))?"
    r"(?![A-Za-z0-9_])(?![ \t]?%)(?![.,/:\-–]\d)"
    r"(?![ \t]{1,2}(?:would|could|might|requires?|means|is[ ](?:for|given|reserved))\b)"
)
"""A number of its own, which is not the subject of a clause such as `a score of 1 would need a reason`."""
_DECORATION: Final = r"[ \t*_`~#>\"'“”‘’()\[\]{}<|=:\-–—→$\\]{0,20}"
_WORD: Final = (
    r"(?<![A-Za-z0-9])(?:scores?|scored|ratings?|rated|grade|verdict|judge?ment|final answer|boxed)(?![A-Za-z0-9])"
)
_LABEL: Final = rf"(?:{_WORD}|(?<!\w)(?:{'|'.join(DIMENSION_WORDS)})\b)"
_AFTER_LABEL: Final = r"(?=[ \t]{0,2}(?:$|[^\w\s]|(?:because|since|as|and|based|for)\b))"
_STANDS: Final = tuple(
    re.compile(pattern, re.IGNORECASE | re.MULTILINE)
    for pattern in (
        rf"{_WORD}(?: (?:of|is|was|a)\b){{0,2}}{_DECORATION}{_NUMBER}",
        rf"{_LABEL}[^\d\n.!?;:=|]{{0,60}}(?:[:=|]|\b(?:is|be|was)\b){_DECORATION}{_NUMBER}{_AFTER_LABEL}",
        rf"^{_DECORATION}{_NUMBER}{_DECORATION}[.。!]?{_DECORATION}$",
    )
)
"""Behind a word such as "score"; behind a label with a colon or a verb; alone on a line."""
_AT_THE_END: Final = re.compile(rf"{_NUMBER}[\s.。!*_`]{{0,20}}\Z")
_TAIL: Final = 60
_REFERENCE: Final = re.compile(
    r"\b(?:rule|norm|figure|fig\.?|image|picture|option|item|step|point|reason|section|part|page|line|no\.|number|"
    r"example|criterion|table|paragraph) ?$",
    re.IGNORECASE,
)
_MENU_IN_BRACKETS: Final = re.compile(r"[(\[](?=[^()\[\]\n]*\b0\b)(?=[^()\[\]\n]*\b1\b)[^()\[\]\n]*[)\]]")
_NOT_A_SCORE: Final = re.compile(
    r"(?<![\w.,/])[01] ?(?:\b(?:or|to|and|through|versus|vs\.?)\b|[-–]|, ) ?[01]\b(?![.,/]?\d)"
    r"|\b0 ?/ ?1\b(?=[*_ ]{0,4}[:=])"
    r"|\b(?:not|than|never|instead of) (?:an? )?(?:(?:score|rating) of )?[01]\b"
    r"|(?:\bnot|n['’]t|\bcannot|\bnever) \w{1,20} an? (?:\w{1,20} )?(?:(?:score|rating) of )?[01]\b",
    re.IGNORECASE,
)
"""Menus (`0 or 1`, `0-1`) and scores that were not given (`it is 0, not 1`)."""
_QUOTES: Final = re.compile(
    r"“[^“”]*”|«[^«»]*»|「[^「」]*」|『[^『』]*』|\"[^\"\n]*\"|`[^`\n]+`|^ {0,3}>.*$"
    r"|(?<!\w)'(?:[^'\n]|(?<=\w)'(?=\w))*'(?!\w)|(?<!\w)‘(?:[^‘’\n]|(?<=\w)’(?=\w))*’(?!\w)",
    re.MULTILINE,
)
_OFFERED: Final = re.compile(r"\+?([01])(?:[.,]0{1,2})?")


@dataclass(frozen=True, slots=True)
class ParsedScore:
    """A number that the rubric offers: 0 or 1, as the judge gave it, before any inversion."""

    number: int


@dataclass(frozen=True, slots=True)
class NoScore:
    """Why a reply has no score."""

    reason: FailureReason
    detail: str


def parse_reply(text: str) -> ParsedScore | NoScore:
    """The score of a reply: its last 0 or 1 that stands as a score.

    As a score stands a number behind a word such as "score", alone on its line, or at the very end; in a JSON
    object, the value of such a word. Thinking, quotations, menus and negations (`0, not 1`) are passed over: what the
    answer under test says of scores is not the judge's word.
    """
    spoken = split_thinking(text)
    if not spoken.ended:
        return NoScore("truncated", "The judge's reply stops in the middle of its thinking.")
    plain = _plain(spoken.words)
    if not plain:
        return NoScore("empty", "The judge's reply is empty.")
    score = _last_score(_own_words(_json_score(plain) or plain))
    if score is None:
        return NoScore("unparsable", "No number in the judge's reply stands as a score.")
    return _on_the_menu(score)


def _plain(text: str) -> str:
    r"""`text` in ASCII digits, with `\n` alone for the end of a line, and without invisible characters."""
    normal = unicodedata.normalize("NFKC", text).replace("⁄", "/")
    folded = {ord(character): _folded(character) for character in set(normal) if not character.isascii()}
    return "\n".join(normal.translate(folded).splitlines()).strip()


def _folded(character: str) -> str:
    if character.isdecimal():
        return str(unicodedata.decimal(character))
    if unicodedata.category(character) == "Cf":
        return ""
    return character


def _json_score(text: str) -> str | None:
    """`Score: <value>` where the reply ends in a JSON object with one such key, else None."""
    start, end = text.find("{"), text.rfind("}")
    if start < 0 or text[end + 1 :].strip("`*. \n"):
        return None
    try:
        members = json.loads(text[start : end + 1])
    except (ValueError, RecursionError):
        return None
    values = [value for name, value in members.items() if re.fullmatch(_WORD, name, re.IGNORECASE)]
    if len(values) != 1:
        return None
    return f"Score: {json.dumps(values[0])}"


def _own_words(text: str) -> str:
    """`text` without quotations that hold a number, and without numbers that are on offer or ruled out."""
    own = _QUOTES.sub(_unless_quoted, text)
    return _NOT_A_SCORE.sub(" ... ", _MENU_IN_BRACKETS.sub("", own))


def _unless_quoted(quote: re.Match[str]) -> str:
    """The quotation, if it is the judge's own form: a number or a key in quotes, or the last line as a whole."""
    text, reply = quote[0], quote.string
    is_last_line = quote.end() == len(reply) and reply[: quote.start()][-1:] in {"", "\n"}
    if len(text) <= 4 or is_last_line or not re.search(r"\d", text):
        return text
    return " ... "


def _last_score(text: str) -> re.Match[str] | None:
    stands = [match for pattern in _STANDS for match in pattern.finditer(text)]
    end = _AT_THE_END.search(text, max(0, len(text) - _TAIL))
    if end and not _REFERENCE.search(text[max(0, end.start() - _TAIL) : end.start()]):
        offered = _OFFERED.fullmatch(end["number"]) and not end["of"]
        if offered or not stands:
            stands.append(end)
    return max(stands, key=lambda match: match.start("number"), default=None)


def _on_the_menu(score: re.Match[str]) -> ParsedScore | NoScore:
    offered = _OFFERED.fullmatch(score["number"])
    if offered is None or score["of"] not in {None, "1"}:
        return NoScore("off_menu", f"The judge gave {score[0].strip()[-40:]!r}, and the rubric offers 0 and 1.")
    return ParsedScore(int(offered[1]))
