"""A ledger whose troubles in the middle of a run cost no run: disk full, read-only, damaged."""

import threading
from collections import deque
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Final

from lmms_eval_cross.benchmark.records import Outcome
from lmms_eval_cross.errors import EntryError, LedgerError
from lmms_eval_cross.ledger.address import Address
from lmms_eval_cross.ledger.hosts import ledger_address
from lmms_eval_cross.ledger.store import Filing, Ledger, Place
from lmms_eval_cross.say import tell
from lmms_eval_cross.settings import Settings

_SET_ASIDE: Final = "It is set aside, and will be in the run's samples (--log_samples) alone."


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

    def find_all(self, places: Sequence[Place]) -> list[Outcome | None]:
        """The outcomes under keys, None also where the ledger can't be read."""
        try:
            outcomes = super().find_all(places)
        except LedgerError as error:
            if len(places) > 1:  # one row may be damaged, and the others whole
                return [self.find(*place) for place in places]
            self._report(f"{error} Verdicts in it are asked for again.")
            outcomes = [None]
        return [outcome or self._held.get(key) for outcome, (key, _) in zip(outcomes, places, strict=True)]

    def record_verdicts(self, filed: Sequence[Filing]) -> None:
        """Write outcomes now or later."""
        if not self._write(partial(self._file, super().record_verdicts, filed)):
            self._held.update({entry.key: outcome for entry, outcome in filed})

    def _file(self, write: Callable[[Sequence[Filing]], None], filed: Sequence[Filing]) -> None:
        """Write outcomes together; where that can't be, each alone, and one that no ledger takes is set aside."""
        try:
            write(filed)
        except EntryError as error:
            if len(filed) == 1:
                ((entry, outcome),) = filed
                self._held[entry.key] = outcome
                self._report(f"{error} {_SET_ASIDE}")
            else:
                for filing in filed:
                    self._file(write, [filing])

    def record_response(self, run: str, sample_id: str, response: str, record: dict[str, Any]) -> None:
        """Write a response now or later."""
        write = partial(super().record_response, run, sample_id, response, record)

        def write_if_it_fits() -> None:
            try:
                write()
            except EntryError as error:
                self._report(f"{error} {_SET_ASIDE}")

        self._write(write_if_it_fits)

    def _write(self, write: Callable[[], None]) -> bool:
        """Write what waits, oldest first, this last; whether nothing waits any more."""
        with self._order:
            self._waiting.append(write)
            try:
                while self._waiting:
                    self._waiting[0]()
                    self._waiting.popleft()
            except LedgerError as error:
                self._report(
                    f"{error} The run goes on; its verdicts are in memory and will be in its samples (--log_samples). "
                    "Mend the ledger's disk, and what waits is written too."
                )
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
