"""Strings made fit for where they go: canonical, sendable, storable."""

import json


def canonical_json(value: object) -> str:
    """One text for equal values: sorted keys, no spaces, ASCII (lone surrogates stay escaped)."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False)


def sendable(text: str) -> str:
    """`text` as JSON over HTTP can carry it: lone surrogates become U+FFFD."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def storable(text: str) -> str:
    r"""`text` as SQLite can store it: lone surrogates, which UTF-8 has no bytes for, as `\udxxx`."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")
