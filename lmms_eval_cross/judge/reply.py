"""Read the score out of a judge's reply.

The released parser takes the reply's last character. Whatever it reads correctly is read the same here; it
crashes on `Score: 1.` or `**1**` and takes the 0 of `10` for a verdict, and there we leave it.
"""

import re
import unicodedata
from dataclasses import dataclass
from typing import Final

from lmms_eval_cross.records import FailureReason

_MENU: Final = r"\s*(?:or|to|and|through)\s*[01]\b|[-–][01]\b"
"""What follows the first number of a menu: `0 or 1`, `0-1`; a menu is no score."""
_NUMBER: Final = (
    r"(?<![A-Za-z0-9_.,/%+\-−–])(?<!\d:)(?<!\b[01] or )(?<!\b[01] to )(?<!\b[01] and )"
    r"(?P<number>[+\-−]?\d+(?:[.,]\d+)?)(?:\s*/\s*(?P<of>\d+))?"
    rf"(?![A-Za-z0-9_%])(?![.,/:]\d)(?!{_MENU})"
)
_DECORATION: Final = r"[\s*_`~#>\"'“”‘’()\[\]{}<|=:\-–—]"
_WORD: Final = r"(?:score|scores|scored|rating|rated|verdict|final\s+answer|boxed)"
_MARKED: Final = re.compile(
    rf"\b{_WORD}\b"
    r"(?:\s+(?:is|of|was|would\s+be|should\s+be|given|assigned|as|for\s+[\w ]{1,30}?|here|therefore|thus|a))*"
    rf"{_DECORATION}*{_NUMBER}",
    re.IGNORECASE,
)
_OWN_LINE: Final = re.compile(rf"^{_DECORATION}*{_NUMBER}{_DECORATION}*[.。!]?{_DECORATION}*$", re.MULTILINE)
_AT_THE_END: Final = re.compile(rf"{_NUMBER}[\s.。!*_`]*\Z")
_QUOTES: Final = re.compile(r"“[^”]*”|\"[^\"\n]*\"|«[^»]*»|(?<!\w)'[^'\n]*'(?!\w)|`[^`\n]+`")


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

    As a score stands a number behind a word such as "score", alone on its line, or at the very end. What the
    reply quotes is not its own word and counts only where nothing else stands as a score.
    """
    plain = _plain(text)
    if not plain:
        return NoScore("empty", "The judge's reply is empty.")
    found = _last_score(_without_quotes(plain)) or _last_score(plain)
    if found is None:
        return NoScore("unparsable", "No number in the judge's reply stands as a score.")
    return _on_the_menu(found)


def _plain(text: str) -> str:
    """`text` with full-width and other decimal digits as ASCII and without invisible characters."""
    normal = unicodedata.normalize("NFKC", text)
    seen = (character for character in normal if unicodedata.category(character) != "Cf")
    return "".join(_ascii_digit(character) for character in seen).strip()


def _ascii_digit(character: str) -> str:
    return str(unicodedata.decimal(character)) if character.isdecimal() else character


def _without_quotes(text: str) -> str:
    """`text` without the quotations that hold a number beside other words (`"score": 1` is no quotation)."""
    return _QUOTES.sub(lambda quote: " ... " if re.search(r"\d", quote[0]) and len(quote[0]) > 4 else quote[0], text)


def _last_score(text: str) -> re.Match[str] | None:
    stands = [*_MARKED.finditer(text), *_OWN_LINE.finditer(text)]
    end = _AT_THE_END.search(text)
    if end and (not stands or _value(end) in {0.0, 1.0}):
        stands.append(end)
    return max(stands, key=lambda match: match.start("number"), default=None)


def _on_the_menu(found: re.Match[str]) -> ParsedScore | NoScore:
    value = _value(found)
    if value not in {0.0, 1.0} or found["of"] not in {None, "1"}:
        return NoScore("off_menu", f"The judge gave {found[0].strip()[-40:]!r}, and the rubric offers 0 and 1.")
    return ParsedScore(int(value))


def _value(found: re.Match[str]) -> float:
    return float(found["number"].replace(",", ".").replace("−", "-"))
