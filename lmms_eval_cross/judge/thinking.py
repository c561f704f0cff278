"""What a reasoning model thinks aloud, told apart from what it says."""

import re
from dataclasses import dataclass
from typing import Final

_NAMES: Final = (
    r"(?:think|thinking|thoughts?|reason|reasoning|reflection|scratchpad|inner_monologue|antthinking|seed:think)"
)
_OPENING: Final = re.compile(
    rf"[\s\ufeff\u200b]*(?:<{_NAMES}>|\[think\]|◁think▷|<\|begin_of_thought\|>|<unused94>|<\|channel\|>analysis)",
    re.IGNORECASE,
)
_CLOSING: Final = re.compile(
    rf"</{_NAMES}>|\[/think\]|◁/think▷|<\|end_of_thought\|>|<unused95>|<\|channel\|>final(?:<\|message\|>)?",
    re.IGNORECASE,
)
_QUOTATION: Final = re.compile(r"\"[^\"\n]*\"|“[^“”\n]*”|«[^«»\n]*»|「[^「」\n]*」|`[^`\n]+`|^ {0,3}>.*$", re.MULTILINE)
_VERDICT_FIRST: Final = re.compile(
    r"\W{0,10}(?:final |my |the )?(?:score|rating|verdict|judge?ment|answer)\W{0,5}(?:is |of )?\W{0,5}\d", re.IGNORECASE
)


@dataclass(frozen=True, slots=True)
class Spoken:
    """A reply in its two parts."""

    thinking: str
    words: str
    """What the model says after it has thought; a score counts here alone."""
    ended: bool
    """False: the reply stops in the middle of the thinking."""


def split_thinking(text: str) -> Spoken:
    """Thinking and words of a reply; the thinking may be opened and closed, only opened, or only closed.

    Templates that open the thinking themselves leave a reply that only closes it. A tag within quotation marks is
    a quotation, and in a reply that begins with its verdict a tag comes from the answer that it speaks of.
    """
    opened = _OPENING.match(text)
    if opened is None and _VERDICT_FIRST.match(text):
        return Spoken("", text, True)
    closing = _first_closing(text)
    if closing is None:
        if opened:
            return Spoken(text, "", False)
        return Spoken("", text, True)
    thinking, rest = text[: closing.end()], text[closing.end() :]
    if not _OPENING.match(rest):
        return Spoken(thinking, rest, True)
    further = split_thinking(rest)
    return Spoken(thinking + further.thinking, further.words, further.ended)


def with_thinking(thinking: str, words: str) -> str:
    """One text of thinking that came apart and of words; `split_thinking` parts them again."""
    inside = _CLOSING.sub("(end of thinking)", thinking.strip())
    return f"<think>\n{inside}\n</think>\n\n{words}"


def _first_closing(text: str) -> re.Match[str] | None:
    """The first closing tag that stands in no quotation; its place is the same in `text`."""
    if _CLOSING.search(text) is None:
        return None
    return _CLOSING.search(_QUOTATION.sub(lambda quote: " " * len(quote[0]), text))
