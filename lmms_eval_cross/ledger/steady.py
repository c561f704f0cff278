"""A ledger whose troubles in the middle of a run cost no run: disk full, read-only, damaged."""

import threading
from collections import deque
from collections.abc import Callable
from typing import Any

from lmms_eval_cross.benchmark.records import Outcome
from lmms_eval_cross.errors import EntryError, LedgerError
from lmms_eval_cross.ledger.address import Address
from lmms_eval_cross.ledger.hosts import ledger_address
from lmms_eval_cross.ledger.store import Entry, Ledger
from lmms_eval_cross.say import tell
from lmms_eval_cross.settings import Settings


class SteadyLedger(Ledger):
    """Reports a trouble once, keeps what could not be written in memory, and writes it when that is possible again.

    Opening still raises: a run that can't keep its verdicts from the start should not start.
    """

    def __init__(self, address: Address, journal: str = "WAL") -> None:
        super().__init__(address, journal)
        self._waiting: deque[Callable[[], None]] = deque()
        self._held: dict[str, Outcome] = {}
        self._reported: set[str] = set()
        self._order, self._reporting = threading.Lock(), threading.Lock()

    def find(self, key: str, host: str | None) -> Outcome | None:
        """The outcome under a key, None also where the ledger can't be read."""
        try:
            return super().find(key, host) or self._held.get(key)
        except LedgerError as error:
            self._report(f"{error} Verdicts in it are asked for again.")
            return self._held.get(key)

    def record_verdict(self, entry: Entry, outcome: Outcome) -> None:
        """Write an outcome now or later."""
        write = super().record_verdict
        if not self._write(lambda: write(entry, outcome)):
            self._held[entry.key] = outcome

    def record_response(self, run: str, sample_id: str, response: str, record: dict[str, Any]) -> None:
        """Write a response now or later."""
        write = super().record_response
        self._write(lambda: write(run, sample_id, response, record))

    def _write(self, write: Callable[[], None]) -> bool:
        """Write what waits, oldest first, this last; whether this is written."""
        with self._order:
            self._waiting.append(write)
            fits = True
            try:
                while self._waiting:
                    fits = self._fits(self._waiting[0])
                    self._waiting.popleft()
            except LedgerError as error:
                self._report(
                    f"{error} The run goes on; its verdicts are in memory and will be in its samples (--log_samples). "
                    "Mend the ledger's disk, and what waits is written too."
                )
                return False
            return fits

    def _fits(self, write: Callable[[], None]) -> bool:
        """Write one entry; False where the ledger will never take it, which is said and stands in no other's way."""
        try:
            write()
        except EntryError as error:
            self._report(f"{error} It is set aside, and will be in the run's samples (--log_samples) alone.")
            return False
        return True

    def _report(self, sentence: str) -> None:
        with self._reporting:
            if sentence not in self._reported:
                self._reported.add(sentence)
                tell(sentence)


def open_ledger(settings: Settings) -> SteadyLedger:
    """The ledger in force: CROSS_LEDGER_URL's, or the file of CROSS_HOME.

    Raises:
        LedgerError: it can't be opened.
    """
    return SteadyLedger(*ledger_address(settings))
