"""The ledger: every response before it is judged, every verdict as it arrives; one SQLite file (WAL)."""

import json
import os
import sqlite3
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, Final

from lmms_eval_cross import __version__
from lmms_eval_cross.benchmark.records import JudgeFailure, Outcome
from lmms_eval_cross.errors import EntryError, LedgerError
from lmms_eval_cross.files import check_owner, open_private
from lmms_eval_cross.ledger.rows import COLUMNS, Row, Table, read_outcome
from lmms_eval_cross.ledger.schema import STEPS, cause, check_tables, readable, schema_version
from lmms_eval_cross.text import storable

_UNFIT: Final = (sqlite3.InterfaceError, sqlite3.ProgrammingError, sqlite3.DataError, sqlite3.IntegrityError)
"""What SQLite says of values that no table of ours takes: their type, their size, or a broken rule."""
BUSY_SECONDS: Final = 60
_ELSEWHERE: Final = "move it away or set CROSS_HOME to another folder"
PLACE: Final[dict[Table, tuple[str, ...]]] = {
    "response": ("run", "sample_id", "response"),
    "verdict": ("key", "host"),
}
"""The columns that tell a row of a table from others."""


def _taking_over(table: Table, conflict: str) -> str:
    columns = COLUMNS[table]
    names, marks = ", ".join(columns), ", ".join("?" * len(columns))
    return f"INSERT INTO {table} ({names}) VALUES ({marks}) ON CONFLICT ({', '.join(PLACE[table])}) {conflict}"


_UPDATES: Final = ", ".join(f"{name} = excluded.{name}" for name in COLUMNS["verdict"])
_TAKE_OVER: Final[dict[Table, str]] = {
    "response": _taking_over("response", "DO NOTHING"),
    "verdict": _taking_over(
        "verdict", f"DO UPDATE SET {_UPDATES} WHERE verdict.score IS NULL AND excluded.score IS NOT NULL"
    ),
}


@dataclass(frozen=True, slots=True)
class Entry:
    """Where a verdict belongs."""

    key: str
    host: str
    """Scheme, name and port of the endpoint; part of the place, not of the key."""
    judge_id: str
    sample_id: str
    outline: str | None = None
    """What the key was made of (`VerdictKey.outline`)."""


class Ledger:
    """One ledger file; may be used from several threads and processes."""

    def __init__(self, path: Path, journal: str = "WAL") -> None:
        """Open the ledger, made private (0600) if new.

        Args:
            path: the file.
            journal: SQLite's journal mode; `WAL` needs shared memory, which network file systems lack.

        Raises:
            LedgerError: the file can't be opened, is damaged, or is of a newer version.
        """
        self.path = path
        self._lock = threading.Lock()
        try:
            self._connection = _connect(path, journal)
        except (OSError, sqlite3.Error, UnicodeDecodeError) as error:
            raise LedgerError(f"The ledger {path.name} can't be opened ({cause(error)}); {_ELSEWHERE}.") from None

    def close(self) -> None:
        """Close the file; nothing is pending, every write is a transaction of its own."""
        with self._lock:
            self._connection.close()

    def find(self, key: str, host: str | None) -> Outcome | None:
        """The outcome under a key, from `host` or, with None, from any host; a verdict before a failure."""
        where, values = "key = ?", [key]
        if host is not None:
            where, values = f"{where} AND host = ?", [key, host]
        query = f"SELECT * FROM verdict WHERE {where} ORDER BY score IS NULL, created_at LIMIT 1"
        for row in self.select(query, tuple(values)):
            return self._outcome(row)
        return None

    def _outcome(self, row: dict[str, Any]) -> Outcome:
        try:
            return read_outcome(row)
        except ValueError as error:
            sample = str(row["sample_id"])[:80]
            raise LedgerError(f"A verdict on {sample!r} in {self.path.name} can't be read ({error}).") from None

    def record_verdict(self, entry: Entry, outcome: Outcome) -> None:
        """Write an outcome in a transaction of its own; it replaces a failure, and nothing replaces a verdict."""
        row = _verdict_row(entry, outcome)
        updates = ", ".join(f"{name} = excluded.{name}" for name in row)
        self._insert("verdict", row, f"(key, host) DO UPDATE SET {updates} WHERE verdict.score IS NULL")

    def record_response(self, run: str, sample_id: str, response: str, record: dict[str, Any]) -> None:
        """Write what the model answered before it is judged, with the sample record as far as it is known."""
        text = json.dumps(record, ensure_ascii=True)
        row = {"run": run, "sample_id": sample_id, "response": storable(response), "record": text, "created_at": _now()}
        self._insert("response", row, "(run, sample_id, response) DO NOTHING")

    def count(self, table: Table) -> int:
        """Rows of a table."""
        return int(self.select(f"SELECT count(*) AS n FROM {table}")[0]["n"])

    def change(self, statement: str, values: tuple[Any, ...]) -> tuple[int, int]:
        """Run one writing statement as a transaction; the rows that it changed, and the last row's id."""
        with self._writing() as connection:
            cursor = connection.execute(statement, values)
            return cursor.rowcount, cursor.lastrowid or 0

    def select(self, query: str, values: tuple[Any, ...] = ()) -> list[dict[str, Any]]:
        """The rows of a query.

        Raises:
            LedgerError: the ledger can't be read.
        """
        try:
            with self._lock:
                return [dict(row) for row in self._connection.execute(query, values)]
        except (sqlite3.Error, UnicodeDecodeError) as error:
            raise LedgerError(f"The ledger {self.path.name} can't be read ({cause(error)}); {_ELSEWHERE}.") from None

    def take_over(self, table: Table, rows: Sequence[Row]) -> int:
        """Write rows of another ledger in one transaction; gives how many are new.

        A row that is there stays, but that a verdict takes a failure's place.

        Raises:
            LedgerError: the ledger can't be written; it is as before.
        """
        values = [tuple(row[name] for name in COLUMNS[table]) for row in rows]
        before = self._places(table, rows)
        with self._writing() as connection, _transaction(connection):
            connection.executemany(_TAKE_OVER[table], values)
        return len({_place(table, row) for row in rows} - before)

    def _places(self, table: Table, rows: Sequence[Row]) -> set[tuple[str, ...]]:
        """Those of the rows' places that are taken."""
        where = " AND ".join(f"{name} = ?" for name in PLACE[table])
        taken: set[tuple[str, ...]] = set()
        for row in rows:
            place = _place(table, row)
            if self.select(f"SELECT 1 FROM {table} WHERE {where}", place):
                taken.add(place)
        return taken

    def _insert(self, table: str, row: dict[str, Any], conflict: str) -> None:
        names, marks = ", ".join(row), ", ".join("?" * len(row))
        values = []
        for value in row.values():
            if isinstance(value, str):
                value = storable(value)
            values.append(value)
        self.change(f"INSERT INTO {table} ({names}) VALUES ({marks}) ON CONFLICT {conflict}", tuple(values))

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        """The connection, for one write at a time; what SQLite refuses is a LedgerError."""
        try:
            with self._lock:
                yield self._connection
        except (*_UNFIT, OverflowError) as error:
            raise EntryError(f"The ledger {self.path.name} can't hold an entry ({error}).") from None
        except (sqlite3.Error, UnicodeDecodeError) as error:
            raise LedgerError(f"The ledger {self.path.name} can't be written ({cause(error)}).") from None


def _connect(path: Path, journal: str) -> sqlite3.Connection:
    if os.path.lexists(path):
        check_owner(path)  # one's own link is fine: a ledger may lie on a larger disk
    else:
        os.close(open_private(path))
    connection = sqlite3.connect(path, timeout=BUSY_SECONDS, check_same_thread=False, isolation_level=None)
    connection.row_factory = sqlite3.Row
    connection.text_factory = readable
    try:
        connection.execute("PRAGMA trusted_schema = OFF")
        connection.execute(f"PRAGMA journal_mode = {journal}")
        connection.execute("PRAGMA synchronous = NORMAL")
        _upgrade(connection, path.name)
    except BaseException:
        connection.close()
        raise
    return connection


def _upgrade(connection: sqlite3.Connection, name: str) -> None:
    """Bring the schema up to this release's in one transaction."""
    with _transaction(connection):
        version = schema_version(connection, name)
        check_tables(connection, name)
        for number, step in enumerate(STEPS[version:], start=version + 1):
            step(connection)
            connection.execute(f"PRAGMA user_version = {number}")


@contextmanager
def _transaction(connection: sqlite3.Connection) -> Iterator[None]:
    """All of what is written, or nothing."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
    except BaseException:
        connection.execute("ROLLBACK")
        raise
    connection.execute("COMMIT")


def _verdict_row(entry: Entry, outcome: Outcome) -> dict[str, Any]:
    """The row of an outcome: a verdict has a score, a failure its reason and detail."""
    row = {
        **asdict(entry),
        "dimension": outcome.dimension,
        "score": None,
        "reason": None,
        "detail": None,
        "reply": None,
        "model": outcome.model,
        "usage": json.dumps(asdict(outcome.usage)),
        "quirks": json.dumps(outcome.quirks),
        "written_by": __version__,
        "created_at": _now(),
    }
    if isinstance(outcome, JudgeFailure):
        return row | {"reason": outcome.reason, "detail": outcome.detail, "reply": outcome.reply}
    return row | {"score": outcome.score, "reply": outcome.rationale}


def _place(table: Table, row: Row) -> tuple[str, ...]:
    return tuple(row[name] for name in PLACE[table])


def _now() -> str:
    return datetime.now(timezone.utc).isoformat(timespec="seconds")
