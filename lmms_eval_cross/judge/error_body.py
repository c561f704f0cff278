"""What an endpoint says when it refuses: its own words, in whatever shape they come."""

import html
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

MOST_BYTES: Final = 65_536
"""Of a refusal; what is longer is cut, since only its first words are shown."""
_MOST_WORDS: Final = 300
_DEEPEST: Final = 6
_WORDS: Final = (
    *("error", "message", "detail", "msg", "error_description", "errorMessage", "error_msg", "description"),
    *("errors", "title", "Message", "base_resp", "status_msg"),
)
"""Members that hold the words, the one that says most first."""
_TITLE: Final = re.compile(r"<title[^>]*>([^<]{1,500})</title>|<h1[^>]*>([^<]{1,500})</h1>", re.IGNORECASE)
_TAG: Final = re.compile(r"<(?:style|script)\b[^<]*</[^>]*>|<[^<>]*>", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class ErrorBody:
    """A refusal as far as it is read; what the endpoint does not tell is empty."""

    words: str
    """On one line, without control characters, cut to 300 characters."""
    code: str = ""
    kind: str = ""
    """OpenAI's `type`, Gemini's `status`."""
    parameter: str = ""
    """The parameter that the error names."""
    reason: str = ""
    """Anthropic's `details.error_code`, the `reason` of Google's `ErrorInfo`."""

    @property
    def names(self) -> frozenset[str]:
        """All that the endpoint calls its error."""
        return frozenset({self.code, self.kind, self.reason} - {""})


def read_error(content: bytes) -> ErrorBody:
    """The words of a refusal: of OpenAI's shape, a list, `detail`, bare text, or the title of an HTML page."""
    text = content[:MOST_BYTES].decode("utf-8", "replace")
    try:
        value = json.loads(content[:MOST_BYTES])
    except (ValueError, RecursionError):
        return ErrorBody(one_line(_words_of_page(text)))
    return read_error_value(value)


def read_error_value(value: object) -> ErrorBody:
    """The same of a body that is parsed already."""
    holder = _holder(value)
    parameter = _text(holder.get("param")) or _named_place(value)
    kind = _text(holder.get("type")) or _text(holder.get("status"))
    reason = _reason(holder.get("details"))
    return ErrorBody(one_line(_words(value)), _text(holder.get("code")), kind, parameter, reason)


def one_line(text: str) -> str:
    """`text` on one line of 300 characters, with a space for what no terminal should get."""
    shown = "".join(character if character.isprintable() else " " for character in text[: 4 * _MOST_WORDS])
    line = " ".join(shown.split())
    if len(line) > _MOST_WORDS:
        return line[: _MOST_WORDS - 3] + "..."
    return line


def _words(value: object, depth: int = 0) -> str:
    """The first words in a body, looked for where endpoints put them."""
    if isinstance(value, str):
        return _words_of_page(value)
    if depth > _DEEPEST:
        return ""
    if isinstance(value, list):
        said = [_words(entry, depth + 1) for entry in value[:3]]
        return "; ".join(words for words in said if words)
    if isinstance(value, dict):
        return _words_of_object(value, depth)
    return ""


def _words_of_object(value: Mapping[str, Any], depth: int) -> str:
    for name in _WORDS:
        words = _words(value.get(name), depth + 1)
        if words:
            place = _place(value)
            return f"{place}: {words}" if place else words
    return ""


def _place(entry: Mapping[str, Any]) -> str:
    """Where a FastAPI server found its fault, as `max_tokens`; without the word `body`, which all begin with."""
    where = entry.get("loc")
    if not isinstance(where, list):
        return ""
    return ".".join(str(part) for part in where[:8] if isinstance(part, str | int) and part != "body")


def _named_place(value: object) -> str:
    """The one parameter that FastAPI's list of faults names, empty if there are several."""
    detail = value
    for _ in range(3):
        if isinstance(detail, dict):
            detail = detail.get("detail") or detail.get("message")
    if not isinstance(detail, list):
        return ""
    places = {_place(entry) for entry in detail if isinstance(entry, dict)}
    return places.pop() if len(places) == 1 else ""


def _holder(value: object) -> Mapping[str, Any]:
    """The object with code, type and parameter."""
    for _ in range(_DEEPEST):
        if isinstance(value, list) and value:
            value = value[0]
        if isinstance(value, dict) and isinstance(value.get("error"), dict | list):
            value = value["error"]
    return value if isinstance(value, dict) else {}


def _reason(details: object) -> str:
    """The name of an error that stands in its details, empty without one."""
    entries = details if isinstance(details, list) else [details]
    for entry in entries[:_DEEPEST]:
        if isinstance(entry, dict):
            name = _text(entry.get("error_code")) or _text(entry.get("reason"))
            if name:
                return name
    return ""


def _words_of_page(text: str) -> str:
    """A page's title, or a text as it is."""
    title = _TITLE.search(text)
    if title:
        return html.unescape(title[1] or title[2])
    if text.lstrip().startswith("<"):
        return html.unescape(_TAG.sub(" ", text))
    return text


def _text(value: object) -> str:
    """A name or a number; anything else is not told."""
    if isinstance(value, str):
        return value[:200]
    if isinstance(value, int) and abs(value) < 10**9:
        return str(value)
    return ""
