"""Which ledger file is ours, and how ledger files come together.

SQLite's write-ahead log needs memory that all writers share, and no two hosts share any. So on a network file system
each host writes a file of its own, with a plain rollback journal, and takes the other hosts' verdicts over when it
opens its own. What other hosts find out in the meantime is not seen before the next run.
"""

import os
import platform
import re
import sqlite3
import sys
from collections import Counter, defaultdict
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final, Literal

from lmms_eval_cross.errors import LedgerError
from lmms_eval_cross.ledger.store import Ledger, cause, schema_version

SHARED: Final = "ledger.sqlite"
TABLES: Final = ("response", "verdict")
_MOUNTS: Final = Path("/proc/self/mountinfo")
_NETWORK: Final = re.compile(r"^(nfs|cifs|smb|lustre|gpfs|beegfs|ceph|afs|panfs|9p|glusterfs|fuse\.)")


def ledger_file(home: Path, choice: Literal["auto", "shared", "host"]) -> tuple[Path, str]:
    """The path of this host's ledger under CROSS_HOME, and SQLite's journal mode for it."""
    if choice == "host" or (choice == "auto" and on_network(home)):
        host = re.sub(r"[^A-Za-z0-9-]", "-", platform.node()) or "unnamed"
        return home / f"ledger-{host}.sqlite", "TRUNCATE"
    return home / SHARED, "WAL"


def on_network(folder: Path) -> bool:
    """Whether the folder lies on a network file system; False where the system does not tell (no Linux)."""
    if not _MOUNTS.is_file():
        return False
    return bool(_NETWORK.match(_file_system(folder.resolve(), _MOUNTS.read_text(encoding="utf-8"))))


def _file_system(folder: Path, mounts: str) -> str:
    """The type of the file system that is mounted nearest above a folder."""
    best, kind = Path("/"), ""
    for line in mounts.splitlines():
        left, _, right = line.partition(" - ")
        point = Path(left.split()[4].encode().decode("unicode_escape"))
        if folder.is_relative_to(point) and point.is_relative_to(best):
            best, kind = point, right.split()[0]
    return kind


def ledger_paths(home: Path) -> list[Path]:
    """All ledger files under CROSS_HOME."""
    return sorted({*home.glob(SHARED), *home.glob("ledger-*.sqlite")})


def merge_other_hosts(ledger: Ledger) -> None:
    """Take over what the other ledger files under the same CROSS_HOME hold; one that can't be read is named."""
    for path in ledger_paths(ledger.path.parent):
        if path.name == ledger.path.name:
            continue
        try:
            merge(ledger, path)
        except LedgerError as error:
            print(f"lmms-eval-cross: {error} The run goes on without its verdicts.", file=sys.stderr, flush=True)


def merge(ledger: Ledger, source: Path) -> dict[str, int]:
    """Copy rows that the ledger lacks from another file, a table at a time; a verdict takes a failure's place.

    Returns:
        Table -> rows taken over.

    Raises:
        LedgerError: either file can't be used; the ledger has lost nothing.
    """
    rows = read_tables(source)
    before = _row_counts(ledger)
    scored = {_place(row) for row in ledger.select("SELECT key, host FROM verdict WHERE score IS NOT NULL")}
    verdicts, failures = [], []
    for row in rows["verdict"]:
        if row["score"] is None:
            failures.append(row)
        elif _place(row) not in scored:
            verdicts.append(row)
    ledger.insert_many("response", rows["response"], "IGNORE")
    ledger.insert_many("verdict", verdicts, "REPLACE")
    ledger.insert_many("verdict", failures, "IGNORE")
    after = _row_counts(ledger)
    after.subtract(before)
    return dict(after)


def _row_counts(ledger: Ledger) -> Counter[str]:
    return Counter({table: ledger.count(table) for table in TABLES})


def _place(row: dict[str, Any]) -> tuple[str, str]:
    """Where a verdict stands in a ledger: one key and host have one verdict."""
    return row["key"], row["host"]


def read_tables(source: Path) -> dict[str, list[dict[str, Any]]]:
    """All rows of a ledger file, which is not changed.

    Raises:
        LedgerError: it is none, is damaged, or of a newer version.
    """
    if not source.is_file():
        raise LedgerError(f"{source} is not a file; give the path of a ledger (*.sqlite).")
    try:
        connection = sqlite3.connect(_read_only(source), uri=True)
        try:
            schema_version(connection, source.name)
            connection.row_factory = sqlite3.Row
            tables = {}
            for table in TABLES:
                tables[table] = [dict(row) for row in connection.execute(f"SELECT * FROM {table}")]
            return tables
        finally:
            connection.close()
    except (OSError, sqlite3.DatabaseError) as error:
        raise LedgerError(
            f"The ledger {source.name} can't be read ({cause(error)}); move it away, or give one that is whole."
        ) from None


def _read_only(source: Path) -> str:
    """The URI of a file that is to be read and left as it is.

    Reading a file in WAL mode leaves two more beside it, unless SQLite is told that nobody writes to it. That is so
    where its log is missing, since a writer has one.
    """
    with source.open("rb") as file:
        in_wal_mode = file.read(20)[18:] == b"\2\2"
    uri = f"{source.resolve().as_uri()}?mode=ro"
    if in_wal_mode and not source.with_name(f"{source.name}-wal").exists():
        uri += "&immutable=1"
    return uri


def export(ledgers: Iterable[Path], folder: Path) -> dict[str, int]:
    """Write each table as Parquet into a folder; gives the number of rows a table.

    Raises:
        LedgerError: a ledger can't be read, or a file is there already.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    rows: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for path in ledgers:
        for table, more in read_tables(path).items():
            rows[table] += more
    targets = {table: folder / f"{table}.parquet" for table in TABLES}
    for target in targets.values():
        if target.exists():
            raise LedgerError(f"{target} is there already; give another folder.")
    folder.mkdir(parents=True, exist_ok=True)
    written = {}
    for table, target in targets.items():
        with os.fdopen(os.open(target, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "wb") as file:
            pq.write_table(pa.Table.from_pylist(rows[table]), file)
        written[table] = len(rows[table])
    return written
