"""The gate that every judge call goes through: so many in flight, so many a second."""

import asyncio
import heapq
import itertools
from dataclasses import dataclass
from typing import Final, TypeAlias

from lmms_eval_cross.pacing.limits import Limits
from lmms_eval_cross.pacing.pace import Pace, Ticket

ALONE_SECONDS: Final = 1.0
"""How long the first call of an unproven judge goes alone at the most.

A wrong key is refused well within it, and costs one request then; a judge that takes longer to answer a call delays the
run by no more than this.
"""
_FEWEST_SHARE: Final = 1 / 8
"""The window shrinks no further than this share of what was asked for.

Not measured. More would go on pressing a server in trouble; less would take long to grow back, at a call a round.
"""
_LONGEST_SLEEP_SECONDS: Final = 60.0
"""A longer wait is looked at again in between; what is known of the quota may be better by then."""
RETRY, FOLLOW, NEW = range(3)
"""Who goes first: a call that is tried again, one whose prefix is cached, a new sample's."""

_Waiting: TypeAlias = "tuple[int, int, int, asyncio.Future[Ticket]]"


@dataclass(slots=True)
class Window:
    """Calls in flight: halved when a server falters, down to an eighth; one more for each round that went well.

    This is TCP's congestion avoidance (Jacobson, SIGCOMM 1988): the excess vanishes in a few cuts, and the return is
    slow enough not to overload the server again at once.
    """

    most: int
    size: float
    cut: int = 0
    """Calls up to this number went out before the last cut."""

    def grow(self) -> None:
        """A call went well."""
        self.size = min(float(self.most), self.size + 1.0 / self.size)

    def shrink(self, ticket: Ticket, sent: int) -> None:
        """A call did not, of `sent` so far; those that were out already at the last cut do not cut again."""
        if ticket.number > self.cut:
            self.size, self.cut = max(1.0, self.most * _FEWEST_SHARE, self.size / 2), sent


class Limiter:
    """Lets calls go, on one event loop."""

    def __init__(self, most: int, share: float = 1.0, proven: bool = True) -> None:
        """Start with `most` in flight, or with one call where the judge is not `proven`."""
        self.in_flight = 0
        self._window = Window(most, float(most))
        self._pace = Pace(share)
        self._waiting: list[_Waiting] = []
        self._order = itertools.count()
        self._open = proven
        self._sent = 0
        self._timer: asyncio.TimerHandle | None = None

    async def enter(self, priority: int, tokens: int) -> Ticket:
        """Wait for leave to send a call of about `tokens`; every ticket is given back with `leave`."""
        turn: asyncio.Future[Ticket] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._waiting, (priority, next(self._order), tokens, turn))
        self._let_go()
        try:
            return await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self._left()
            raise

    def leave(self, ticket: Ticket, limits: Limits, refused: bool = False, faltered: bool = False) -> None:
        """Give a ticket back with what was learnt: `refused` for a 429, `faltered` for 503 or no answer at all."""
        self._pace.heard(ticket, limits, refused, _now())
        if faltered:
            self._window.shrink(ticket, self._sent)
        elif not refused:
            self._window.grow()
        self.prove()
        self._left()

    def prove(self) -> None:
        """The first call has come back: let the others go."""
        if not self._open:
            self._open = True
            self._let_go()

    def _left(self) -> None:
        self.in_flight -= 1
        self._let_go()

    def _let_go(self) -> None:
        while self._waiting and self.in_flight < self._most_in_flight():
            _, _, tokens, turn = self._waiting[0]
            if turn.done():
                heapq.heappop(self._waiting)
                continue
            seconds = self._pace.wait(tokens, _now())
            if seconds > 0:
                self._wake_in(seconds)
                return
            heapq.heappop(self._waiting)
            self._send(turn, tokens)

    def _most_in_flight(self) -> int:
        if not self._open:
            return 1
        return int(self._window.size)

    def _send(self, turn: "asyncio.Future[Ticket]", tokens: int) -> None:
        if not self._open and self._sent == 0:
            asyncio.get_running_loop().call_later(ALONE_SECONDS, self.prove)
        self.in_flight += 1
        self._sent += 1
        turn.set_result(self._pace.take(tokens, _now()))

    def _wake_in(self, seconds: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = asyncio.get_running_loop().call_later(min(seconds, _LONGEST_SLEEP_SECONDS), self._let_go)


def _now() -> float:
    return asyncio.get_running_loop().time()
