"""Read the score out of a judge's reply.

The released parser takes the reply's last character. Whatever it reads correctly is read the same here; it
crashes on `Score: 1.` or `**1**`, and takes the 0 of `10` for a verdict, or the last of two that differ, and there we
leave it.
"""

import json
import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from lmms_eval_cross.benchmark.records import FailureReason
from lmms_eval_cross.judge.own_words import Span, own_words, quoted_blocks
from lmms_eval_cross.judge.stands import SCORE_WORD, WORDS, Rank, Stand, at_the_end, find_stands, rivals
from lmms_eval_cross.judge.thinking import split_thinking

READING: Final = "2"
"""Version of these rules, in every record's provenance; 1, which no record names, took the last score there is."""
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
    """The score of a reply: the 0 or 1 that stands as one, if all that stand as plainly agree.

    A verdict is a line that begins with a word such as "score" or is a number alone; failing that, what a sentence
    declares; failing that, the last number that is mentioned as a score or ends the reply; in a JSON object, the value
    of such a word. Thinking, quotations, menus and negations (`0, not 1`) are passed over: what the answer under test
    says of scores is not the judge's word. Two verdicts that differ are no score.
    """
    spoken = split_thinking(text)
    if not spoken.ended:
        return NoScore("truncated", "The judge's reply stops in the middle of its thinking.")
    plain = _plain(spoken.words)
    if not plain:
        return NoScore("empty", "The judge's reply is empty.")
    return _score(own_words(_json_as_line(plain)))


def _score(text: str) -> ParsedScore | NoScore:
    """The score of what is the judge's own, but for blocks that it may quote: these can only contradict it."""
    stands, blocks = find_stands(text), quoted_blocks(text)
    own = [stand for stand in stands if not _is_within(stand, blocks)]
    decisive = list(rivals(own))
    if not decisive:
        decisive = own[-1:]
        end = at_the_end(text)
        if end is not None and not _is_within(end, blocks) and not (own and isinstance(_on_the_menu(end), NoScore)):
            decisive = [end]
    elif blocks:
        behind = [stand for stand in stands if stand.rank is Rank.LINE and stand.place > decisive[0].place]
        decisive += behind
    return _agreed(decisive)


def _agreed(decisive: Sequence[Stand]) -> ParsedScore | NoScore:
    """What all of them say."""
    scores = [_on_the_menu(stand) for stand in decisive]
    if not scores:
        return NoScore("unparsable", "No number in the judge's reply stands as a score.")
    if len(set(map(_said, decisive, scores))) > 1:
        one, other = decisive[0].text.strip()[-30:], decisive[-1].text.strip()[-30:]
        return NoScore("ambiguous", f"The judge's reply holds verdicts that differ, such as {one!r} and {other!r}.")
    return next((score for score in scores if isinstance(score, ParsedScore)), scores[-1])


def _said(stand: Stand, score: ParsedScore | NoScore) -> int | tuple[str, str | None]:
    """What two stands must have in common to agree, in whatever way they write it."""
    if isinstance(score, ParsedScore):
        return score.number
    return WORDS.get(stand.number.lower(), (stand.number, stand.of))


def _is_within(stand: Stand, blocks: Sequence[Span]) -> bool:
    return any(start <= stand.place < end for start, end in blocks)


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


def _json_as_line(text: str) -> str:
    """`text` with a line `Score: <value>` for the JSON object that it ends in, if that has one such key."""
    start, end = text.find("{"), text.rfind("}")
    if start < 0 or text[end + 1 :].strip("`*. \n"):
        return text
    try:
        members = json.loads(text[start : end + 1])
    except (ValueError, RecursionError):
        return text
    values = [value for name, value in members.items() if re.fullmatch(SCORE_WORD, name, re.IGNORECASE)]
    if len(values) != 1:
        return text
    before = text[:start].rstrip().removesuffix("json").rstrip("`~ \n")
    return f"{before}\nScore: {json.dumps(values[0])}".strip()


def _on_the_menu(stand: Stand) -> ParsedScore | NoScore:
    if stand.number.lower() in WORDS:
        return NoScore("unparsable", f"The judge gave {stand.text.strip()[-40:]!r}, and the rubric asks for a number.")
    offered = _OFFERED.fullmatch(stand.number)
    if offered is None or stand.of not in {None, "1"}:
        return NoScore("off_menu", f"The judge gave {stand.text.strip()[-40:]!r}, and the rubric offers 0 and 1.")
    return ParsedScore(int(offered[1]))
