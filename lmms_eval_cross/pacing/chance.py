"""Refusals that come whatever the rate: they must not teach a rate."""

import math
import statistics
from collections import deque
from typing import Final

REST_CALLS: Final = 20
"""So many calls after a change of the rate go out slower than the endpoint is known to accept.

What is refused of them is refused at any rate. Fewer tell a share of 4% too badly; more take longer to tell it.
"""
REST_PACE: Final = 0.8
"""Of the rate, during a rest. A token bucket keeps what is left in it then, so a rest costs no goodput."""
_RESTS: Final = 5
"""Rests that are remembered. Their median counts, since a quota may have shrunk during one or two of them."""
_HOPELESS: Final = 0.5
"""A rest with a larger share of refusals is broken off and tells nothing: the rate is still far too high."""
_ALWAYS: Final = 1.0
_OF_CALLS: Final = 0.01
"""Refusals that are put up with among n calls beside those that come anyway: one and 1% of n."""
_UNSURE: Final = 1.25
"""What is expected may be so many times as much, since a few rests tell the share roughly."""
_DEVIATIONS: Final = 2.0
"""How far above its mean a number of refusals is still chance, in standard deviations."""


class Chance:
    """The share of calls that an endpoint refuses at any rate, measured during rests."""

    def __init__(self) -> None:
        self._rests: deque[int] = deque(maxlen=_RESTS)
        """Refusals in the rests that came to their end."""
        self._resting = False
        """A rest has begun after the last change of the rate."""
        self._refused = self._calls = 0
        """In the present rest."""

    @property
    def share(self) -> float:
        """Of all calls; 0 until there were two rests."""
        if len(self._rests) < 2:
            return 0.0
        return statistics.median_low(self._rests) / REST_CALLS

    def changed(self, resting: bool) -> None:
        """The rate has changed: what the rest before has shown counts from now on, and `resting`, another begins."""
        if self._resting and self._calls == REST_CALLS:
            self._rests.append(self._refused)
        self._resting = resting
        self._refused = self._calls = 0

    def sent(self, since_change: int) -> None:
        """A call goes out that is `since_change`th after the change."""
        if since_change <= REST_CALLS:
            self._calls = since_change

    def refused(self, since_change: int) -> None:
        """A call was refused that is `since_change`th after the change."""
        if since_change <= REST_CALLS:
            self._refused += 1

    def explains(self, refused: int, calls: int) -> bool:
        """Whether so many refusals among the calls since the change say nothing against the rate."""
        if calls <= REST_CALLS:
            return refused <= _HOPELESS * REST_CALLS
        expected = self.share * calls
        deviation = math.sqrt(expected * (1.0 - self.share))
        return refused <= _UNSURE * expected + _DEVIATIONS * deviation + _ALWAYS + _OF_CALLS * calls
