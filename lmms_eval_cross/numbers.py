"""How numbers look, everywhere: on the page, in Markdown, in CSV and in sentences.

Imports nothing of this package.
"""

import math
from datetime import datetime
from typing import Final

NOTHING: Final = "–"
"""Stands where there is no number."""
MINUS: Final = "\u2212"


def percent(value: float | None) -> str:
    """A percentage without its sign: `61.8`."""
    return NOTHING if value is None else _with_minus(value)


def share(value: float | None) -> str:
    """A share of 1: `0.83`."""
    return plain_share(value) or NOTHING


def interval(low: float | None, high: float | None) -> str:
    """`[55.2, 68.0]`, or nothing at all where there is no interval."""
    if low is None or high is None:
        return ""
    return f"[{_with_minus(low)}, {_with_minus(high)}]"


def share_interval(ends: tuple[float, float] | None) -> str:
    """`[0.74, 0.89]`, or nothing at all where there is no interval."""
    if ends is None:
        return ""
    low, high = map(share, ends)
    return f"[{low}, {high}]"


def with_interval(text: str, low: float | None, high: float | None) -> str:
    """A number that is already a text, and its interval if there is one: `61.8 [55.2, 68.0]`."""
    return f"{text} {interval(low, high)}".rstrip()


def points(difference: float | None) -> str:
    """A difference of percentages: `+6.1`."""
    if difference is None:
        return NOTHING
    text = _with_minus(difference)
    if text.startswith(MINUS) or text == "0.0":
        return text
    return f"+{text}"


def coverage(value: float | None) -> str:
    """A coverage in percent, rounded down: only a whole one is `100.0`."""
    if value is None:
        return NOTHING
    return _with_minus(math.floor(value * 10) / 10)


def count(number: int) -> str:
    """`1,284`."""
    return f"{number:,}"


def plural(number: int, noun: str) -> str:
    """`1 norm`, `1,284 samples`."""
    text = f"{count(number)} {noun}"
    return text if number == 1 else f"{text}s"


def short(value: float) -> str:
    """A number on a scale of its own, or one that a user set: `1840`, `99`, `0.9`."""
    return f"{value:g}"


def plain(value: float | None) -> str:
    """A percentage or points for a spreadsheet: `-6.1`, empty where there is no number."""
    if value is None:
        return ""
    text = f"{value:.1f}"
    return "0.0" if text == "-0.0" else text


def plain_points(difference: float) -> str:
    """A difference of percentages for a terminal: `+6.1`, `-6.1`, `+0.0`."""
    return f"{round(difference, 1) or 0.0:+.1f}"


def plain_share(value: float | None) -> str:
    """A share of 1 for a spreadsheet: `0.83`, empty where there is no number."""
    return "" if value is None else f"{round(value, 2) or 0.0:.2f}"


def day(date: str) -> str:
    """`2026-05-01T13:45:02Z` as `2026-05-01 13:45Z`; another text as it is."""
    try:
        moment = datetime.strptime(date, "%Y-%m-%dT%H:%M:%SZ")
    except ValueError:
        return date or NOTHING
    return f"{moment:%Y-%m-%d %H:%M}Z"


def dollars(value: float | None) -> str:
    """An amount of US dollars: `$12.40`, `$0.0031`."""
    if value is None:
        return NOTHING
    return f"${value:,.2f}" if value >= 0.01 or value == 0 else f"${value:.2g}"


def short_hash(sha256: str) -> str:
    """The first twelve digits."""
    return sha256[:12]


def _with_minus(value: float) -> str:
    """One digit, and a minus as wide as a plus."""
    return plain(value).replace("-", MINUS)
