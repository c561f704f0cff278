"""The ledger for an event loop: what is asked and filed at about the same time goes there together, on a thread.

A round trip or a transaction is then paid once for many calls, and the loop never waits for it; who files waits until
that is committed.
"""

import asyncio
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from itertools import chain
from typing import Any, Final, Literal

from lmms_eval_cross.benchmark.records import Outcome
from lmms_eval_cross.errors import AwayError, LedgerError
from lmms_eval_cross.ledger.address import Server
from lmms_eval_cross.ledger.claims import LEASE_SECONDS, RENEWED_AFTER_SECONDS, Claims
from lmms_eval_cross.ledger.store import Claim, Filing, Given, Ledger, Place
from lmms_eval_cross.say import tell

PATIENCE_SECONDS: Final = 120.0
"""For which a server that is away is waited for; without it, verdicts that it holds may be paid for again."""
LAST_WAIT_SECONDS: Final = 60.0
"""For which it is waited for at a run's end."""
_PAUSE_SECONDS: Final = 1.0
_AWAY: Final = object()
"""Stands for the result of an errand that can't be run at the moment."""
_MOST: Final = 200
"""Errands that go together."""
_GATHERING_SECONDS: Final = 0.025
"""For which errands gather after others were served: a thread's turn costs more than what is done for one of them."""


@dataclass(slots=True, eq=False)
class _Errand:
    """What one call wants of the ledger."""

    places: Sequence[Place] = ()
    """Where to look."""
    response: Given | None = None
    filings: Sequence[Filing] = ()
    wanted: Claim | None = None
    done_with: Claim | None = None
    future: "asyncio.Future[Any]" = field(default_factory=lambda: asyncio.get_running_loop().create_future())


class Desk:
    """Runs the errands of one loop, in groups and in order."""

    def __init__(self, ledger: Ledger, loop: asyncio.AbstractEventLoop) -> None:
        self._ledger, self._loop = ledger, loop
        self._claims = Claims(ledger) if isinstance(ledger.address, Server) else None
        self._ours: set[Claim] = set()
        self._done_with: set[Claim] = set()
        self._renewed_at = time.monotonic()
        self._errands: list[_Errand] = []
        self._change = threading.Condition()
        self._closing, self._has_told = threading.Event(), False
        self._away_since: dict[Literal["find", "claim"], float] = {}
        self._quiet_until = 0.0
        self._thread = threading.Thread(target=self._work, name="cross-ledger", daemon=True)
        self._thread.start()

    async def find(self, places: Sequence[Place]) -> list[Outcome | None]:
        """The outcomes under keys."""
        found: list[Outcome | None] = await self._run_patiently(partial(_Errand, places=places))
        return found

    @property
    def is_shared(self) -> bool:
        """Whether other hosts write to the ledger, too."""
        return self._claims is not None

    async def claim(self, claim: Claim) -> bool:
        """Whether we may ask for a verdict; False where another host is asking for it. A file has no other hosts."""
        return not self.is_shared or bool(await self._run_patiently(partial(_Errand, wanted=claim)))

    async def keep(self, response: Given) -> None:
        """Write what a model answered; it is committed when this returns."""
        await self._run(_Errand(response=response))

    async def file(self, filings: Sequence[Filing], claim: Claim) -> None:
        """Write outcomes, and give the claim on them back; they are committed when this returns."""
        await self._run(_Errand(filings=filings, done_with=claim))

    def give_back(self, claim: Claim) -> None:
        """Let others ask for a verdict that came, or did not come; nobody waits for this."""
        if self.is_shared:
            self._add(_Errand(done_with=claim))

    def close(self) -> None:
        """Finish what was begun, and give all claims back."""
        self._closing.set()
        with self._change:
            self._change.notify()
        self._thread.join()

    async def _run_patiently(self, make: Callable[[], _Errand]) -> Any:
        """Run an errand, again and again while the server is away; the loop goes on meanwhile."""
        while (result := await self._run(make())) is _AWAY:
            await asyncio.sleep(_PAUSE_SECONDS)
        return result

    def _run(self, errand: _Errand) -> "asyncio.Future[Any]":
        self._add(errand)
        return errand.future

    def _add(self, errand: _Errand) -> None:
        with self._change:
            self._errands.append(errand)
            self._change.notify()

    # ---- on the thread ----

    def _work(self) -> None:
        while True:
            errands = self._next()
            if errands:
                self._serve(errands)
            elif self._closing.is_set():
                break
            if self._done_with:
                self._ledger.send_on()
                self._give_back(set())
            if self._ours and time.monotonic() - self._renewed_at > RENEWED_AFTER_SECONDS:
                self._renew()
            if len(errands) < _MOST:
                self._closing.wait(_GATHERING_SECONDS)
        if self.is_shared:
            self._send_the_rest()
        self._give_back(self._ours)
        if self._claims is not None and not self._ledger.is_behind:
            with suppress(LedgerError):  # the next one does it
                self._claims.sweep()

    def _send_the_rest(self) -> None:
        """Wait for a server that is away at the end, or others pay again for what we kept, once our claims run out.

        Nothing is waited for where everybody has gone on without it.
        """
        until = time.monotonic() + LAST_WAIT_SECONDS
        self._ledger.send_on()
        while self._ledger.is_behind and not self._ledger.is_given_up and time.monotonic() < until:
            time.sleep(_PAUSE_SECONDS)
            self._ledger.send_on()
            self._renew()

    def _next(self) -> list[_Errand]:
        """What waits, or nothing after a while."""
        with self._change:
            if not self._errands and not self._closing.is_set():
                self._change.wait(RENEWED_AFTER_SECONDS / 4 if self._ours else None)
            errands, self._errands = self._errands[:_MOST], self._errands[_MOST:]
            return errands

    def _serve(self, errands: Sequence[_Errand]) -> None:
        """Writing goes first, so that a claim is given back when its verdict can be seen."""
        self._settle([errand for errand in errands if errand.response], self._keep)
        self._settle([errand for errand in errands if errand.filings], self._file)
        self._give_back({errand.done_with for errand in errands if errand.done_with})
        self._settle([errand for errand in errands if errand.places], self._find, "find")
        self._settle([errand for errand in errands if errand.wanted], self._claim, "claim")

    def _settle(
        self,
        errands: Sequence[_Errand],
        serve: Callable[[Sequence[_Errand]], Sequence[Any]],
        kind: Literal["find", "claim"] = "find",
    ) -> None:
        """Serve errands of a kind; what is raised is raised where they are awaited."""
        if not errands:
            return
        results: Sequence[Any]
        try:
            results = serve(errands)
        except AwayError:
            results = [_AWAY] * len(errands)
            self._note_away(kind)
        except Exception as error:
            results = [error] * len(errands)
        self._loop.call_soon_threadsafe(_resolve, [errand.future for errand in errands], results)

    def _note_away(self, kind: Literal["find", "claim"]) -> None:
        """After a while everybody goes on without the server."""
        now = time.monotonic()
        since = self._away_since.setdefault(kind, now)
        self._ledger.is_given_up |= now - since > PATIENCE_SECONDS

    def _note_back(self, kind: Literal["find", "claim"]) -> None:
        """Where it was away for so long that claims ran out, their owners get a while to send on what they kept."""
        now = time.monotonic()
        since = self._away_since.pop(kind, now)
        if now - since > LEASE_SECONDS / 2:
            self._quiet_until = now + RENEWED_AFTER_SECONDS
        if not self._away_since:
            self._ledger.is_given_up = False

    def _keep(self, errands: Sequence[_Errand]) -> list[None]:
        self._ledger.record_responses([errand.response for errand in errands if errand.response])
        return [None] * len(errands)

    def _file(self, errands: Sequence[_Errand]) -> list[None]:
        self._ledger.record_verdicts(list(chain.from_iterable(errand.filings for errand in errands)))
        return [None] * len(errands)

    def _find(self, errands: Sequence[_Errand]) -> list[list[Outcome | None]]:
        found = iter(self._ledger.find_all(list(chain.from_iterable(errand.places for errand in errands))))
        self._note_back("find")
        return [[next(found) for _ in errand.places] for errand in errands]

    def _claim(self, errands: Sequence[_Errand]) -> Sequence[Any]:
        """Take claims; where they can't be kept, all calls are made, as a host alone would make them."""
        wanted = {errand.wanted for errand in errands if errand.wanted}
        taken = wanted
        if time.monotonic() < self._quiet_until:
            return [_AWAY] * len(errands)
        if self._claims is not None:
            try:
                taken = self._claims.take(wanted)
                self._note_back("claim")
            except LedgerError as error:
                if isinstance(error, AwayError) and not self._ledger.is_given_up:
                    raise
                self._tell(error)
        self._ours |= taken
        return [errand.wanted in taken for errand in errands]

    def _give_back(self, claims: set[Claim]) -> None:
        """Give claims back when their verdicts are where others look, and not before."""
        self._done_with |= claims & self._ours
        if self._claims is None or not self._done_with or self._ledger.is_behind:
            return
        with suppress(LedgerError):  # the lease runs out
            self._claims.give_back(self._done_with)
        self._ours -= self._done_with
        self._done_with = set()

    def _renew(self) -> None:
        self._renewed_at = time.monotonic()
        if self._claims is not None:
            with suppress(LedgerError):  # it is tried again before the lease is out
                self._claims.renew()

    def _tell(self, error: LedgerError) -> None:
        if not self._has_told:
            self._has_told = True
            tell(f"{error} Two hosts may ask for the same verdict.")


def _resolve(futures: Sequence["asyncio.Future[Any]"], results: Sequence[Any]) -> None:
    """Give the results to those who still wait."""
    for future, result in zip(futures, results, strict=True):
        if future.done():
            continue
        if isinstance(result, Exception):
            future.set_exception(result)
        else:
            future.set_result(result)
