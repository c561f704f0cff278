"""The ledger in a file of SQLite: one connection, which threads take in turns."""

import os
import sqlite3
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from lmms_eval_cross.files import open_private
from lmms_eval_cross.ledger.database import DatabaseError, UnfitError, Values
from lmms_eval_cross.ledger.opening import check_owners
from lmms_eval_cross.ledger.schema import STEPS, cause, check_tables, readable, schema_version

_UNFIT: Final = (sqlite3.InterfaceError, sqlite3.ProgrammingError, sqlite3.DataError, sqlite3.IntegrityError)
"""What SQLite says of values that no table of ours takes: their type, their size, or a broken rule."""
BUSY_SECONDS: Final = 60


class SqliteFile:
    """One ledger file; may be used from several threads and processes."""

    def __init__(self, path: Path, journal: str) -> None:
        """Open the file, made private (0600) if new.

        Args:
            path: of the file.
            journal: SQLite's journal mode; `WAL` needs shared memory, which network file systems lack.

        Raises:
            DatabaseError: the file can't be opened or is damaged.
            LedgerError: it is of a newer version, or its tables are not ours.
        """
        self._lock = threading.Lock()
        try:
            self._connection = _connect(path, journal)
        except (OSError, sqlite3.Error, UnicodeDecodeError) as error:
            raise DatabaseError(cause(error)) from None

    def change(self, statement: str, values: Values = ()) -> int:
        """Run a writing statement as a transaction; how many rows it changed."""
        with self._held() as connection:
            return connection.execute(statement, values).rowcount

    def change_all(self, statement: str, rows: Sequence[Values]) -> None:
        """Run it with the values of each row, all in one transaction."""
        with self._held() as connection, _transaction(connection):
            connection.executemany(statement, rows)

    def insert_alone(self, statement: str, values: Values, word: str) -> int | None:
        """Insert a row; SQLite has one writer at a time, whatever the word."""
        with self._held() as connection:
            cursor = connection.execute(statement, values)
            return cursor.lastrowid if cursor.rowcount == 1 else None

    def select(self, query: str, values: Values = ()) -> list[dict[str, Any]]:
        """The rows of a query."""
        with self._held() as connection:
            return [dict(row) for row in connection.execute(query, values)]

    def counts_in(self, column: str) -> str:
        """SQL for the counts in a column, NULL where it can't be read."""
        return f"CASE WHEN json_valid({column}) THEN {column} END"

    def number_in(self, counts: str, name: str) -> str:
        """SQL for the number of a name among them, NULL where there is none; whole numbers overflow."""
        return f"CAST(json_extract({counts}, '$.{name}') AS REAL)"

    def close(self) -> None:
        """Close the file; nothing is pending."""
        with self._lock:
            self._connection.close()

    @contextmanager
    def _held(self) -> Iterator[sqlite3.Connection]:
        """The connection, for one thread at a time."""
        try:
            with self._lock:
                yield self._connection
        except (*_UNFIT, OverflowError) as error:
            raise UnfitError(str(error)) from None
        except (sqlite3.Error, UnicodeDecodeError) as error:
            raise DatabaseError(cause(error)) from None


def _connect(path: Path, journal: str) -> sqlite3.Connection:
    if os.path.lexists(path):
        check_owners(path)  # one's own link is fine: a ledger may lie on a larger disk
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
