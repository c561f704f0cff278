"""Lists that people write for `align build`: norms, or requests with two pictures; CSV, JSON or JSON lines."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from lmms_eval_cross.align.manifest import SourceFile
from lmms_eval_cross.errors import AlignError
from lmms_eval_cross.files import file_sha256
from lmms_eval_cross.outside import parse_json, read_bytes
from lmms_eval_cross.trust.sheet import read_sheet

ENDINGS: Final = (".csv", ".json", ".jsonl")
_RowT = TypeVar("_RowT", bound=BaseModel)


class ListedNorm(BaseModel):
    """A norm that everyday scenes are made from."""

    model_config = ConfigDict(frozen=True, str_strip_whitespace=True)

    norm: str = Field(min_length=1)
    country: str = Field(min_length=1)
    language: str = Field(default="English", min_length=1)
    licence: str | None = None


class TwoPictures(BaseModel):
    """A request whose right answer depends on which of two pictures it comes with."""

    model_config = ConfigDict(frozen=True, str_strip_whitespace=True)

    request: str = Field(min_length=1)
    country: str = Field(min_length=1)
    language: str = Field(default="English", min_length=1)
    licence: str | None = None
    picture: str = Field(min_length=1)
    """A file, from the list's folder."""
    norm: str = Field(min_length=1)
    """What the naive answer breaks under this picture."""
    answer: str = ""
    """The right one; empty: the teacher writes it."""
    other_picture: str = Field(min_length=1)
    other_norm: str = ""
    """Empty: under the other picture there is nothing to mind, so that it makes no pair of its own."""
    other_answer: str = ""


def read_list(path: Path, row: type[_RowT]) -> list[tuple[int, _RowT]]:
    """The rows of a list with their numbers, from 1.

    Raises:
        AlignError: the file can't be read, or a row lacks something.
    """
    try:
        return [(number, row.model_validate(content)) for number, content in enumerate(_contents(path), start=1)]
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(map(str, first["loc"])) or "a row"
        raise AlignError(f"{path.name}: {where}: {first['msg']}; a row needs {', '.join(_required(row))}.") from None
    except (OSError, ValueError) as error:
        raise AlignError(f"{path} can't be read as {path.suffix or 'a list'} ({error}); mend the file.") from None


def list_source(path: Path, records: int) -> SourceFile:
    """What the manifest says of a list."""
    return SourceFile(path.name, file_sha256(path), records)


def _contents(path: Path) -> Iterator[Any]:
    if path.suffix == ".csv":
        for cells in read_sheet(path, AlignError)[1]:
            yield {name: cell for name, cell in cells.items() if cell not in (None, "")}
        return
    text = read_bytes(path).decode("utf-8-sig")
    if path.suffix == ".json":
        content = parse_json(text)
        yield from content if isinstance(content, list) else [content]
    else:
        yield from (parse_json(line) for line in text.split("\n") if line.strip())


def _required(row: type[BaseModel]) -> list[str]:
    return [name for name, field in row.model_fields.items() if field.is_required()]
