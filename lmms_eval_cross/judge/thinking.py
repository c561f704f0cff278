"""What a reasoning model thinks aloud, told apart from what it says."""

from dataclasses import dataclass
from typing import Final

from lmms_eval_cross.judge.patterns import compiled

_NAMES: Final = (
    r"(?:(?:[a-z]{1,12}[:_])?think|thinking|thoughts?|reason|reasoning|reflection|scratch_?pad|antthinking|cot"
    r"|(?:inner|internal)_(?:monologue|thoughts?)|(?:thinking|thought|reasoning)_process)"
)
_OPEN: Final = (
    rf"(?:<{_NAMES}(?:\s[^<>\n]{{0,80}})?>|&lt;{_NAMES}&gt;|<\|(?:start_|begin_of_)?{_NAMES}\|>|\[(?:begin_)?{_NAMES}\]"
    r"|◁think▷|<\|inner_prefix\|>|<unused94>|<\|channel\|>analysis)"
)
_CLOSE: Final = (
    rf"(?:</{_NAMES}\s?>|&lt;/{_NAMES}&gt;|<\|(?:/|end_|end_of_){_NAMES}\|>|\[(?:/|end_){_NAMES}\]"
    r"|◁/think▷|<\|inner_suffix\|>|<unused95>|<\|channel\|>final(?:<\|message\|>)?)"
)
_OPENING: Final = rf"(?i)[\s\ufeff\u200b]*{_OPEN}"
_OPENING_LINE: Final = rf"(?im)^[ \t]{{0,8}}{_OPEN}"
_CLOSING: Final = f"(?i){_CLOSE}"
_TAG: Final = f"(?i){_OPEN}|{_CLOSE}"
_QUOTATION: Final = r"(?m)\"[^\"\n]*\"|“[^“”\n]*”|«[^«»\n]*»|「[^「」\n]*」|`[^`\n]+`|^ {0,3}>.*$"
_FENCE: Final = r"(?m)^ {0,3}```[^`\n]{0,40}\n[^`]{0,4000}```[ \t]*$"
_VERDICT: Final = r"\W{0,10}(?:final |my |the )?(?:score|rating|verdict|judge?ment|answer)\W{0,5}(?:is |of )?\W{0,5}\d"
_VERDICT_FIRST: Final = f"(?i){_VERDICT}"
_VERDICT_LINE: Final = f"(?im)^{_VERDICT}"


@dataclass(frozen=True, slots=True)
class Spoken:
    """A reply in its two parts."""

    thinking: str
    words: str
    """What the model says after it has thought; a score counts here alone."""
    ended: bool
    """False: the reply stops in the middle of the thinking."""


def split_thinking(text: str) -> Spoken:
    """Thinking and words of a reply; the thinking may be opened and closed, only opened, or only closed, and again.

    Templates that open the thinking themselves leave a reply that only closes it; some models say a word before they
    open it. A tag within quotation marks is a quotation, and behind a verdict it comes from the answer that is judged.
    """
    if compiled(_TAG).search(text) is None:
        return Spoken("", text, True)
    unquoted = _blank(_QUOTATION, text)
    unfenced = _blank(_FENCE, unquoted)
    end = 0
    while not _begins_with_verdict(text, end):
        is_opened = compiled(_OPENING).match(text, end) is not None or _opens_later(text, unfenced, end)
        closing = compiled(_CLOSING).search(unquoted, end) if is_opened or end == 0 else None
        if closing is None:
            return Spoken(text, "", False) if is_opened else Spoken(text[:end], text[end:], True)
        end = closing.end()
    return Spoken(text[:end], text[end:], True)


def with_thinking(thinking: str, words: str) -> str:
    """One text of thinking that came apart and of words; `split_thinking` parts them again."""
    inside = compiled(_CLOSING).sub("(end of thinking)", thinking.strip())
    return f"<think>\n{inside}\n</think>\n\n{words}"


def _begins_with_verdict(text: str, start: int) -> bool:
    return compiled(_OPENING).match(text, start) is None and compiled(_VERDICT_FIRST).match(text, start) is not None


def _opens_later(text: str, unfenced: str, start: int) -> bool:
    """Whether a line begins with an opening tag that stands in no quotation, and no verdict stands before it."""
    opening = compiled(_OPENING_LINE).search(unfenced, start)
    return opening is not None and compiled(_VERDICT_LINE).search(text, start, opening.start()) is None


def _blank(pattern: str, text: str) -> str:
    """`text` with spaces for what the pattern finds; what else stands in it stays in its place."""
    return compiled(pattern).sub(lambda match: " " * len(match[0]), text)
