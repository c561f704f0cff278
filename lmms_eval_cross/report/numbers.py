"""How numbers look, everywhere: page, Markdown and CSV."""

import math
from typing import Final

NOTHING: Final = "–"
"""Stands where there is no number."""
MINUS: Final = "\u2212"


def percent(value: float | None) -> str:
    """A percentage without its sign: `61.8`."""
    return NOTHING if value is None else _signless(value)


def share(value: float | None) -> str:
    """A share of 1: `0.83`."""
    return NOTHING if value is None else f"{value:.2f}"


def interval(low: float | None, high: float | None) -> str:
    """`[55.2, 68.0]`, or nothing at all where there is no interval."""
    return "" if low is None or high is None else f"[{_signless(low)}, {_signless(high)}]"


def score(mean: float | None, low: float | None, high: float | None) -> str:
    """`61.8 [55.2, 68.0]`."""
    return " ".join(part for part in (percent(mean), interval(low, high)) if part)


def points(difference: float | None) -> str:
    """A difference of percentages: `+6.1`."""
    if difference is None:
        return NOTHING
    text = _signless(difference)
    return text if text.startswith(MINUS) or text == "0.0" else f"+{text}"


def coverage(value: float | None) -> str:
    """A coverage in percent, rounded down: only a whole one is `100.0`."""
    return NOTHING if value is None else _signless(math.floor(value * 10) / 10)


def count(number: int) -> str:
    """`1,284`."""
    return f"{number:,}"


def plural(number: int, noun: str) -> str:
    """`1 norm`, `1,284 samples`."""
    return f"{count(number)} {noun}{'' if number == 1 else 's'}"


def plain(value: float | None) -> str:
    """For a spreadsheet: `-6.1`, empty where there is no number."""
    return "" if value is None else _signless(value).replace(MINUS, "-")


def day(date: str) -> str:
    """lmms-eval's `20260501_134502` as `2026-05-01 13:45`; another text as it is."""
    digits = date.replace("_", "")
    if len(digits) != 14 or not digits.isdigit():
        return date or NOTHING
    return f"{digits[:4]}-{digits[4:6]}-{digits[6:8]} {digits[8:10]}:{digits[10:12]}"


def short_hash(sha256: str) -> str:
    """The first twelve digits."""
    return sha256[:12]


def _signless(value: float) -> str:
    text = f"{value:.1f}"
    return "0.0" if text == "-0.0" else text.replace("-", MINUS)
