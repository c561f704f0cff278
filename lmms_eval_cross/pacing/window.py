"""How many calls may be in flight, by what a server can take."""

from dataclasses import dataclass, field
from typing import Final

FEWEST_SHARE: Final = 1 / 8
"""Where a server refuses (503), the window shrinks no further than this share of what was asked for.

Not measured. More would go on pressing a server in trouble; less would take long to grow back, at a call a round.
"""
_SLOW: Final = 0.5
"""Of the timeout: a call that takes longer, and twice as long as the fastest, waited in a queue of the server's."""
_EASY: Final = 0.25
"""Of the timeout: while calls take less, more of them may go."""
_QUEUED: Final = 2.0
_LATEST: Final = 0.25
"""The weight of the latest answer: a single late one changes nothing."""


@dataclass(slots=True)
class Window:
    """Calls in flight: halved when a server falters, and one more for each round that went well.

    This is TCP's congestion avoidance (Jacobson, SIGCOMM 1988): the excess vanishes in a few cuts, and the return is
    slow enough not to overload the server again at once. Latencies count as in TCP Vegas (Brakmo & Peterson 1995): a
    server that answers one call at a time refuses none, it only answers later and later.
    """

    most: int
    size: float
    timeout: float = float("inf")
    """Seconds after which a call is given up."""
    cut: int = 0
    """Calls up to this number went out before the last cut."""
    fastest: float = float("inf")
    """Seconds of the fastest answer."""
    usual: float = 0.0
    """Seconds of the last answers, the latest weighing most."""
    is_slow: bool = False
    """Calls waited in the server's queue, or in vain."""
    answered: int = 0
    _in_flight: dict[int, tuple[int, int]] = field(default_factory=dict)
    """Number of a call in flight -> answers by the time that it went out, and calls that were out with it."""

    def begin(self, seconds: float) -> None:
        """The first answer took so long: let as many go as even a server of one slot would answer in time."""
        self.size = max(1.0, min(float(self.most), _SLOW * self.timeout / max(seconds, 1e-6)))

    def went(self, number: int, in_flight: int) -> None:
        """A call goes out, so many being out with it."""
        self._in_flight[number] = self.answered, in_flight

    def ended(self, number: int) -> tuple[int, bool]:
        """A call is over: how many others were answered meanwhile, and whether they were as many as went with it."""
        before, in_flight = self._in_flight.pop(number)
        others = self.answered - before
        return others, others >= in_flight

    def grow(self, number: int = 0, seconds: float = 0.0, sent: int = 0) -> None:
        """A call was answered after so many seconds; where calls wait in the server's queue, fewer may go."""
        self.answered += 1
        self.fastest = min(self.fastest, seconds)
        self.usual += _LATEST * (seconds - self.usual) if self.answered > 1 else seconds
        is_queued = self.usual > _QUEUED * self.fastest
        if is_queued and self.usual > _SLOW * self.timeout:
            self.wait_in_vain(number, sent)
        elif not is_queued or self.usual <= _EASY * self.timeout:
            step = 1.0 if self.cut == 0 else 1.0 / self.size
            self.size = min(float(self.most), self.size + step)

    def wait_in_vain(self, number: int, sent: int, most: float = float("inf")) -> None:
        """A call waited too long for one of few slots."""
        self.is_slow = True
        self.shrink(number, sent, 1.0, most)

    def shrink(self, number: int, sent: int, fewest: float | None = None, most: float = float("inf")) -> None:
        """A call did not go well, of `sent` so far; those that were out already at the last cut do not cut again."""
        if number > self.cut:
            floor = self.most * FEWEST_SHARE if fewest is None else fewest
            self.size, self.cut = max(1.0, floor, min(most, self.size / 2)), sent
