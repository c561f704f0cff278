"""Rows of a ledger: their columns, and what they mean, as far as they are what this release writes.

A ledger may come from elsewhere, be edited or damaged, so a row is looked at before it is believed.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from itertools import islice
from typing import Any, Final, Literal, TypeAlias, TypeVar, get_args

from lmms_eval_cross.benchmark.records import DIMENSIONS, FailureReason, JudgeFailure, Outcome, Usage, Verdict
from lmms_eval_cross.ledger.keys import Texts

Table: TypeAlias = Literal["response", "verdict", "run"]
Row: TypeAlias = Mapping[str, Any]
_ItemT = TypeVar("_ItemT")
TABLES: Final[tuple[Table, ...]] = get_args(Table)
_TEXT: Final = (str,)
_MAYBE: Final = (str, type(None))
COLUMNS: Final[dict[Table, dict[str, tuple[type, ...]]]] = {
    "response": dict.fromkeys(("run", "sample_id", "response", "record", "created_at"), _TEXT),
    "verdict": {
        **dict.fromkeys(("key", "host", "judge_id", "sample_id", "dimension"), _TEXT),
        "score": (int, type(None)),
        **dict.fromkeys(("reason", "detail", "reply", "model"), _MAYBE),
        **dict.fromkeys(("usage", "written_by", "created_at", "quirks"), _TEXT),
        **dict.fromkeys(("outline", "run"), _MAYBE),
    },
    "run": {
        **dict.fromkeys(("run", "judge_id"), _TEXT),
        **dict.fromkeys(("model", "tasks", "folder"), _MAYBE),
        "created_at": _TEXT,
    },
}
"""Table -> column -> types of its cells, whoever wrote the file."""
PLACE: Final[dict[Table, tuple[str, ...]]] = {
    "response": ("run", "sample_id", "response"),
    "verdict": ("key", "host"),
    "run": ("run", "judge_id"),
}
"""The columns that tell a row of a table from others."""
TOKENS: Final = Usage.__dataclass_fields__.keys()
"""The counts of a call's tokens."""


def in_batches(items: Iterable[_ItemT], size: int) -> Iterator[list[_ItemT]]:
    """The items, up to `size` at a time."""
    rest = iter(items)
    while batch := list(islice(rest, size)):
        yield batch


def fits(table: Table, row: Row) -> bool:
    """Whether every cell is of its column's type."""
    return _fit(table, tuple(type(row[name]) for name in COLUMNS[table]))


@lru_cache
def _fit(table: Table, kinds: tuple[type, ...]) -> bool:
    """Whether cells of these types are a row; of a million rows there are a few dozen kinds."""
    return all(kind in known for kind, known in zip(kinds, COLUMNS[table].values(), strict=True))


def read_outcome(row: Row) -> Outcome:
    """The outcome that a row of `verdict` holds.

    Raises:
        ValueError: it is none that this release writes.
    """
    if not fits("verdict", row) or row["dimension"] not in DIMENSIONS:
        raise ValueError("a cell of another type")
    usage, quirks = _usage(row["usage"]), _quirks(row["quirks"])
    if row["score"] in (0, 1) and row["reason"] is None:
        return Verdict(row["dimension"], row["score"], row["reply"] or "", row["model"] or "", usage, quirks)
    if row["score"] is not None or row["reason"] not in get_args(FailureReason):
        raise ValueError("neither a score nor a failure")
    detail, reply, model = row["detail"] or "", row["reply"], row["model"]
    return JudgeFailure(row["dimension"], row["reason"], detail, reply, model, usage, quirks)


def _usage(text: str) -> Usage:
    tokens = _json(text)
    if not isinstance(tokens, dict) or not tokens.keys() <= TOKENS:
        raise ValueError("no token counts")
    if not all(type(count) is int for count in tokens.values()):
        raise ValueError("token counts that are no whole numbers")
    return Usage(**tokens)


@lru_cache
def _quirks(text: str) -> tuple[str, ...]:
    names = _json(text)
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise ValueError("no list of quirks")
    return tuple(names)


def read_texts(row: Row) -> Texts:
    """What a judge was given to read of a row of `response`.

    Raises:
        ValueError: the record is none, or is of another sample.
    """
    if not fits("response", row):
        raise ValueError("a cell of another type")
    record = _json(row["record"])
    if not isinstance(record, dict):
        raise ValueError("a record that is no object")
    texts: list[str] = []
    for name in Texts.__dataclass_fields__:
        if not isinstance(record.get(name), str):
            raise ValueError(f"a record without {name}")
        texts.append(record[name])
    if record.get("sample_id") != row["sample_id"]:
        raise ValueError("a record of another sample")
    return Texts(*texts)


def _json(text: str) -> Any:
    try:
        return json.loads(text)
    except RecursionError:
        raise ValueError("JSON that is too deep") from None
