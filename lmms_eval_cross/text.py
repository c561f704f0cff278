"""Strings made fit for where they go. Whatever comes from a model, a judge, a file or a name goes through here.

terminal and CI log    `printable` (one line), `printable_lines`, `laid_out` (a table of printable texts)
Markdown               `markdown`, and back for a terminal: `without_markdown`
CSV for spreadsheets   `harmless`
LaTeX                  `latex`
a picture's renderer   `drawable`; HTML besides is escaped by its templates
JSON, HTTP, SQLite     `canonical_json`, `sendable`, `storable`
"""

import json
import re
from typing import Final

_FORMULA: Final = re.compile(r"[\t\r]|[\s\u200b-\u200f\u2060\ufeff]*[=+\-@\uff1d\uff0b\uff0d\uff20]")
"""How a cell begins that a spreadsheet takes for a formula; the wide signs are some languages' own."""
_APART: Final = "\u200b"
"""A space of no width: what it parts is no mention, address, reference or command any more, and reads the same."""
_NONCHARACTERS: Final = r"\ufdd0-\ufdef" + "".join(f"\\U{plane:04x}fffe\\U{plane:04x}ffff" for plane in range(17))
"""U+FFFE, U+FFFF and their like, which no text may hold."""
_CONTROL: Final = r"\x00-\x1f\x7f-\x9f\ud800-\udfff"
_UNPRINTABLE: Final = re.compile(
    # what ends a line, and what turns the direction of the text around it
    rf"[{_CONTROL}\u2028\u2029\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069{_NONCHARACTERS}]"
)
_UNDRAWABLE: Final = re.compile(rf"(?![\n\t])[{_CONTROL}{_NONCHARACTERS}]")
_COMMAND: Final = re.compile(r"##(?=\[|vso\[|teamcity\[)|^(?=\s*::)")
"""Of CI services; GitHub's count at the beginning of a line."""
COLOUR: Final = r"\x1b\[[\d;]*m"
"""The code of a terminal's colour, as a pattern."""
_WRAPPED_COMMAND: Final = re.compile(rf"^((?:{COLOUR}|[ \t])*)(?=::)", re.MULTILINE)
_MARKDOWN: Final = re.compile(r"([\\`*_{}\[\]<>|#~&$])")
_ESCAPED: Final = re.compile(rf"\\{_MARKDOWN.pattern}")
_LIVE: Final = re.compile(
    r"@(?=\w)|(?<=#)(?=\d)|(?<=:)(?=//)|(?<=www)(?=\.)|(?<=mailto)(?=:)|(?<=xmpp)(?=:)|(?<=GH)(?=-\d)", re.IGNORECASE
)
"""Where a mention, an issue's number or an address would begin."""
_LATEX: Final = {
    **{character: f"\\{character}" for character in "&%$#_{}"},
    **{"\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}"},
    **{"<": r"\textless{}", ">": r"\textgreater{}"},
}


_CANONICAL: Final = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False)


def canonical_json(value: object) -> str:
    """One text for equal values: sorted keys, no spaces, ASCII (lone surrogates stay escaped)."""
    return _CANONICAL.encode(value)


def sendable(text: str) -> str:
    """`text` as JSON over HTTP can carry it: lone surrogates become U+FFFD."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def storable(text: str) -> str:
    r"""`text` as SQLite can store it: lone surrogates, which UTF-8 has no bytes for, as `\udxxx`."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def printable(text: str) -> str:
    r"""`text` as one line that moves no cursor, changes no colour, turns no direction and commands no CI service.

    Control characters are shown as Python writes them, `\x1b`; a space of no width parts what begins a command.
    """
    return _COMMAND.sub(lambda match: f"{match[0]}{_APART}", _UNPRINTABLE.sub(_written, text))


def printable_lines(text: str) -> str:
    """The same of a text of several lines, which stay; so do tabs."""
    return "\n".join(printable(line).replace("\\t", "\t") for line in text.split("\n"))


def laid_out(text: str) -> str:
    """A table of texts that are `printable`: wrapping may have put the middle of a name at the beginning of a line."""
    return _WRAPPED_COMMAND.sub(rf"\1{_APART}", text)


def _written(match: re.Match[str]) -> str:
    return match[0].encode("unicode_escape", "backslashreplace").decode("ascii")


def markdown(text: str) -> str:
    """`text` as Markdown shows it, on one line: nothing formats, links, mentions or refers to an issue."""
    line = _LIVE.sub(lambda match: f"{match[0]}{_APART}", printable(" ".join(text.split())))
    return _MARKDOWN.sub(r"\\\1", line)


def without_markdown(line: str) -> str:
    """What `markdown` was given, but for what it changed besides: its backslashes taken away."""
    return _ESCAPED.sub(r"\1", line)


def harmless(cell: str) -> str:
    """A CSV cell that a spreadsheet takes for text, never for a formula: model answers may start with `=`."""
    cell = drawable(cell)
    if _FORMULA.match(cell):
        return f"'{cell}"
    return cell


def latex(text: str) -> str:
    """`text` as LaTeX sets it, on one line."""
    return "".join(_LATEX.get(character, character) for character in drawable(" ".join(text.split())))


def drawable(text: str) -> str:
    """`text` without what renderers and XML have no form for: control characters and non-characters become U+FFFD."""
    return _UNDRAWABLE.sub("\ufffd", text)
