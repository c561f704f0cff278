"""Open a ledger to be read. A file may be anybody's: nothing in it is run, and nothing is written to it."""

import os
import sqlite3
import stat
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from lmms_eval_cross.errors import LedgerError
from lmms_eval_cross.files import check_owner
from lmms_eval_cross.ledger.address import Address, Server
from lmms_eval_cross.ledger.database import LedgerRows, ranges, wanting
from lmms_eval_cross.ledger.rows import COLUMNS, Table
from lmms_eval_cross.ledger.schema import cause, check_tables, readable, schema_version

_UNCHANGING: Final = "&immutable=1"
_BESIDE: Final = ("-wal", "-shm", "-journal")
MOST_BYTES: Final = 16 * 2**20
"""Of one cell; the longest answers have a hundredth of that."""
_PIECE: Final = 4 * 2**20
_LEAST_BYTES: Final = 32
"""Of any row that we write: more rows than that can't be in a file, but a damaged file can lead in circles."""
_RUNS_SINCE: Final = 7
"""The schema step that made the table `run`; older files have none."""
_ABSENT: Final = {
    ("verdict", "quirks"): (2, "'[]'"),
    ("verdict", "outline"): (4, "NULL"),
    ("verdict", "run"): (_RUNS_SINCE, "NULL"),
}
"""Table and column -> the schema step that made it, and what stands for it in older files."""


@dataclass(frozen=True)
class ReadLedger:
    """A ledger file that is only read."""

    name: str
    version: int
    """Schema steps that it has taken."""
    size: int
    """In bytes, its log included."""
    connection: sqlite3.Connection

    def rows(self, table: Table, where: str = "TRUE", values: tuple[Any, ...] = ()) -> Iterator[dict[str, Any]]:
        """The rows of a table, one after another, as they lie, with the columns of this release.

        Raises:
            LedgerError: the file can't be read, or has no end.
        """
        if table == "run" and self.version < _RUNS_SINCE:
            return iter(())
        return self.select(f"SELECT {self.columns(table)} FROM {table} AS this WHERE {where}", values)

    def parts_of_verdicts(self) -> list[str]:
        """Sixteen, by the first digit of their keys, which are hex."""
        return ranges("this.key", [f"'{digit}'" for digit in "123456789abcdef"])

    def answers_to(self, places: Sequence[tuple[str, str]]) -> Iterator[dict[str, Any]]:
        """The rows of `response` of some hundreds of samples, each given by its run and `sample_id`."""
        wanted, values = wanting(places)
        joined = "response AS this ON this.run = wanted.first AND this.sample_id = wanted.second"
        return self.select(f"{wanted} SELECT {self.columns('response')} FROM wanted JOIN {joined}", values)

    def columns(self, table: Table) -> str:
        """The columns of this release, of the table that is called `this`."""
        columns: list[str] = []
        for name in COLUMNS[table]:
            step, instead = _ABSENT.get((table, name), (0, ""))
            columns.append(f"{instead} AS {name}" if self.version < step else f"this.{name}")
        return ", ".join(columns)

    def select(self, statement: str, values: tuple[Any, ...] = ()) -> Iterator[dict[str, Any]]:
        """The rows of a query over tables of ours, streamed."""
        with _told(self.name):
            for number, row in enumerate(self.connection.execute(statement, values)):
                if number * _LEAST_BYTES > self.size:
                    raise sqlite3.DatabaseError("it has more rows than its size allows")
                yield dict(row)

    def count_up_to(self, table: Table, most: int) -> int:
        """Rows of a table, or `most` if it has more."""
        return int(next(self.select(f"SELECT count(*) AS n FROM (SELECT 1 FROM {table} LIMIT ?)", (most,)))["n"])


@contextmanager
def open_to_read(address: Address, in_use: bool = False) -> Iterator[LedgerRows]:
    """A ledger for reading, wherever it is.

    Args:
        address: of the ledger.
        in_use: this process has it open to write.

    Raises:
        LedgerError: it is none, is damaged, of another version, or can't be reached.
    """
    if isinstance(address, Server):
        from lmms_eval_cross.ledger.postgres_reading import open_server_to_read  # psycopg, for a team's ledger alone

        with open_server_to_read(address) as server:
            yield server
    else:
        with open_file_to_read(address, in_use) as file:
            yield file


@contextmanager
def open_file_to_read(path: Path, in_use: bool = False) -> Iterator[ReadLedger]:
    """A ledger file for reading, whose tables must be ours, word for word: a view or a trigger could do anything.

    Raises:
        LedgerError: it is none, is damaged, or of a newer version.
    """
    with _told(path.name):
        size, before, uri = _size(path), written_at(path), _read_only(path, in_use)
        connection = sqlite3.connect(uri, uri=True, check_same_thread=False)
    try:
        with _told(path.name):
            _distrust(connection)
            version = schema_version(connection, path.name)
            if version == 0:
                raise sqlite3.DatabaseError("no such table: verdict")
            check_tables(connection, path.name)
        with _unless_written(path, before if uri.endswith(_UNCHANGING) else None):
            yield ReadLedger(path.name, version, size, connection)
    finally:
        connection.close()


def written_at(path: Path) -> tuple[int, int, int]:
    """What differs once pages of a file were written; its log alone is none of it."""
    status = path.stat()
    return status.st_ino, status.st_size, status.st_mtime_ns


@contextmanager
def _unless_written(path: Path, before: tuple[int, int, int] | None) -> Iterator[None]:
    """Read a file as one that nobody writes to; who does makes it look damaged, or gives rows of two states.

    Raises:
        LedgerError: somebody has written to it since `before`.
    """
    try:
        yield
    except LedgerError:
        _refuse_written(path, before)
        raise
    _refuse_written(path, before)


def _refuse_written(path: Path, before: tuple[int, int, int] | None) -> None:
    if before is not None and written_at(path) != before:
        raise LedgerError(
            f"The ledger {path.name} was read while a run began to write to it; type the command again."
        ) from None


def check_owners(path: Path) -> None:
    """Refuse a ledger file of another user, or with another's log beside it, which SQLite takes for the file's own.

    Raises:
        SettingsError: one is another user's.
    """
    whole = Path(os.path.realpath(path))  # of a loop of links the path, where `resolve` raises
    for file in (path, *(whole.with_name(f"{whole.name}{ending}") for ending in _BESIDE)):
        if os.path.lexists(file):
            check_owner(file)


def read_ahead(address: Address) -> None:
    """Have the system hold a whole file: who reads it in the order of its keys waits for the disk at every page.

    A file of more than half the memory stays as it is. This process must not have it open (`_read_only` says why).
    """
    if isinstance(address, Server) or _size(address) > _memory() // 2:
        return
    piece = bytearray(_PIECE)
    with _told(address.name), address.open("rb", buffering=0) as file:
        while file.readinto(piece):
            pass


def _memory() -> int:
    """Bytes of this machine; 0 where the system does not tell."""
    if not hasattr(os, "sysconf"):
        return 0
    return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")


@contextmanager
def _told(name: str) -> Iterator[None]:
    try:
        yield
    except (OSError, sqlite3.Error, UnicodeDecodeError) as error:
        raise LedgerError(
            f"The ledger {name} can't be read ({cause(error)}); move it away, or give one that is whole."
        ) from None


def _size(path: Path) -> int:
    """Bytes of a file and of the log beside it; a LedgerError for what is no file, without opening it."""
    try:
        status = path.stat()
    except OSError:
        status = None
    if status is None or not stat.S_ISREG(status.st_mode):
        raise LedgerError(f"{path} is not a file; give the path of a ledger (*.sqlite).")
    log = path.with_name(f"{path.name}-wal")
    if log.is_file():
        return status.st_size + log.stat().st_size
    return status.st_size


def _distrust(connection: sqlite3.Connection) -> None:
    """No function and no virtual table that a schema names is run, and pages are checked when they are read."""
    connection.row_factory = sqlite3.Row
    connection.text_factory = readable
    for pragma in ("trusted_schema = OFF", "cell_size_check = ON", "query_only = ON", "mmap_size = 0"):
        connection.execute(f"PRAGMA {pragma}")
    if sys.version_info >= (3, 11):
        connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, MOST_BYTES)


def _read_only(source: Path, in_use: bool) -> str:
    """The URI of a file that is to be read and left as it is.

    Reading a file in WAL mode leaves two more beside it, unless SQLite is told that nobody writes to it. That is so
    where its log is missing, since a writer has one.

    A file that this process has open is not looked into: closing it again would drop SQLite's locks on it (POSIX locks
    are a process's, not a descriptor's), another process would take itself for the last one, and delete our log.
    """
    uri = f"{source.resolve().as_uri()}?mode=ro"
    if in_use or source.with_name(f"{source.name}-wal").exists():
        return uri
    with os.fdopen(os.open(source, os.O_RDONLY | os.O_NONBLOCK), "rb") as file:
        in_wal_mode = file.read(20)[18:] == b"\2\2"
    if in_wal_mode:
        uri += _UNCHANGING
    return uri
