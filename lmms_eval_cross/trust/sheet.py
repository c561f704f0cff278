"""A CSV that somebody may have had in a spreadsheet."""

import csv
import io
from pathlib import Path

from lmms_eval_cross.errors import CrossError, LabelError
from lmms_eval_cross.outside import read_given


def read_sheet(path: Path, trouble: type[CrossError] = LabelError) -> tuple[list[str], list[dict[str, str]]]:
    """The names of the columns, and the rows; a cell that a short row lacks is missing there.

    Raises:
        CrossError: `trouble`: the file can't be read, is not UTF-8, or is no whole CSV.
    """
    text = _text_of(path, trouble)
    header = text.partition("\n")[0]
    delimiter = ","
    if header.count(";") > header.count(","):  # as spreadsheets write where the comma is the decimal sign
        delimiter = ";"
    reader = csv.DictReader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    try:
        return list(reader.fieldnames or ()), list(reader)
    except csv.Error as error:
        raise trouble(f"{path.name} is no whole CSV ({error}); export it again.") from None


def _text_of(path: Path, trouble: type[CrossError]) -> str:
    try:
        return read_given(path, trouble).decode("utf-8-sig")
    except UnicodeDecodeError:
        raise trouble(f"{path.name} is not UTF-8; save the spreadsheet as CSV UTF-8.") from None
