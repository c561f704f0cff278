"""docs/failures.md promises what tests try: the files that it names are there, and every kind of a table has tests."""

import re

import pytest

from benchmarks.hostile import KINDS, selected
from tests.conftest import ROOT

PAGE = (ROOT / "docs" / "failures.md").read_text(encoding="utf-8")


def test_the_test_files_that_the_page_names_are_there() -> None:
    named = re.findall(r"`(test_\w+)`", PAGE)
    assert len(named) > 20
    assert [name for name in named if not (ROOT / "tests" / f"{name}.py").is_file()] == []


def test_every_promise_says_where_it_is_tried() -> None:
    promises = re.findall(r"^(\d)\. \*\*", PAGE, re.MULTILINE)
    assert re.findall(r"^\| (\d) \|", PAGE, re.MULTILINE) == promises


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_hostile_input_has_tests_and_a_row(kind: str) -> None:
    assert f"\n| {kind} |" in PAGE
    file = ""
    for start in KINDS[kind]:
        file = start.partition("::")[0] or file
        assert list(selected([f"{file}::{start.partition('::')[2]}"])), start
