"""The ledger: every response before it is judged, every verdict as it arrives; one SQLite file (WAL)."""

import json
import os
import sqlite3
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, Final, Literal, cast

from lmms_eval_cross import __version__
from lmms_eval_cross.benchmark.records import Dimension, FailureReason, JudgeFailure, Outcome, Usage, Verdict
from lmms_eval_cross.errors import LedgerError
from lmms_eval_cross.text import storable

BUSY_SECONDS: Final = 60
_ELSEWHERE: Final = "move it away or set CROSS_HOME to another folder"


_RESPONSE: Final = """
CREATE TABLE response (
    run TEXT NOT NULL,
    sample_id TEXT NOT NULL,
    response TEXT NOT NULL,
    record TEXT NOT NULL,
    created_at TEXT NOT NULL,
    PRIMARY KEY (run, sample_id, response)
) WITHOUT ROWID
"""
_VERDICT: Final = """
CREATE TABLE verdict (
    key TEXT NOT NULL,
    host TEXT NOT NULL,
    judge_id TEXT NOT NULL,
    sample_id TEXT NOT NULL,
    dimension TEXT NOT NULL,
    score INTEGER CHECK (score IN (0, 1)),
    reason TEXT,
    detail TEXT,
    reply TEXT,
    model TEXT,
    usage TEXT NOT NULL,
    written_by TEXT NOT NULL,
    created_at TEXT NOT NULL,
    PRIMARY KEY (key, host),
    CHECK ((score IS NULL) <> (reason IS NULL))
) WITHOUT ROWID
"""


def _step_1(connection: sqlite3.Connection) -> None:
    connection.execute(_RESPONSE)
    connection.execute(_VERDICT)


def _step_spend(connection: sqlite3.Connection) -> None:
    """What the endpoint does not take, with each verdict and for the next run; money, as it is promised and spent."""
    connection.execute("ALTER TABLE verdict ADD COLUMN quirks TEXT NOT NULL DEFAULT '[]'")
    connection.execute(
        """
        CREATE TABLE learnt (
            host TEXT NOT NULL,
            model TEXT NOT NULL,
            profile TEXT NOT NULL,
            quirks TEXT NOT NULL,
            learnt_at TEXT NOT NULL,
            PRIMARY KEY (host, model, profile)
        ) WITHOUT ROWID
        """
    )
    connection.execute(
        """
        CREATE TABLE spend (
            id INTEGER PRIMARY KEY,
            usd REAL NOT NULL,
            at REAL NOT NULL
        )
        """
    )


def _step_batch(connection: sqlite3.Connection) -> None:
    """Batches that were handed in; `id` is NULL from before the endpoint is asked until it has answered."""
    connection.execute(
        """
        CREATE TABLE batch (
            token TEXT PRIMARY KEY,
            host TEXT NOT NULL,
            id TEXT,
            calls TEXT NOT NULL,
            collected INTEGER NOT NULL DEFAULT 0,
            created_at TEXT NOT NULL
        )
        """
    )


def _step_outline(connection: sqlite3.Connection) -> None:
    """What a verdict's key was made of, so that it can be derived anew; NULL where it was not kept."""
    connection.execute("ALTER TABLE verdict ADD COLUMN outline TEXT")


STEPS: Final[tuple[Callable[[sqlite3.Connection], None], ...]] = (_step_1, _step_spend, _step_batch, _step_outline)
"""Schema steps, numbered from 1: new ones are added, old ones never edited."""


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
        except (OSError, sqlite3.DatabaseError) as error:
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
            return _outcome(row)
        return None

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

    def count(self, table: Literal["response", "verdict"]) -> int:
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
        except sqlite3.DatabaseError as error:
            raise LedgerError(f"The ledger {self.path.name} can't be read ({error}); {_ELSEWHERE}.") from None

    def insert_many(self, table: str, rows: Sequence[Mapping[str, Any]], conflict: str) -> None:
        """Insert rows of equal columns in one transaction.

        Raises:
            LedgerError: the ledger can't be written; it is as before.
        """
        if not rows:
            return
        names, marks = ", ".join(rows[0]), ", ".join("?" * len(rows[0]))
        statement = f"INSERT OR {conflict} INTO {table} ({names}) VALUES ({marks})"
        with self._writing() as connection:
            connection.execute("BEGIN IMMEDIATE")
            try:
                connection.executemany(statement, [tuple(row.values()) for row in rows])
            except BaseException:
                connection.execute("ROLLBACK")
                raise
            connection.execute("COMMIT")

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
        except sqlite3.DatabaseError as error:
            raise LedgerError(f"The ledger {self.path.name} can't be written ({error}).") from None


def cause(error: OSError | sqlite3.DatabaseError) -> str:
    """What went wrong, in the words of the system or of SQLite."""
    if isinstance(error, OSError):
        return str(error.strerror)
    return str(error)


def schema_version(connection: sqlite3.Connection, name: str) -> int:
    """The number of schema steps that a ledger file has taken.

    Raises:
        LedgerError: more than this release knows.
    """
    version = int(connection.execute("PRAGMA user_version").fetchone()[0])
    if version > len(STEPS):
        raise LedgerError(
            f"The ledger {name} has schema {version}, this release knows {len(STEPS)}; upgrade lmms-eval-cross."
        )
    return version


def _connect(path: Path, journal: str) -> sqlite3.Connection:
    path.parent.mkdir(parents=True, exist_ok=True)
    os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
    connection = sqlite3.connect(path, timeout=BUSY_SECONDS, check_same_thread=False, isolation_level=None)
    connection.row_factory = sqlite3.Row
    try:
        connection.execute(f"PRAGMA journal_mode = {journal}")
        connection.execute("PRAGMA synchronous = NORMAL")
        _upgrade(connection, path.name)
    except (sqlite3.DatabaseError, LedgerError):
        connection.close()
        raise
    return connection


def _upgrade(connection: sqlite3.Connection, name: str) -> None:
    """Bring the schema up to this release's in one transaction."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        version = schema_version(connection, name)
        for number, step in enumerate(STEPS[version:], start=version + 1):
            step(connection)
            connection.execute(f"PRAGMA user_version = {number}")
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


def _outcome(row: dict[str, Any]) -> Outcome:
    dimension = cast(Dimension, row["dimension"])
    usage, quirks = Usage(**json.loads(row["usage"])), tuple(json.loads(row["quirks"]))
    if row["score"] is None:
        reason = cast(FailureReason, row["reason"])
        return JudgeFailure(dimension, reason, row["detail"], row["reply"], row["model"], usage, quirks)
    return Verdict(dimension, cast(Literal[0, 1], row["score"]), row["reply"], row["model"], usage, quirks)


def _now() -> str:
    return datetime.now(timezone.utc).isoformat(timespec="seconds")
