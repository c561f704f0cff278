"""What judges were given to read, found by its hash: an index on disk, since a million answers fit no memory."""

import sqlite3
from collections.abc import Collection, Iterable, Sequence
from typing import Final, TypeAlias

from lmms_eval_cross.ledger.database import LedgerRows
from lmms_eval_cross.ledger.keys import Texts
from lmms_eval_cross.ledger.rows import Row, in_batches, read_texts

Wanted: TypeAlias = tuple[str, str]
"""A hash of texts (`Texts.sha256`), and the sample whose they should be."""
_BATCH: Final = 1000
_PLACES: Final = 250
"""In one query; older SQLites take 999 values."""


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

    def find(self, wanted: Sequence[Wanted], ledger: LedgerRows) -> list[tuple[Texts | None, bool]]:
        """The texts of some hundreds of hashes, None where they are not known, and whether the sample has them."""
        self._connection.execute("BEGIN")  # the file's lock is taken once
        places = [self._place(*one) for one in wanted]
        self._connection.execute("COMMIT")
        texts = _texts_at({place for place in places if place is not None}, ledger)
        found: list[tuple[Texts | None, bool]] = []
        for (sha256, sample_id), place in zip(wanted, places, strict=True):
            those = [] if place is None else texts.get(place, [])
            found.append((_of_hash(those, sha256), place is not None and place[1] == sample_id))
        return found

    def _place(self, sha256: str, sample_id: str) -> tuple[str, str] | None:
        """Run and sample of an answer with texts of a hash, the sample asked for before another one."""
        query = "SELECT run, sample_id FROM place WHERE texts = ? ORDER BY sample_id = ? DESC LIMIT 1"
        place: tuple[str, str] | None = self._connection.execute(query, (_digest(sha256), sample_id)).fetchone()
        return place

    def close(self) -> None:
        """Let go of it."""
        self._connection.close()


def _texts_at(places: Collection[tuple[str, str]], ledger: LedgerRows) -> dict[tuple[str, str], list[Texts | None]]:
    """Run and sample -> the texts of its answers, None for what can't be read."""
    texts: dict[tuple[str, str], list[Texts | None]] = {}
    for some in in_batches(sorted(places), _PLACES):
        for row in ledger.answers_to(some):
            texts.setdefault((row["run"], row["sample_id"]), []).append(_texts(row))
    return texts


def _of_hash(those: Sequence[Texts | None], sha256: str) -> Texts | None:
    if len(those) == 1:
        return those[0]  # the one that the index was made of
    for texts in those:
        if texts is not None and texts.sha256 == sha256:
            return texts
    return None


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
