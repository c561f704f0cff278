"""The ledger: every response before it is judged, every verdict as it arrives; one SQLite file (WAL)."""

import json
import os
import sqlite3
import threading
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, Final, Literal, cast

from lmms_eval_cross import __version__
from lmms_eval_cross.errors import LedgerError
from lmms_eval_cross.records import Dimension, FailureReason, JudgeFailure, Outcome, Usage, Verdict

BUSY_SECONDS: Final = 60


def _step_1(connection: sqlite3.Connection) -> None:
    connection.execute(
        """
        CREATE TABLE response (
            run TEXT NOT NULL,
            sample_id TEXT NOT NULL,
            response TEXT NOT NULL,
            record TEXT NOT NULL,
            created_at TEXT NOT NULL,
            PRIMARY KEY (run, sample_id, response)
        ) WITHOUT ROWID
        """
    )
    connection.execute(
        """
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
    )


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


STEPS: Final[tuple[Callable[[sqlite3.Connection], None], ...]] = (_step_1, _step_spend, _step_batch)
"""Schema steps, numbered from 1: new ones are added, old ones never edited."""


@dataclass(frozen=True, slots=True)
class Entry:
    """Where a verdict belongs."""

    key: str
    host: str
    """Scheme, name and port of the endpoint; part of the place, not of the key."""
    judge_id: str
    sample_id: str


class Ledger:
    """One ledger file; may be used from several threads and processes."""

    def __init__(self, path: Path) -> None:
        """Open the ledger, made private (0600) if new.

        Raises:
            LedgerError: the file can't be opened, is damaged, or is of a newer version.
        """
        self.path = path
        self._lock = threading.Lock()
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
            self._connection = sqlite3.connect(
                path, timeout=BUSY_SECONDS, check_same_thread=False, isolation_level=None
            )
            self._connection.execute("PRAGMA journal_mode = WAL")
            self._connection.execute("PRAGMA synchronous = NORMAL")
            self._upgrade()
        except (OSError, sqlite3.DatabaseError) as error:
            raise LedgerError(
                f"The ledger {path.name} can't be opened ({error}); move it away or set CROSS_HOME to another folder."
            ) from None

    def close(self) -> None:
        """Close the file; nothing is pending, every write is a transaction of its own."""
        with self._lock:
            self._connection.close()

    def find(self, key: str, host: str | None) -> Outcome | None:
        """The outcome under a key, from `host` or, with None, from any host; a verdict before a failure."""
        where = "key = ?" if host is None else "key = ? AND host = ?"
        values = (key,) if host is None else (key, host)
        row = self._one(f"SELECT * FROM verdict WHERE {where} ORDER BY score IS NULL, created_at LIMIT 1", values)
        return None if row is None else _outcome(row)

    def record_verdict(self, entry: Entry, outcome: Outcome) -> None:
        """Write an outcome in a transaction of its own; a verdict is never replaced by a failure."""
        failed = isinstance(outcome, JudgeFailure)
        row = {
            **asdict(entry),
            "dimension": outcome.dimension,
            "score": None if isinstance(outcome, JudgeFailure) else outcome.score,
            "reason": outcome.reason if isinstance(outcome, JudgeFailure) else None,
            "detail": outcome.detail if isinstance(outcome, JudgeFailure) else None,
            "reply": outcome.reply if isinstance(outcome, JudgeFailure) else outcome.rationale,
            "model": outcome.model,
            "usage": json.dumps(asdict(outcome.usage)),
            "quirks": json.dumps(outcome.quirks),
            "written_by": __version__,
            "created_at": _now(),
        }
        self._insert("verdict", row, "REPLACE" if not failed else "IGNORE")

    def record_response(self, run: str, sample_id: str, response: str, record: dict[str, Any]) -> None:
        """Write what the model answered before it is judged, with the sample record as far as it is known."""
        text = json.dumps(record, ensure_ascii=True)
        row = {"run": run, "sample_id": sample_id, "response": storable(response), "record": text, "created_at": _now()}
        self._insert("response", row, "IGNORE")

    def count(self, table: Literal["response", "verdict"]) -> int:
        """Rows of a table."""
        row = self._one(f"SELECT count(*) AS n FROM {table}", ())
        return 0 if row is None else int(row["n"])

    def change(self, statement: str, values: tuple[Any, ...]) -> tuple[int, int]:
        """Run one writing statement as a transaction; the rows that it changed, and the last row's id."""
        try:
            with self._lock:
                cursor = self._connection.execute(statement, values)
                return cursor.rowcount, cursor.lastrowid or 0
        except sqlite3.DatabaseError as error:
            raise LedgerError(f"The ledger {self.path.name} can't be written ({error}).") from None

    def rows(self, query: str, values: tuple[Any, ...]) -> list[tuple[Any, ...]]:
        """The rows of a query."""
        try:
            with self._lock:
                return self._connection.execute(query, values).fetchall()
        except sqlite3.DatabaseError as error:
            raise LedgerError(f"The ledger {self.path.name} can't be read ({error}).") from None

    def _insert(self, table: str, row: dict[str, Any], conflict: str) -> None:
        names, marks = ", ".join(row), ", ".join("?" * len(row))
        statement = f"INSERT OR {conflict} INTO {table} ({names}) VALUES ({marks})"
        values = [storable(value) if isinstance(value, str) else value for value in row.values()]
        try:
            with self._lock:
                self._connection.execute(statement, values)
        except sqlite3.DatabaseError as error:
            raise LedgerError(f"The ledger {self.path.name} can't be written ({error}).") from None

    def _one(self, query: str, values: tuple[str, ...]) -> dict[str, Any] | None:
        try:
            with self._lock:
                cursor = self._connection.execute(query, values)
                row = cursor.fetchone()
        except sqlite3.DatabaseError as error:
            raise LedgerError(f"The ledger {self.path.name} can't be read ({error}).") from None
        return None if row is None else dict(zip((column[0] for column in cursor.description), row, strict=True))

    def _upgrade(self) -> None:
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            version = int(self._connection.execute("PRAGMA user_version").fetchone()[0])
            if version > len(STEPS):
                raise LedgerError(
                    f"The ledger {self.path.name} has schema {version}, this release knows {len(STEPS)}; "
                    "upgrade lmms-eval-cross."
                )
            for number, step in enumerate(STEPS[version:], start=version + 1):
                step(self._connection)
                self._connection.execute(f"PRAGMA user_version = {number}")
        except BaseException:
            self._connection.execute("ROLLBACK")
            raise
        self._connection.execute("COMMIT")


def storable(text: str) -> str:
    r"""`text` as SQLite can store it: lone surrogates, which UTF-8 has no bytes for, as `\udxxx`."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def _outcome(row: dict[str, Any]) -> Outcome:
    dimension = cast(Dimension, row["dimension"])
    usage, quirks = Usage(**json.loads(row["usage"])), tuple(json.loads(row["quirks"]))
    if row["score"] is None:
        reason = cast(FailureReason, row["reason"])
        return JudgeFailure(dimension, reason, row["detail"], row["reply"], row["model"], usage, quirks)
    return Verdict(dimension, cast(Literal[0, 1], row["score"]), row["reply"], row["model"], usage, quirks)


def _now() -> str:
    return datetime.now(timezone.utc).isoformat(timespec="seconds")
