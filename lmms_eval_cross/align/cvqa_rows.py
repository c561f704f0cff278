"""CVQA as questions with their right option: from a local copy, or from the Hub by name."""

import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Protocol

from lmms_eval_cross.align.cvqa import COLUMNS, open_cvqa_file, subset_country
from lmms_eval_cross.errors import AlignError, SourceError

_READ: Final = ["image", *COLUMNS, "Label"]
_ROWS_AT_ONCE: Final = 16
_HUB_NAME: Final = re.compile(r"[\w.-]+/[\w.-]+")


@dataclass(frozen=True, slots=True)
class CvqaQuestion:
    """A row: the English question, and its right option if the label names one."""

    id: str
    question: str
    option: str | None
    country: str | None
    licence: str | None
    image: bytes


class CvqaSource(Protocol):
    """Where rows come from."""

    name: str

    def __len__(self) -> int:
        """Rows."""
        ...

    def __iter__(self) -> Iterator[CvqaQuestion]:
        """Every row, as a stream."""
        ...


class CvqaFolder:
    """The Parquet files of a local copy.

    Raises:
        AlignError: there is none, or one without CVQA's columns.
    """

    def __init__(self, folder: Path) -> None:
        self.name = f"CVQA ({folder.name})"
        self._files = sorted(folder.rglob("*.parquet"))
        if not self._files:
            raise AlignError(f"--from {folder} holds no Parquet file; give a local copy of CVQA as it is on the Hub.")
        self._rows = 0
        for path in self._files:
            with open_cvqa_file(path, _READ) as file:
                self._rows += file.metadata.num_rows

    def __len__(self) -> int:
        """Rows."""
        return self._rows

    def __iter__(self) -> Iterator[CvqaQuestion]:
        """Every row, as a stream."""
        for path in self._files:
            with open_cvqa_file(path, _READ) as file:
                for batch in file.iter_batches(_ROWS_AT_ONCE, columns=_READ):
                    yield from map(_question, batch.to_pylist())


class CvqaHub:
    """A dataset of the Hub in CVQA's columns, streamed through `datasets`.

    Raises:
        SourceError: the Hub can't be reached, or has no such dataset.
    """

    def __init__(self, name: str) -> None:
        import datasets  # loads pandas, which CVQA in a folder does not need

        self.name = f"CVQA ({name})"
        try:
            loaded = datasets.load_dataset(name, split="test", streaming=True)
        except (OSError, ValueError, datasets.exceptions.DatasetsError) as error:
            why = (str(error).splitlines() or [type(error).__name__])[0]
            raise SourceError(f"{name} can't be had from the Hub ({why}); give a local copy of CVQA.") from None
        splits = loaded.info.splits or {}
        self._rows = splits["test"].num_examples if "test" in splits else 0
        self._loaded = loaded.cast_column("image", datasets.Image(decode=False)).select_columns(_READ)

    def __len__(self) -> int:
        """Rows, as the dataset's card says; 0 where it says nothing."""
        return self._rows or 0

    def __iter__(self) -> Iterator[CvqaQuestion]:
        """Every row, as a stream."""
        yield from map(_question, self._loaded)


def cvqa_source(source: str) -> CvqaSource | None:
    """The rows that --from names, None if it is neither a folder nor a name on the Hub."""
    if os.path.isdir(source):  # which is false, and raises nothing, for what can be no path
        return CvqaFolder(Path(source))
    return CvqaHub(source) if _HUB_NAME.fullmatch(source) and not os.path.exists(source) else None


def _question(row: Mapping[str, Any]) -> CvqaQuestion:
    options, label = row["Translated Options"] or [], row["Label"]
    option = options[label] if isinstance(label, int) and 0 <= label < len(options) else None
    return CvqaQuestion(
        str(row["ID"]),
        (row["Translated Question"] or "").strip(),
        option.strip() if option else None,
        subset_country(row["Subset"]),
        row["License"],
        (row["image"] or {}).get("bytes") or b"",
    )
