"""Take over from another ledger file what ours lacks, as far as it shows where it belongs.

The file may come from anywhere. It is opened to be read and not believed (ledger/opening.py); a verdict is taken only
under the key that its own answer gives. How far a file was read is kept, so that nothing is read twice.
"""

import hashlib
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any, Final

from lmms_eval_cross.ledger.deriving import deriving_from
from lmms_eval_cross.ledger.opening import ReadLedger, open_file_to_read, open_to_read, read_ahead, written_at
from lmms_eval_cross.ledger.rows import PLACE, TABLES, Row, Table, fits, in_batches, read_texts
from lmms_eval_cross.ledger.store import Ledger

_BATCH: Final = 500
_ARRIVALS_SINCE: Final = 5
"""The schema step from which on a ledger keeps the order in which rows came."""

_LONGEST: Final = 1000
"""Characters of a cell of `run`; names and folders have a tenth of that."""

_KEEP_MARK: Final = (
    'INSERT INTO merged (file, state, number, "row") VALUES (?, ?, ?, ?) ON CONFLICT (file) DO UPDATE '
    'SET state = excluded.state, number = excluded.number, "row" = excluded."row"'
)


@dataclass(frozen=True, slots=True)
class Mark:
    """How far a file was read."""

    state: str
    """Sizes and times of the file and its log: where they are the same, nothing is new."""
    number: int = 0
    """Of the last arrival, 0 in files of older releases."""
    row: str = ""
    """That arrival's own words: a file that was put in another's place has other ones."""


def merge(ledger: Ledger, source: Path, say: Callable[[str], None] = lambda _: None) -> dict[Table, int]:
    """Copy rows that the ledger lacks from another file; a verdict takes a failure's place.

    Args:
        ledger: ours.
        source: a ledger file, which is not changed.
        say: gets a sentence on what was left out.

    Returns:
        Table -> rows taken over.

    Raises:
        LedgerError: either file can't be used; the ledger has lost nothing.
    """
    last, state = _last_mark(ledger, source), _state(source)
    if last is not None and last.state == state:
        return dict.fromkeys(TABLES, 0)
    if last is None:
        read_ahead(source)
    with open_file_to_read(source) as other:
        mark = _mark(other, state)
        after = last.number if last is not None and _goes_on(other, last) else 0
        new = _take_over(ledger, other, after, say)
    _keep_mark(ledger, source, mark)
    return new


def _take_over(ledger: Ledger, other: ReadLedger, after: int, say: Callable[[str], None]) -> dict[Table, int]:
    responses, left = _rows_that(_is_readable, ledger, other, "response", after)
    verdicts, underived = _verdicts(ledger, other, after)
    runs, odd = _rows_that(_is_note, ledger, other, "run", after)
    if left or underived:
        say(
            f"{other.name}: left out were {left} answers that can't be read and {underived} verdicts whose keys "
            "don't follow from an answer."
        )
    if odd:
        say(f"{other.name}: left out were {odd} rows on runs that no release writes.")
    return {"response": responses, "verdict": verdicts, "run": runs}


def _rows_that(
    fit: Callable[[Row], bool], ledger: Ledger, other: ReadLedger, table: Table, after: int
) -> tuple[int, int]:
    """How many rows that fit were taken over, and how many were left out."""
    new = left = 0
    for rows in in_batches(_lacking(ledger, other, table, after), _BATCH):
        fitting = list(filter(fit, rows))
        new += ledger.take_over(table, fitting)
        left += len(rows) - len(fitting)
    return new, left


def _is_note(row: Row) -> bool:
    return fits("run", row) and all(len(cell or "") <= _LONGEST for cell in row.values())


def _is_readable(row: Row) -> bool:
    try:
        read_texts(row)
    except ValueError:
        return False
    return True


def _verdicts(ledger: Ledger, other: ReadLedger, after: int) -> tuple[int, int]:
    """The same of verdicts; their answers are ours by now."""
    batches = in_batches(_lacking(ledger, other, "verdict", after), _BATCH)
    first, second = next(batches, []), next(batches, [])
    if not first:
        return 0, 0
    samples = None if second else {str(row["sample_id"]) for row in first}
    new = left = 0
    with open_to_read(ledger.address, in_use=True) as own, deriving_from(own, samples) as deriving:
        for rows in chain([first, second], batches):
            derived = deriving.derive(rows)
            right = [row for row, one in zip(rows, derived, strict=True) if one.filed == "right"]
            new += ledger.take_over("verdict", right)
            left += len(rows) - len(right)
    return new, left


def _lacking(ledger: Ledger, other: ReadLedger, table: Table, after: int) -> Iterator[Row]:
    """Rows of the other that would change ours."""
    for rows in in_batches(_new_rows(other, table, after), _BATCH):
        yield from ledger.lacking(table, rows)


def _new_rows(other: ReadLedger, table: Table, after: int) -> Iterator[Row]:
    """The rows that came after an arrival, or all of them."""
    if not after:
        return other.rows(table)
    first, second = PLACE[table][:2]
    return other.select(
        f"SELECT {other.columns(table)} FROM arrival JOIN {table} AS this "
        f"ON this.{first} = arrival.first AND this.{second} = arrival.second "
        "WHERE arrival.of = ? AND arrival.number > ? ORDER BY arrival.number",
        (table, after),
    )


# ---- how far a file was read ----


def _mark(other: ReadLedger, state: str) -> Mark:
    """Where the other ends now."""
    if other.version >= _ARRIVALS_SINCE:
        for row in other.select("SELECT * FROM arrival ORDER BY number DESC LIMIT 1"):
            return Mark(state, row["number"], _words(row))
    return Mark(state)


def _goes_on(other: ReadLedger, mark: Mark) -> bool:
    """Whether the file still has the arrival at which we stopped, and so the ones before it."""
    if other.version < _ARRIVALS_SINCE or not mark.number:
        return False
    rows = list(other.select("SELECT * FROM arrival WHERE number = ?", (mark.number,)))
    return [_words(row) for row in rows] == [mark.row]


def _words(row: dict[str, Any]) -> str:
    return repr((row["of"], row["first"], row["second"]))


def _last_mark(ledger: Ledger, source: Path) -> Mark | None:
    for row in ledger.select('SELECT state, number, "row" FROM merged WHERE file = ?', (_name(source),)):
        return Mark(row["state"], row["number"], row["row"])
    return None


def _keep_mark(ledger: Ledger, source: Path, mark: Mark) -> None:
    values = (_name(source), mark.state, mark.number, mark.row)
    ledger.change(_KEEP_MARK, values)


def _name(source: Path) -> str:
    """Stands for a path, which nobody shall read in a ledger."""
    return hashlib.sha256(str(source.resolve()).encode("utf-8", "surrogateescape")).hexdigest()


def _state(source: Path) -> str:
    """Sizes and times of a file and the log beside it; empty for what is not there."""
    parts: list[int] = []
    for path in (source, source.with_name(f"{source.name}-wal")):
        if path.is_file():
            parts += written_at(path)
    return json.dumps(parts)
