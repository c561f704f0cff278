"""What judges were given to read, found by its hash: an index on disk, since a million answers fit no memory."""

import sqlite3
from collections.abc import Iterable
from typing import Final

from lmms_eval_cross.ledger.database import LedgerRows
from lmms_eval_cross.ledger.keys import Texts
from lmms_eval_cross.ledger.rows import Row, read_texts

_BATCH: Final = 1000


class TextsIndex:
    """Texts by their hash, and the samples that they belong to; gone when it is closed.

    The texts themselves stay in the ledger: the index says where.
    """

    def __init__(self, path: str = "") -> None:
        """Open the index in a file, or, without one, a passing one."""
        self._connection = sqlite3.connect(path)
        self._connection.execute("PRAGMA synchronous = OFF")
        self._connection.execute("PRAGMA journal_mode = MEMORY")
        self._connection.execute("PRAGMA cache_size = -16000")
        self._connection.execute(
            "CREATE TABLE IF NOT EXISTS place (texts BLOB, sample_id TEXT, run TEXT, "
            "PRIMARY KEY (texts, sample_id)) WITHOUT ROWID"
        )
        self.unreadable: list[str] = []
        """Samples whose records can't be read."""

    def add(self, rows: Iterable[Row]) -> None:
        """Take in rows of `response`."""
        batch: list[tuple[bytes, str, str]] = []
        for row in rows:
            texts = _texts(row)
            if texts is None:
                self.unreadable.append(str(row["sample_id"]))
                continue
            batch.append((_digest(texts.sha256), row["sample_id"], row["run"]))
            if len(batch) == _BATCH:
                self._write(batch)
        self._write(batch)
        self._connection.commit()

    def _write(self, batch: list[tuple[bytes, str, str]]) -> None:
        self._connection.executemany("INSERT OR IGNORE INTO place VALUES (?, ?, ?)", batch)
        batch.clear()

    def find(self, sha256: str, sample_id: str, ledger: LedgerRows) -> tuple[Texts | None, bool]:
        """The texts of a hash, None if they are not known, and whether the sample is one that they belong to."""
        query = "SELECT sample_id, run FROM place WHERE texts = ? ORDER BY sample_id = ? DESC LIMIT 1"
        for sample, run in self._connection.execute(query, (_digest(sha256), sample_id)):
            rows = ledger.answers_to(run, sample)
            for texts in map(_texts, rows):
                # where there is one row, it is the one that the index was made of
                if texts is not None and (len(rows) == 1 or texts.sha256 == sha256):
                    return texts, sample == sample_id
        return None, False

    def close(self) -> None:
        """Let go of it."""
        self._connection.close()


def _digest(sha256: str) -> bytes:
    """Half as long as its digits; empty for what is none."""
    try:
        return bytes.fromhex(sha256)
    except ValueError:
        return b""


def _texts(row: Row) -> Texts | None:
    try:
        return read_texts(row)
    except ValueError:
        return None
