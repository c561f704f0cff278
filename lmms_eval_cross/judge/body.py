"""The body of an answer as a value: JSON, or a stream of chunks put together, asked for or not."""

import json
import re
from collections.abc import Iterator
from typing import Any, Final

from lmms_eval_cross.judge.error_body import ErrorBody
from lmms_eval_cross.text import sendable

MOST_BYTES: Final = 8_000_000
"""Of an answer; thinking of 100,000 tokens has half a million, or ten times that as a stream of chunks."""
STREAMED: Final = "streamed"
"""A quirk: this endpoint answers only as a stream."""
_LONE_SURROGATE: Final = re.compile(rb"\\u[dD][89a-fA-F]")
_STREAM_ONLY: Final = re.compile(
    r"\bstream(?:ing)?\b[^.]{0,60}\b(?:only|required|must|enable|true|mode)\b|\bonly\b[^.]{0,40}\bstream", re.IGNORECASE
)
_TEXTS: Final = ("content", "reasoning_content", "reasoning", "refusal")


def wants_stream(status: int, said: ErrorBody) -> bool:
    """Whether a refusal says that the endpoint answers only as a stream."""
    return status in {400, 422} and bool(_STREAM_ONLY.search(said.words))


def read_body(content: bytes) -> object:
    """The value of a body.

    Raises:
        ValueError: neither JSON nor a stream of JSON chunks, or nested too deep.
    """
    start = content[:200].lstrip()
    if start.startswith((b"data:", b"event:", b"id:", b"retry:", b":")):
        return _put_together(_chunks(content), ended=b"[DONE]" in content[-200:])
    return _value(content)


def _value(content: bytes) -> object:
    try:
        value = json.loads(content)
        if _LONE_SURROGATE.search(content):  # which no UTF-8 can hold, and so no ledger
            return json.loads(sendable(json.dumps(value, ensure_ascii=False)))
    except RecursionError:
        raise ValueError("nested too deep") from None
    return value


def _chunks(content: bytes) -> Iterator[dict[str, Any]]:
    """The events of a stream; what begins with a colon is a comment that keeps the connection alive."""
    for line in content.splitlines():
        if not line.startswith(b"data:"):
            continue
        data = line.removeprefix(b"data:").strip()
        if data == b"[DONE]":
            return
        value = _value(data)
        if not isinstance(value, dict):
            raise ValueError("a chunk is no object")
        yield value


def _put_together(chunks: Iterator[dict[str, Any]], ended: bool) -> dict[str, Any]:
    """The completion that chunks make; its types are looked at by who reads it."""
    whole: dict[str, Any] = {}
    pieces: dict[str, list[str]] = {}
    choice: dict[str, Any] = {"finish_reason": None if ended else "a stream without an end"}
    for chunk in chunks:
        if "error" in chunk and "choices" not in chunk:
            return chunk
        whole |= {name: chunk[name] for name in ("model", "usage") if chunk.get(name) is not None}
        choices = chunk.get("choices")
        if isinstance(choices, list) and choices and isinstance(choices[0], dict):
            _take_in(choices[0], choice, pieces)
    choice["message"] = {name: "".join(texts) for name, texts in pieces.items()}
    return {**whole, "choices": [choice]}


def _take_in(part: dict[str, Any], choice: dict[str, Any], pieces: dict[str, list[str]]) -> None:
    """Add a chunk's piece of the first choice."""
    said = part.get("delta") or part.get("message")
    if isinstance(said, dict):
        for name in _TEXTS:
            if isinstance(said.get(name), str):
                pieces.setdefault(name, []).append(said[name])
    for name in ("finish_reason", "error"):
        if part.get(name) is not None:
            choice[name] = part[name]
