"""The gate that every judge call goes through: so many in flight, so many a second."""

import asyncio
import heapq
import itertools
from typing import Final, TypeAlias

from lmms_eval_cross.pacing.limits import Limits
from lmms_eval_cross.pacing.pace import Pace, Ticket
from lmms_eval_cross.pacing.silence import IN_A_ROW, Silence
from lmms_eval_cross.pacing.window import Window

ALONE_SECONDS: Final = 1.0
"""How long the first call of an unproven judge goes alone; then one more may go until the first of them comes back.

A wrong key is refused well within it, and costs one request then. How long the first answer took says how many calls a
server can be given whose slots are not known.
"""
_NEARLY: Final = 0.95
"""Of the timeout: a call that failed after it was given up for lack of time."""
_LONGEST_SLEEP_SECONDS: Final = 60.0
"""A longer wait is looked at again in between; what is known of the quota may be better by then."""
RETRY, FOLLOW, NEW = range(3)
"""Who goes first: a call that is tried again, one whose prefix is cached, a new sample's."""

_Waiting: TypeAlias = "tuple[int, int, int, asyncio.Future[Ticket]]"


class Limiter:
    """Lets calls go, on one event loop."""

    def __init__(
        self,
        most: int,
        share: float = 1.0,
        proven: bool = True,
        timeout_seconds: float = float("inf"),
        backoff_seconds: float = 0.5,
        size: int = 0,
    ) -> None:
        """Start with `most` in flight, or with one call where the judge is not `proven`.

        Args:
            most: calls in flight at the most.
            share: of the quota that the endpoint tells, for one of several ranks.
            proven: key and model are known to be good.
            timeout_seconds: after which a call is given up.
            backoff_seconds: before an endpoint that answers nobody is probed; doubles with every further probe.
            size: calls in flight to begin with, as far as an earlier run learnt it; 0: `most`.
        """
        self.in_flight = 0
        self._window = Window(most, float(size or most), timeout_seconds)
        self._pace = Pace(share)
        self._silence = Silence(backoff_seconds)
        self._waiting: list[_Waiting] = []
        self._order = itertools.count()
        self._open = proven
        self._alone = 1
        self._sent = 0
        self._doubted, self.in_doubt = 0, False
        self.waited_in_vain = False
        """Calls were given up for lack of time."""
        self._timer: asyncio.TimerHandle | None = None

    @property
    def window(self) -> int:
        """Calls that may be in flight, by what the server was seen to take."""
        return int(self._window.size)

    @property
    def is_slow(self) -> bool:
        """Whether the server was seen to take fewer calls than are asked for."""
        return self._window.is_slow

    def held_seconds(self) -> float:
        """For how long the endpoint lets nothing in, by its own word."""
        return self._pace.wait(0, _now())

    async def enter(self, priority: int, tokens: int) -> Ticket:
        """Wait for leave to send a call of about `tokens`; every ticket is given back with `leave`."""
        turn: asyncio.Future[Ticket] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._waiting, (priority, next(self._order), tokens, turn))
        self._let_go()
        try:
            return await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self.cancel(turn.result())
            raise

    def leave(
        self,
        ticket: Ticket,
        limits: Limits,
        refused: bool = False,
        faltered: bool = False,
        answered: bool = True,
    ) -> bool:
        """Give a ticket back with what was learnt; whether the endpoint answered others while it failed this call.

        A call that was given up for lack of time failed by itself only if as many others were answered as went with it.

        Args:
            ticket: of the call.
            limits: what its response tells of quotas.
            refused: a 429.
            faltered: 503 or no answer at all.
            answered: the endpoint has dealt with the call, well or not.
        """
        now = _now()
        seconds = now - ticket.sent_at
        others, turned_over = self._window.ended(ticket.number)
        in_vain = faltered and seconds >= _NEARLY * self._window.timeout
        self.waited_in_vain |= in_vain
        self._pace.heard(ticket, limits, refused, now)
        if faltered:
            self._falter(ticket, others if in_vain else None)
        elif answered and not refused:
            self._answer(ticket, seconds)
        if refused or faltered or not answered:
            self._silence.met(ticket.number, self._sent, limits.retry_after, now)
        self._open |= answered or refused
        self._left()
        return turned_over if in_vain else others > 0

    def cancel(self, ticket: Ticket) -> None:
        """Give a ticket back of which nothing was learnt."""
        self._window.ended(ticket.number)
        self._left()

    def doubt(self) -> None:
        """A refusal seems meant for all: only probes go, before one that went out after it is answered."""
        self._silence.troubles = max(self._silence.troubles, IN_A_ROW)
        if not self.in_doubt:
            self._doubted, self.in_doubt = self._sent, True

    def _answer(self, ticket: Ticket, seconds: float) -> None:
        if not self.in_doubt or ticket.number > self._doubted:
            self._silence.ended()
            self.in_doubt = False
        if not self._open and seconds > ALONE_SECONDS:
            self._window.begin(seconds)
        self._window.grow(ticket.number, seconds, self._sent)

    def _falter(self, ticket: Ticket, others: int | None) -> None:
        """Fewer calls at a time: where one waited in vain, half of the `others` that were answered in that time."""
        if others is None:
            self._window.shrink(ticket.number, self._sent)
        else:
            self._window.wait_in_vain(ticket.number, self._sent, max(1.0, others / 2))

    def _prove(self) -> None:
        """The first call takes long: let a second one go, and no more before one of them comes back."""
        self._alone = 2
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
            seconds = max(self._pace.wait(tokens, _now()), self._silence.wait(_now()))
            if seconds > 0:
                self._wake_in(seconds)
                return
            heapq.heappop(self._waiting)
            self._send(turn, tokens)

    def _most_in_flight(self) -> int:
        if self._silence.lasts:
            return 1
        if not self._open:
            return self._alone
        return int(self._window.size)

    def _send(self, turn: "asyncio.Future[Ticket]", tokens: int) -> None:
        if not self._open and self._sent == 0:
            asyncio.get_running_loop().call_later(ALONE_SECONDS, self._prove)
        self.in_flight += 1
        self._sent += 1
        ticket = self._pace.take(tokens, _now())
        self._window.went(ticket.number, self.in_flight)
        turn.set_result(ticket)

    def _wake_in(self, seconds: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = asyncio.get_running_loop().call_later(min(seconds, _LONGEST_SLEEP_SECONDS), self._let_go)


def _now() -> float:
    return asyncio.get_running_loop().time()
