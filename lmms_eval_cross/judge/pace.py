"""How fast an endpoint may be asked: quotas that it tells, and a rate that is found where it tells none.

Pure bookkeeping: every method is given the time, in seconds of a monotonic clock.
"""

import math
from dataclasses import dataclass
from typing import Final

from lmms_eval_cross.judge.limits import Limits, Quota

PROBE: Final = 0.005
"""After a refusal, calls go out faster than the found rate by this share, doubled every `_DOUBLING` calls.

The bucket of a server that refuses is empty, so the surplus adds up to one refused call in some 95.
"""
_DOUBLING: Final = 50
_ENOUGH: Final = 10
"""Calls that must have been accepted between two refusals for their number to be a rate."""
_BACK_OFF: Final = 0.7
_FIRST_WINDOW_SECONDS: Final = 1.0
_CATCH_UP_SECONDS: Final = 0.05
"""A timer that fired late is made up for, as far as this."""
_LONG_PAUSE_SECONDS: Final = 2.0
"""A Retry-After from here on holds every call; a shorter one, rounded to a second, only the call that got it."""


@dataclass(frozen=True, slots=True)
class Ticket:
    """A call that was let go."""

    number: int
    tokens: int
    sent_at: float
    tokens_before: int
    """Tokens of this call and all before it."""


class Mirror:
    """The endpoint's own token bucket, as its headers tell of it."""

    def __init__(self, share: float) -> None:
        self._share = share
        self._level = self._rate = float("inf")
        self._at = 0.0

    def wait(self, cost: float, now: float) -> float:
        """Seconds until `cost` may be spent; a cost above the whole quota waits for a full one."""
        short = cost - self._level_at(now)
        return max(0.0, short / self._rate) if short > 0 else 0.0

    def take(self, cost: float, now: float) -> None:
        """Spend."""
        self._level, self._at = self._level_at(now) - cost, now

    def told(self, quota: Quota, spent_since: float, sent_at: float, now: float) -> None:
        """Take over what the response to a call of `sent_at` says; `spent_since` went out after it."""
        refill = self._refill(quota)
        self._rate = refill
        self._level = quota.remaining * self._share - spent_since + refill * (now - sent_at)
        if quota.limit is not None:
            self._level = min(self._level, quota.limit * self._share - spent_since)
        self._at = now

    def _refill(self, quota: Quota) -> float:
        """What comes back in a second; a quota without its size is whole again after `reset_seconds`."""
        used = (quota.limit - quota.remaining) if quota.limit is not None else 1.0
        if used <= 0 or quota.reset_seconds <= 0:
            return self._rate
        told_well = quota.limit is None or used >= 0.02 * quota.limit or self._rate == float("inf")
        return used / quota.reset_seconds * self._share if told_well else self._rate

    def _level_at(self, now: float) -> float:
        return self._level if self._rate == float("inf") else self._level + self._rate * (now - self._at)


class Pace:
    """When the next call may go."""

    def __init__(self, share: float = 1.0) -> None:
        """`share`: of the quota that is told, for one of several processes that use it."""
        self._requests, self._tokens = Mirror(share), Mirror(share)
        self._rate = float("inf")
        self._next_at = self._held_until = float("-inf")
        self._sent = self._sent_tokens = self._refused = 0
        self._cut = 0
        """Calls up to this number went out before the rate was last changed."""
        self._mark = (0, 0, 0.0)
        """Calls sent and refused, and the time, when the server's bucket was last known to be empty."""
        self._first_at: float | None = None

    @property
    def rate(self) -> float:
        """Calls a second that are let go, as far as a refusal has taught; infinite before the first."""
        surplus = min(PROBE * math.pow(2.0, min(14.0, (self._sent - self._cut) / _DOUBLING)), 60.0)
        return self._rate * (1.0 + surplus)

    def wait(self, tokens: int, now: float) -> float:
        """Seconds until a call of `tokens` may go, 0 if at once."""
        return max(
            0.0,
            self._held_until - now,
            self._next_at - now,
            self._requests.wait(1, now),
            self._tokens.wait(tokens, now),
        )

    def take(self, tokens: int, now: float) -> Ticket:
        """Let a call go."""
        self._first_at = now if self._first_at is None else self._first_at
        self._next_at = max(self._next_at, now - _CATCH_UP_SECONDS) + 1.0 / self.rate
        self._requests.take(1, now)
        self._tokens.take(tokens, now)
        self._sent += 1
        self._sent_tokens += tokens
        return Ticket(self._sent, tokens, now, self._sent_tokens)

    def heard(self, ticket: Ticket, limits: Limits, refused: bool, now: float) -> None:
        """Learn from a response; `refused` for a 429."""
        if limits.requests:
            self._requests.told(limits.requests, self._sent - ticket.number, ticket.sent_at, now)
        if limits.tokens:
            self._tokens.told(limits.tokens, self._sent_tokens - ticket.tokens_before, ticket.sent_at, now)
        if refused:
            self._refused += 1
            if limits.retry_after is not None and limits.retry_after >= _LONG_PAUSE_SECONDS:
                self._held_until = max(self._held_until, now + limits.retry_after)
            if ticket.number > self._cut and not _told_empty(limits):
                self._slow_down(ticket, now)

    def _slow_down(self, ticket: Ticket, now: float) -> None:
        """Take for the rate what was accepted between two moments at which the server's bucket was empty."""
        sent, refused, since = self._mark
        accepted = (ticket.number - sent) - (self._refused - refused)
        if self._rate == float("inf"):
            self._rate = max(1.0, accepted / max(ticket.sent_at - (self._first_at or 0.0), _FIRST_WINDOW_SECONDS))
            self._mark = (ticket.number, self._refused, ticket.sent_at)
        elif accepted >= _ENOUGH and ticket.sent_at > since:
            self._rate = min(self.rate, accepted / (ticket.sent_at - since))
            self._mark = (ticket.number, self._refused, ticket.sent_at)
        else:
            self._rate *= _BACK_OFF
        self._cut = self._sent
        self._next_at = now + 1.0 / self._rate


def _told_empty(limits: Limits) -> bool:
    """Whether the headers themselves say that a quota is used up: then they govern, and nothing is guessed."""
    return any(quota is not None and quota.remaining < 1 for quota in (limits.requests, limits.tokens))
