"""A ledger whose troubles in the middle of a run cost no run: disk full, read-only, damaged."""

import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from typing import Final, TypeAlias, TypeVar

from lmms_eval_cross.benchmark.records import Outcome
from lmms_eval_cross.errors import AwayError, EntryError, LedgerError
from lmms_eval_cross.ledger.address import Address, Server
from lmms_eval_cross.ledger.hosts import ledger_address
from lmms_eval_cross.ledger.outbox import Outbox
from lmms_eval_cross.ledger.store import Filing, Given, Ledger, Place, RunNote
from lmms_eval_cross.say import tell
from lmms_eval_cross.settings import Settings

_Write: TypeAlias = Callable[[Ledger], None]
_EntryT = TypeVar("_EntryT")
_PAUSE_SECONDS: Final = 3.0
"""Before a server that could not be written is tried again."""
_GOES_ON: Final = (
    "The run goes on; its verdicts are in memory and will be in its samples (--log_samples). "
    "Mend the ledger's disk, and what waits is written too."
)
_IS_SENT_ON: Final = (
    "What is judged meanwhile is kept under CROSS_HOME and sent on when the server takes it; nothing new is asked for "
    "two minutes, for it may be there."
)
_NOT_NAMED: Final = "`ledger show` will not name this run's model, tasks and folder."
_SET_ASIDE: Final = "It is set aside, and will be in the run's samples (--log_samples) alone."


class SteadyLedger(Ledger):
    """Reports a trouble once, keeps what could not be written in memory, and writes it when that is possible again.

    Opening still raises: a run that can't keep its verdicts from the start should not start.
    """

    def __init__(self, address: Address, journal: str = "WAL") -> None:
        super().__init__(address, journal)
        self._waiting: deque[_Write] = deque()
        self._held: dict[str, Outcome] = {}
        self._reported: set[str] = set()
        self._order, self._reporting = threading.Lock(), threading.Lock()
        self._next_try, self._is_away = 0.0, False
        outbox = address.outbox if isinstance(address, Server) else None
        self._outbox = None if outbox is None else Outbox(outbox, self._database_id(), self.name)
        self._send_what_was_kept()

    def _database_id(self) -> str:
        """What tells a server's database from others: a replica that takes over has the same."""
        try:
            (row,) = self.select("SELECT system_identifier, current_database() AS name FROM pg_control_system()")
        except LedgerError:  # a server may keep that to itself
            return self.name
        return f"{row['system_identifier']} {row['name']}"

    def _send_what_was_kept(self) -> None:
        """Send on what an earlier command had to keep; a LedgerError where its file can't be used."""
        if self._outbox is not None:
            try:
                self._outbox.send_on(self)
            except AwayError as error:
                self._tell_away(error)

    def find_all(self, places: Sequence[Place]) -> list[Outcome | None]:
        """The outcomes under keys, None also where the ledger can't be read."""
        try:
            outcomes = super().find_all(places)
        except LedgerError as error:
            if isinstance(error, AwayError) and not self.is_given_up:
                self._tell_away(error)
                raise
            if len(places) > 1:  # one row may be damaged, and the others whole
                return [self.find(*place) for place in places]
            self._report(f"{error} Verdicts in it are asked for again.")
            outcomes = [None]
        return [outcome or self._held.get(key) for outcome, (key, _) in zip(outcomes, places, strict=True)]

    def record_verdicts(self, filed: Sequence[Filing]) -> None:
        """Write outcomes now or later."""
        if not self._write(partial(self._file, Ledger.record_verdicts, filed, self._hold)):
            self._hold(filed)

    def _hold(self, filed: Sequence[Filing]) -> None:
        self._held.update({entry.key: outcome for entry, outcome in filed})

    def record_responses(self, given: Sequence[Given]) -> None:
        """Write responses now or later."""
        self._write(partial(self._file, Ledger.record_responses, given, lambda _: None))

    def record_run(self, run: str, judge_id: str, note: RunNote) -> None:
        """Write what a run is, or say that it can't be: a server's role may lack the right to this table alone."""
        try:
            super().record_run(run, judge_id, note)
        except LedgerError as error:
            self._report(f"{error} {_NOT_NAMED}")

    def _file(
        self,
        record: Callable[[Ledger, Sequence[_EntryT]], None],
        entries: Sequence[_EntryT],
        set_aside: Callable[[Sequence[_EntryT]], None],
        into: Ledger,
    ) -> None:
        """Write entries together; where that can't be, each alone, and one that no ledger takes is set aside."""
        try:
            record(into, entries)
        except EntryError as error:
            if len(entries) == 1:
                set_aside(entries)
                self._report(f"{error} {_SET_ASIDE}")
            else:
                for entry in entries:
                    self._file(record, [entry], set_aside, into)

    def _write(self, write: _Write) -> bool:
        """Write what waits, oldest first, this last; whether nothing waits any more."""
        with self._order:
            self._waiting.append(write)
            return self._try_to_write()

    @property
    def is_behind(self) -> bool:
        """Whether something waits in memory or in this host's file."""
        return bool(self._waiting) or (self._outbox is not None and self._outbox.may_hold)

    def send_on(self) -> None:
        """Write what waits, if that is possible."""
        if self.is_behind:
            with self._order:
                self._try_to_write()

    def _try_to_write(self) -> bool:
        try:
            self._write_what_waits()
        except LedgerError as error:
            self._keep(error)
            return False
        self._is_away = False
        return True

    def _write_what_waits(self) -> None:
        """What is in memory goes first: it would be lost with this process, and the file may be damaged."""
        if self._outbox is not None and time.monotonic() < self._next_try:
            raise AwayError(f"The ledger {self.name} was away a moment ago.")
        while self._waiting:
            self._waiting[0](self)
            self._waiting.popleft()
        if self._outbox is not None:
            self._outbox.send_on(self)

    def _keep(self, error: LedgerError) -> None:
        """Keep what waits in a file of this host where the ledger is a server, else in memory."""
        if self._outbox is None:
            self._report(f"{error} {_GOES_ON}")
            return
        self._tell_away(error)
        if time.monotonic() >= self._next_try:  # or it was not tried, and is tried when the pause is over
            self._next_try = time.monotonic() + _PAUSE_SECONDS
        try:
            while self._waiting:
                self._outbox.keep(self._waiting[0])
                self._waiting.popleft()
        except LedgerError as other:
            self._report(f"{other} {_GOES_ON}")

    def close(self) -> None:
        """Send on what waits, if that is possible, and close."""
        if self._outbox is not None:
            with self._order, suppress(LedgerError):
                self._next_try = 0.0
                self._write_what_waits()
            with suppress(LedgerError):
                if left := self._outbox.count():
                    tell(f"{left} verdicts wait under CROSS_HOME for {self.name}; the next command sends them on.")
            self._outbox.close()
        super().close()

    def _tell_away(self, error: LedgerError) -> None:
        """Say once what becomes of a run while the server is away, in whatever words its troubles come."""
        with self._reporting:
            if not self._is_away:
                self._is_away = True
                tell(f"{error} {_IS_SENT_ON}")

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
