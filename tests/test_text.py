"""Text that would do something where it is shown: it is shown, and does nothing."""

import re
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lmms_eval_cross.judge.reply import ParsedScore
from lmms_eval_cross.text import drawable, harmless, latex, markdown, printable, printable_lines
from tests.hostile import FUZZED, HOSTILE

ANY = st.text(st.characters(codec=None))


def commands_nothing(line: str) -> bool:
    """Whether a line is no command to GitHub, Azure or TeamCity, and has no control character."""
    controls = [character for character in line if unicodedata.category(character) in {"Cc", "Cs", "Zl", "Zp"}]
    return not controls and not re.search(r"^\s*::|##\[|##vso\[|##teamcity\[", line)


@pytest.mark.parametrize("text", HOSTILE)
def test_a_line_moves_nothing_and_commands_nothing(text: str) -> None:
    assert commands_nothing(printable(text))
    assert all(commands_nothing(line.replace("\t", " ")) for line in printable_lines(text).split("\n"))
    assert commands_nothing(markdown(text))
    assert "\n" not in latex(text)


@pytest.mark.fuzz
@FUZZED
@given(ANY)
def test_any_text_is_printable_drawable_and_a_cell(text: str) -> None:
    assert commands_nothing(printable(text))
    printable(text).encode()
    drawable(text).encode()
    assert not harmless(text).startswith(("=", "+", "-", "@", "\t", "\r"))


@pytest.mark.parametrize(
    "cell", ["=1", " =1", "\t1", "\ufeff=1", "\u200b@x", "\uff1d1+1", "\uff20SUM(1)", "\uff0d1", "\uff0b1"]
)
def test_a_cell_is_no_formula_in_any_spreadsheet(cell: str) -> None:
    assert harmless(cell).startswith("'")


@pytest.mark.parametrize("text", ["A text; with 3 of 4 marks, 34.1% (a-b)!", "نص", "日本語", "👩‍👩‍👧", "na\u200dme"])
def test_honest_text_stays_as_it_is(text: str) -> None:
    assert printable(text) == drawable(text) == harmless(text) == text


@pytest.mark.parametrize(
    "live",
    ["@org/team", "a@b.org", "https://x.org", "www.x.org", "#12", "owner/name#12", "GH-7", "[a](b)", "<b>", "&#64;x"],
)
def test_markdown_mentions_nobody_and_links_nothing(live: str) -> None:
    shown = markdown(live)
    assert not re.search(r"@\w|://|www\.|#\d|GH-\d|(?<!\\)[\[<&]", shown, re.IGNORECASE)
    assert re.sub(r"[\\\u200b]", "", shown) == live


def test_latex_sets_what_it_would_obey() -> None:
    assert latex(r"\input{x} 5% & $1_a^b# ~<>") == (
        r"\textbackslash{}input\{x\} 5\% \& \$1\_a\textasciicircum{}b\# \textasciitilde{}\textless{}\textgreater{}"
    )


@pytest.mark.fuzz
@FUZZED
@given(st.text(alphabet="Score: 01.\n[]()\"'`>*not of/and", max_size=40), st.sampled_from("01"))
def test_a_plain_reply_is_read_as_the_parser_reads_it(words: str, number: str) -> None:
    from lmms_eval_cross.judge.reply import parse_reply
    from lmms_eval_cross.judge.rescoring import plain_number

    reply = f"{words}\nScore: {number}"
    plain = plain_number(reply)
    if plain is not None:
        assert parse_reply(reply) == ParsedScore(plain)
