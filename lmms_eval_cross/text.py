"""Strings made fit for where they go: canonical, sendable, storable, harmless."""

import json
from typing import Final

_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")


def canonical_json(value: object) -> str:
    """One text for equal values: sorted keys, no spaces, ASCII (lone surrogates stay escaped)."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False)


def sendable(text: str) -> str:
    """`text` as JSON over HTTP can carry it: lone surrogates become U+FFFD."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def storable(text: str) -> str:
    r"""`text` as SQLite can store it: lone surrogates, which UTF-8 has no bytes for, as `\udxxx`."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def harmless(cell: str) -> str:
    """A CSV cell that a spreadsheet takes for text, never for a formula: model answers may start with `=`."""
    return f"'{cell}" if cell.startswith(_FORMULA) else cell
