"""How fast an endpoint may be asked: quotas that it tells, and a rate that is found where it tells none.

Pure bookkeeping: every method is given the time, in seconds of a monotonic clock.
"""

import math
from collections import deque
from dataclasses import dataclass
from typing import Final

from lmms_eval_cross.pacing.limits import Limits, Quota

PROBE: Final = 0.005
"""After a refusal, calls go out faster than the found rate by this share, which doubles again and again.

The bucket of a server that refuses is empty, so the surplus adds up to one refused call in some 95.
"""
_DOUBLING_CALLS: Final = 50
_DOUBLING_SECONDS: Final = 8.0
"""Whichever comes first, so that a slow pace does not stay slow."""
_GUESS_DOUBLES_IN_SECONDS: Final = 2.0
"""The first rate is a guess, since a full bucket may have been met: it grows quickly until the second refusal."""
_ENOUGH: Final = 20
"""Calls that must have been accepted between two refusals for their number to be a rate."""
_BACK_OFF: Final = 0.7
_EASE: Final = 0.9
_FEW: Final = 0.1
"""With a smaller share of calls refused, the bucket may have been full at times and the count may be too low."""
_FIRST_WINDOW_SECONDS: Final = 1.0
_CATCH_UP_SECONDS: Final = 0.05
"""A timer that fired late is made up for, as far as this."""
_LONG_PAUSE_SECONDS: Final = 2.0
"""A Retry-After from here on holds every call; a shorter one, rounded to a second, only the call that got it."""
_SMALLEST_QUOTA: Final = 10.0
"""Of a smaller one the headers, which count whole calls, tell the rate too badly."""
_TRUST: Final = 0.1
"""How far one response moves what is thought to be left: calls overtake each other on their way."""
_RESERVE: Final = 0.04
"""The share of a quota that is left in it, for the same reason."""


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
        self._reserve = self._at = 0.0

    def wait(self, cost: float, now: float) -> float:
        """Seconds until `cost` may be spent."""
        short = cost + self._reserve - self._level_at(now)
        return max(0.0, short / self._rate) if short > 0 else 0.0

    def take(self, cost: float, now: float) -> None:
        """Spend."""
        self._level, self._at = self._level_at(now) - cost, now

    def told(self, quota: Quota, spent_since: float, sent_at: float, now: float) -> None:
        """Take over what the response to a call of `sent_at` says; `spent_since` went out after it."""
        expected, self._rate = self._level_at(now), self._refill(quota)
        level = quota.remaining * self._share - spent_since + self._rate * (now - sent_at)
        if quota.limit is not None:
            level = min(level, quota.limit * self._share)
            self._reserve = _RESERVE * quota.limit * self._share
        self._level = level if expected == float("inf") else expected + _TRUST * (level - expected)
        self._at = now

    def _refill(self, quota: Quota) -> float:
        """What comes back in a second; a quota without its size is whole again after `reset_seconds`.

        `remaining` is a whole number, so what is used is told half a unit too high on average, and best when much is.
        """
        if quota.reset_seconds <= 0:
            return self._rate
        if quota.limit is None:
            return self._share / quota.reset_seconds
        used = quota.limit - quota.remaining - 0.5
        told_well = used >= 0.5 * quota.limit or (used > 0 and self._rate == float("inf"))
        return used / quota.reset_seconds * self._share if told_well else self._rate

    def _level_at(self, now: float) -> float:
        return self._level if self._rate == float("inf") else self._level + self._rate * (now - self._at)


@dataclass(frozen=True, slots=True)
class _Mark:
    """A moment at which the server's bucket was known to be empty."""

    at: float
    sent: int
    """Calls let go by then."""


class Pace:
    """When the next call may go."""

    def __init__(self, share: float = 1.0) -> None:
        """`share`: of the quota that is told, for one of several processes that use it."""
        self._requests, self._tokens = Mirror(share), Mirror(share)
        self._rate = float("inf")
        self._next_at = self._held_until = self._cut_at = float("-inf")
        self._sent = self._sent_tokens = self._refused = self._refused_since = 0
        self._cut = 0
        """Calls up to this number went out before the rate was last changed."""
        self._mark: _Mark | None = None
        self._is_first = False
        self._refusals: deque[Ticket] = deque(maxlen=256)
        self._first_at: float | None = None

    def rate(self, now: float) -> float:
        """Calls a second that are let go, as far as a refusal has taught; infinite before the first."""
        if self._rate == float("inf"):
            return self._rate
        since = now - self._cut_at
        if self._is_first:
            return self._rate * math.pow(2.0, min(14.0, since / _GUESS_DOUBLES_IN_SECONDS))
        doublings = max((self._sent - self._cut) / _DOUBLING_CALLS, since / _DOUBLING_SECONDS)
        return self._rate * (1.0 + PROBE * math.pow(2.0, min(14.0, doublings)))

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
        self._next_at = max(self._next_at, now - _CATCH_UP_SECONDS) + 1.0 / self.rate(now)
        self._requests.take(1, now)
        self._tokens.take(tokens, now)
        self._sent += 1
        self._sent_tokens += tokens
        return Ticket(self._sent, tokens, now, self._sent_tokens)

    def heard(self, ticket: Ticket, limits: Limits, refused: bool, now: float) -> None:
        """Learn from a response; `refused` for a 429."""
        if refused:
            self._refused += 1
            self._refused_since += ticket.number > (self._mark.sent if self._mark else 0)
            self._refusals.append(ticket)
        self._mirror(ticket, limits, now)
        if not refused:
            return
        if limits.retry_after is not None and limits.retry_after >= _LONG_PAUSE_SECONDS:
            self._held_until = max(self._held_until, now + limits.retry_after)
        if ticket.number > self._cut:
            if not _told_empty(limits):
                self._slow_down(now)
        elif self._is_first:
            self._rate = self._first_rate(now)

    def _mirror(self, ticket: Ticket, limits: Limits, now: float) -> None:
        later = [other for other in self._refusals if other.number > ticket.number]
        if limits.requests and _is_told_well(limits.requests):
            spent = self._sent - ticket.number - len(later)
            self._requests.told(limits.requests, spent, ticket.sent_at, now)
        if limits.tokens and _is_told_well(limits.tokens):
            spent = self._sent_tokens - ticket.tokens_before - sum(other.tokens for other in later)
            self._tokens.told(limits.tokens, spent, ticket.sent_at, now)

    def _slow_down(self, now: float) -> None:
        """Take for the rate what was accepted since a moment at which the server's bucket was empty as well."""
        mark = self._mark
        accepted = self._sent - mark.sent - self._refused_since if mark else 0
        if mark is None:
            self._cut = self._sent
            self._rate = self._first_rate(now)
        else:
            self._rate = self._better_rate(mark, accepted, now)
        if mark is None or accepted >= _ENOUGH:
            self._mark, self._refused_since = _Mark(now, self._sent), 0
            self._is_first = mark is None
        self._cut, self._cut_at = self._sent, now
        self._next_at = now + 1.0 / self._rate

    def _better_rate(self, mark: _Mark, accepted: int, now: float) -> float:
        rate, refused = self.rate(now), self._refused_since
        if accepted < _ENOUGH:
            return rate * (1.0 if accepted <= 0 else _BACK_OFF if refused > accepted else _EASE)
        counted = accepted / (now - mark.at)
        return min(rate, counted if refused > _FEW * accepted else max(counted, rate * _EASE))

    def _first_rate(self, now: float) -> float:
        """What was accepted since the start, and of the calls that are still out, what is not refused by now.

        Where nothing was, nothing is known of a rate, and each call's own waits have to do.
        """
        accepted = self._cut - self._refused
        seconds = max(now - (self._first_at or 0.0), _FIRST_WINDOW_SECONDS)
        return accepted / seconds if accepted > 0 else float("inf")


def _is_told_well(quota: Quota) -> bool:
    return quota.limit is None or quota.limit >= _SMALLEST_QUOTA


def _told_empty(limits: Limits) -> bool:
    """Whether the headers themselves say that a quota is used up: then they govern, and nothing is guessed."""
    quotas = [quota for quota in (limits.requests, limits.tokens) if quota is not None and _is_told_well(quota)]
    return any(quota.remaining < 1 for quota in quotas)
