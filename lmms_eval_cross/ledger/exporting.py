"""Ledgers as Parquet."""

import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import pyarrow.parquet as pq

from lmms_eval_cross.errors import LedgerError
from lmms_eval_cross.ledger.address import Address
from lmms_eval_cross.ledger.opening import open_to_read, read_ahead
from lmms_eval_cross.ledger.rows import COLUMNS, TABLES, Row, Table, fits, in_batches

_BATCH: Final = 2000
_BATCHES_A_GROUP: Final = 8
"""A Parquet file ends with a description of each group of rows, which writer and readers hold in memory."""
_KINDS: Final[dict[type, str]] = {str: "string", int: "int64"}
"""Python's type -> Arrow's name of it."""


def export(ledgers: Iterable[Address], folder: Path) -> dict[Table, int]:
    """Write each table as Parquet into a folder; gives the number of rows a table.

    Raises:
        LedgerError: a ledger can't be read, or a file is there already.
    """
    ledgers = list(ledgers)
    for table in TABLES:
        if os.path.lexists(_target(folder, table)):
            raise LedgerError(f"{_target(folder, table)} is there already; give another folder.")
    for address in ledgers:
        with open_to_read(address):
            pass
        read_ahead(address)
    folder.mkdir(parents=True, exist_ok=True)
    try:
        return {table: _write(ledgers, table, _target(folder, table)) for table in TABLES}
    except BaseException:
        for table in TABLES:
            _target(folder, table).unlink(missing_ok=True)
        raise


def _target(folder: Path, table: Table) -> Path:
    return folder / f"{table}.parquet"


def _write(ledgers: Iterable[Address], table: Table, target: Path) -> int:
    """Stream a table of all ledgers into a file of our own."""
    schema, written = pa.schema([(name, _KINDS[kinds[0]]) for name, kinds in COLUMNS[table].items()]), 0
    descriptor = os.open(target, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    with os.fdopen(descriptor, "wb") as file, pq.ParquetWriter(file, schema) as writer:
        batches = (pa.RecordBatch.from_pylist(rows, schema=schema) for rows in _batches(ledgers, table))
        for group in in_batches(batches, _BATCHES_A_GROUP):
            rows = pa.Table.from_batches(group)
            writer.write_table(rows, row_group_size=len(rows))
            written += len(rows)
    return written


def _batches(ledgers: Iterable[Address], table: Table) -> Iterator[list[dict[str, Any]]]:
    """The rows of all ledgers, some thousands at a time."""
    for address in ledgers:
        with open_to_read(address) as ledger:
            for batch in in_batches(ledger.rows(table), _BATCH):
                for row in batch:
                    _check(ledger.name, table, row)
                yield batch


def _check(name: str, table: Table, row: Row) -> None:
    if not fits(table, row):
        of = f"run {str(row['run'])[:80]!r}" if table == "run" else f"sample {str(row['sample_id'])[:80]!r}"
        raise LedgerError(f"The ledger {name} has a damaged row in {table}, of {of}; move it away.")
