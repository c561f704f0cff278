"""How numbers look on the page, in Markdown and in CSV."""

from inspect import isfunction
from typing import Any

import pytest

from lmms_eval_cross import numbers

TABLE: list[tuple[str, tuple[Any, ...], str]] = [
    ("percent", (None,), "–"),
    ("percent", (0.0,), "0.0"),
    ("percent", (-0.0,), "0.0"),
    ("percent", (61.789,), "61.8"),
    ("percent", (100.0,), "100.0"),
    ("interval", (None, 5.0), ""),
    ("interval", (2.04, 10.18), "[2.0, 10.2]"),
    ("interval", (-3.0, 5.4), "[\u22123.0, 5.4]"),
    ("with_interval", ("–", None, None), "–"),
    ("with_interval", ("61.8", 55.2, None), "61.8"),
    ("with_interval", ("61.8", 55.2, 68.0), "61.8 [55.2, 68.0]"),
    ("points", (None,), "–"),
    ("points", (6.1,), "+6.1"),
    ("points", (-6.1,), "\u22126.1"),
    ("points", (0.04,), "0.0"),
    ("points", (-0.04,), "0.0"),
    ("coverage", (100.0,), "100.0"),
    ("coverage", (99.99,), "99.9"),
    ("coverage", (None,), "–"),
    ("count", (1284,), "1,284"),
    ("plural", (1, "norm"), "1 norm"),
    ("plural", (0, "norm"), "0 norms"),
    ("plural", (1284, "sample"), "1,284 samples"),
    ("plain", (None,), ""),
    ("plain", (-6.149,), "-6.1"),
    ("plain", (61.8,), "61.8"),
    ("plain", (-0.04,), "0.0"),
    ("plain_points", (6.14,), "+6.1"),
    ("plain_points", (-6.149,), "-6.1"),
    ("plain_points", (-0.04,), "+0.0"),
    ("plain_share", (0.834,), "0.83"),
    ("plain_share", (-0.001,), "0.00"),
    ("plain_share", (None,), ""),
    ("short", (1840.0,), "1840"),
    ("short", (0.9,), "0.9"),
    ("day", ("2026-05-01T13:45:02Z",), "2026-05-01 13:45Z"),
    ("day", ("",), "–"),
    ("day", ("yesterday",), "yesterday"),
    ("dollars", (12.4,), "$12.40"),
    ("dollars", (0.0031,), "$0.0031"),
    ("dollars", (0.0,), "$0.00"),
    ("dollars", (None,), "–"),
    ("short_hash", ("a1b2" * 16,), "a1b2a1b2a1b2"),
    ("share", (0.834,), "0.83"),
    ("share", (None,), "–"),
    ("share_interval", ((0.7449, 0.891),), "[0.74, 0.89]"),
    ("share_interval", (None,), ""),
]


@pytest.mark.parametrize(("function", "given", "shown"), TABLE)
def test_numbers_look_the_same_everywhere(function: str, given: tuple[Any, ...], shown: str) -> None:
    assert getattr(numbers, function)(*given) == shown


def test_every_format_stands_in_the_table() -> None:
    public = {name for name, value in vars(numbers).items() if isfunction(value) and not name.startswith("_")}
    assert public == {function for function, _, _ in TABLE}
