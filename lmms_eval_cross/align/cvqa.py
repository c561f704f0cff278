"""A local copy of CVQA (afaji/cvqa on the Hub: Parquet), from which the release's pictures come.

The release names its pictures by URLs that lead nowhere. Their stems have the form of CVQA's IDs; where a stem is no
ID, the translated question and the set of translated options find the row.
"""

import ast
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import Any, Final, TypeAlias

import pyarrow as pa
import pyarrow.parquet as pq

from lmms_eval_cross.align.training_release import Question
from lmms_eval_cross.errors import AlignError

COLUMNS: Final = ["ID", "Subset", "Translated Question", "Translated Options", "License"]
_Key: TypeAlias = tuple[str, frozenset[str]]


@dataclass(frozen=True, slots=True)
class CvqaRow:
    """What is kept of a row: where its picture lies, and what the release leaves out."""

    file: Path
    group: int
    row: int
    country: str | None
    licence: str | None


class CvqaCopy:
    """Rows of a local copy by ID, or by question and options; the picture is read when it is asked for.

    Args:
        folder: holds the Parquet files, at any depth.

    Raises:
        AlignError: there is none, or one without CVQA's columns.
    """

    def __init__(self, folder: Path) -> None:
        self._files = sorted(folder.rglob("*.parquet"))
        if not self._files:
            raise AlignError(f"--cvqa {folder} holds no Parquet file; give a local copy of CVQA as it is on the Hub.")
        self._last: tuple[Path, int] | None = None
        self._pictures: list[dict[str, Any]] = []

    def find(self, image_name: str, question: Question | None) -> CvqaRow | None:
        """The row of a picture's name, else of a question; None if the copy has neither."""
        by_id, by_question = self._rows
        row = by_id.get(PurePosixPath(image_name).stem)
        if row is None and question is not None:
            row = by_question.get(_key(question.question, question.options))
        return row

    def picture(self, row: CvqaRow) -> bytes:
        """The bytes of a row's picture."""
        if self._last != (row.file, row.group):
            with pq.ParquetFile(row.file) as file:
                self._pictures = file.read_row_group(row.group, columns=["image"])["image"].to_pylist()
            self._last = (row.file, row.group)
        data: bytes = self._pictures[row.row]["bytes"]
        return data

    @cached_property
    def _rows(self) -> tuple[dict[str, CvqaRow], dict[_Key, CvqaRow]]:
        by_id: dict[str, CvqaRow] = {}
        by_question: dict[_Key, CvqaRow] = {}
        for path in self._files:
            with open_cvqa_file(path) as file:
                for group in range(file.num_row_groups):
                    for number, row in enumerate(file.read_row_group(group, columns=COLUMNS).to_pylist()):
                        place = CvqaRow(path, group, number, subset_country(row["Subset"]), row["License"])
                        by_id[str(row["ID"])] = place
                        by_question[_key(row["Translated Question"], row["Translated Options"])] = place
        return by_id, by_question


def subset_country(subset: str) -> str | None:
    """The country of CVQA's `Subset`: `Japan` of "('Japanese', 'Japan')"."""
    try:
        _, country = ast.literal_eval(subset)
    except (ValueError, SyntaxError, TypeError):
        return None
    return str(country)


def _key(question: str, options: Iterable[str]) -> _Key:
    return question.strip(), frozenset(option.strip() for option in options)


def open_cvqa_file(path: Path, columns: Iterable[str] = ("image", *COLUMNS)) -> pq.ParquetFile:
    """A file of CVQA, its columns checked.

    Raises:
        AlignError: it is none.
    """
    try:
        file = pq.ParquetFile(path, pre_buffer=False)  # else a stream of its rows begins with the whole file in memory
    except (OSError, pa.ArrowInvalid) as error:
        raise AlignError(f"{path} is no Parquet file that can be read ({error}); give a whole copy of CVQA.") from None
    lacking = [name for name in columns if name not in file.schema_arrow.names]
    if lacking:
        file.close()
        raise AlignError(f"{path} has no column {', '.join(lacking)}; CVQA is taken as it is on the Hub.")
    return file
