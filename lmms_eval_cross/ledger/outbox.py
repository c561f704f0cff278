"""What a team's ledger could not take while it was away: kept in a file of this host, and sent on when it answers."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from lmms_eval_cross.errors import EntryError, LedgerError
from lmms_eval_cross.ledger.rows import PLACE, Row, Table
from lmms_eval_cross.ledger.store import Ledger
from lmms_eval_cross.say import tell

_AT_A_TIME: Final = 500
_KEPT: Final[tuple[Table, ...]] = ("response", "verdict")
_WHOSE: Final = "kept for"
"""In the column `file` of the table `merged`: the row that says for which database the file keeps rows."""
_NOTE_WHOSE: Final = (
    'INSERT INTO merged (file, state, number, "row") VALUES (?, ?, 0, ?) ON CONFLICT (file) DO UPDATE '
    'SET state = excluded.state, "row" = excluded."row"'
)


class Outbox:
    """A ledger file of this host, which several of its processes may share."""

    def __init__(self, path: Path, database: str, name: str) -> None:
        """Open nothing yet.

        Args:
            path: of the file.
            database: tells the database from others, however its address is written.
            name: what its ledger is called in sentences.
        """
        self._path, self._database, self._name = path, database, name
        self._file: Ledger | None = None
        self._is_noted = False
        self.may_hold = path.exists()
        """Whether there may be something to send on."""

    def keep(self, write: Callable[[Ledger], None]) -> None:
        """Write here instead.

        Raises:
            LedgerError: that can't be done either.
        """
        if not self._is_noted:
            self.refuse_anothers()
            self._opened().change(_NOTE_WHOSE, (_WHOSE, self._database, self._name))
            self._is_noted = True
        write(self._opened())
        self.may_hold = True

    def refuse_anothers(self) -> None:
        """Refuse to mix what was kept for another database with ours; what older releases kept does not say for which.

        Raises:
            LedgerError: something waits for another one, or the file can't be read.
        """
        for row in self._opened().select('SELECT state, "row" FROM merged WHERE file = ?', (_WHOSE,)):
            if row["state"] != self._database and any(map(self._opened().count, _KEPT)):
                raise LedgerError(
                    f"{self._path.name} under CROSS_HOME keeps answers and verdicts for {row['row']}; name that ledger "
                    "in CROSS_LEDGER_URL and type `lmms-eval-cross ledger show`, which sends them on, or move the file "
                    "away."
                )

    def send_on(self, ledger: Ledger) -> None:
        """Hand everything over, answers before verdicts; a row is deleted here when it is committed there.

        Raises:
            LedgerError: the ledger can't take it yet, or this file can't be read.
        """
        if not self.may_hold:
            return
        self.refuse_anothers()
        for table in _KEPT:
            while rows := self._opened().select(f"SELECT * FROM {table} LIMIT {_AT_A_TIME}"):
                self._hand_over(ledger, table, rows)
        self.may_hold = False

    def _hand_over(self, ledger: Ledger, table: Table, rows: Sequence[Row]) -> None:
        """Send rows together; where that can't be, each alone, and one that the ledger will never take is left out."""
        try:
            ledger.take_over(table, rows)
        except EntryError as error:
            if len(rows) > 1:
                for row in rows:
                    self._hand_over(ledger, table, [row])
                return
            tell(f"{error} It is left out, so that others are sent on.")
        self._delete(table, rows)

    def count(self) -> int:
        """Verdicts and failures that wait."""
        return self._opened().count("verdict") if self.may_hold else 0

    def close(self) -> None:
        """Close the file, which stays."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def _opened(self) -> Ledger:
        if self._file is None:
            self._file = Ledger(self._path, "TRUNCATE")  # CROSS_HOME may be on a network file system
        return self._file

    def _delete(self, table: Table, rows: Sequence[Row]) -> None:
        """Delete what was sent, unless another process has put a verdict in its place since."""
        names = (*PLACE[table], "created_at", "score" if table == "verdict" else "record")
        where = " AND ".join(f"{name} IS ?" for name in names)
        for row in rows:
            values = tuple(row[name] for name in names)
            self._opened().change(f"DELETE FROM {table} WHERE {where}", values)
