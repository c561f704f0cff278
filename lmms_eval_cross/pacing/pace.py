"""How fast an endpoint may be asked: quotas that it tells, and a rate that is found where it tells none.

Pure bookkeeping: every method is given the time, in seconds of a monotonic clock.
"""

import math
from collections import deque
from dataclasses import dataclass
from typing import Final

from lmms_eval_cross.pacing.chance import REST_CALLS, REST_PACE, Chance
from lmms_eval_cross.pacing.limits import Limits, Quota

# `python -m benchmarks.pace` measures what half and twice each constant do (docs/benchmarks.md, "The pace of calls").
# "No difference" below is of that measurement: the constant may move by a factor of two unnoticed.
PROBE: Final = 0.005
_DOUBLING_CALLS: Final = 50
"""After a refusal, calls go out faster than the counted rate by PROBE of it, which doubles every so many calls.

The bucket of a server that refuses is empty, so the next refusal comes when the surplus has added up to one call:
after n calls with 50 / ln 2 * 0.005 * (2^(n / 50) - 1) = 1, that is n = 96. So the search costs 1% of the requests.
A larger PROBE and fewer calls to a doubling refuse more, and find a quota that grew sooner.
"""
_DOUBLING_SECONDS: Final = 8.0
"""The surplus doubles by time as well where that comes first, so that a slow pace does not stay slow. No difference."""
_MOST_DOUBLINGS: Final = 14.0
"""Ends the growth at 2^14, which is beyond any quota and far from where a float overflows."""
_GUESS_DOUBLES_IN_SECONDS: Final = 2.0
"""The first rate is a guess, since a full bucket may have been met: it grows quickly until the second refusal.

Slower, and a guess that was too low costs goodput; faster, and one that was too high is refused more.
"""
_ENOUGH: Final = 20
"""Calls that must have been accepted between two refusals for their number to be a rate.

The count is off by a call at either end, so from 20 on the rate is within some 5%.
"""
_LATELY: Final = 64
"""The last so many calls tell how much is accepted now, should the rate have grown a lot since it was last changed."""
_EASE: Final = 0.9
_BACK_OFF: Final = 0.7
"""What is left of the rate after a refusal that came too early to count: the second if most calls were refused.

A lower _EASE refuses a little less and finds a quota that grew a little later. _BACK_OFF at 0.5: no difference.
"""
_LEAST_LEFT: Final = 0.25
"""The most that a few calls can take off: where most are refused the rate is far too high, and counted roughly."""
_FEW: Final = 0.1
"""With a smaller share of calls refused, the bucket may have been full at times and the count be too low: then the rate
falls to _EASE of itself at the most. No difference where the quota does not change."""
_FIRST_WINDOW_SECONDS: Final = 1.0
"""The first guess takes the calls before the first refusal to have taken at least as long.

A burst that is refused within milliseconds would else be taken for a rate of thousands. Twice as long, and the guess is
too low for a while.
"""
_CATCH_UP_SECONDS: Final = 0.05
"""A timer that fired late is made up for, as far as this. Less loses calls to a busy event loop, more makes bursts. No
difference in simulated time, in which no timer is late."""
_IN_A_ROW: Final = 3
_HARDLY: Final = 1e-4
"""So many refusals in a row, and what they are likely by chance, before a long Retry-After holds every call.

With fewer, an endpoint that refuses one call in 25 at random would be left alone most of the time.
"""
_LONG_PAUSE_SECONDS: Final = 2.0
"""A Retry-After from here on holds every call; a shorter one, rounded to a second, only the call that got it.

The shortest Retry-After is 1 in whole seconds, also where a call is free in 20 ms: if it held every call, the whole
bucket would fill, and be emptied at once when they all go.
"""
_SMALLEST_QUOTA: Final = 10.0
"""Of a smaller one the headers, which count whole calls, tell the rate too badly: one call is more than 10% of it."""
_TRUST: Final = 0.1
"""How far one response moves what is thought to be left: calls overtake each other on their way.

More follows single responses into refusals. Less would notice late that others use the quota too (not measured).
"""
_RESERVE: Final = 0.04
"""The share of a quota that is left in it, for the same reason: of 50 calls, two."""
_REMEMBERED_REFUSALS: Final = 256
"""Refused calls that are known as such when a response of before comes in; several times the usual calls in flight."""


@dataclass(frozen=True, slots=True)
class Ticket:
    """A call that was let go."""

    number: int
    tokens: int
    sent_at: float
    tokens_before: int
    """Tokens of this call and all before it."""


class Mirror:
    """A copy of the endpoint's own token bucket, made of its headers."""

    def __init__(self, share: float) -> None:
        self._share = share
        self._level = self._rate = float("inf")
        self._reserve = self._at = 0.0

    def wait(self, cost: float, now: float) -> float:
        """Seconds until `cost` may be spent."""
        short = cost + self._reserve - self._level_at(now)
        if short <= 0:
            return 0.0
        return short / self._rate

    def take(self, cost: float, now: float) -> None:
        """Spend."""
        self._level, self._at = self._level_at(now) - cost, now

    def update(self, quota: Quota, spent_since: float, sent_at: float, now: float) -> None:
        """Take over what the response to a call of `sent_at` says; `spent_since` went out after it."""
        expected, self._rate = self._level_at(now), self._refill(quota)
        level = quota.remaining * self._share - spent_since + self._rate * (now - sent_at)
        if quota.limit is not None:
            level = min(level, quota.limit * self._share)
            self._reserve = _RESERVE * quota.limit * self._share
        if expected != float("inf"):
            level = expected + _TRUST * (level - expected)
        self._level, self._at = level, now

    def _refill(self, quota: Quota) -> float:
        """What comes back in a second; a quota without its size is whole again after `reset_seconds`.

        `remaining` is rounded down, so what is used looks half a unit too large on average; the error weighs least
        when much is used, and so the rate is taken then, and once at the start.
        """
        if quota.reset_seconds <= 0:
            return self._rate
        if quota.limit is None:
            return self._share / quota.reset_seconds
        used = quota.limit - quota.remaining - 0.5
        is_first = used > 0 and self._rate == float("inf")
        if used >= 0.5 * quota.limit or is_first:
            return used / quota.reset_seconds * self._share
        return self._rate

    def _level_at(self, now: float) -> float:
        if self._rate == float("inf"):
            return self._level
        return self._level + self._rate * (now - self._at)


@dataclass(frozen=True, slots=True)
class _Mark:
    """A moment at which the server's bucket was known to be empty."""

    at: float
    sent: int
    """Calls let go by then."""


class Pace:
    """When the next call may go."""

    def __init__(self, share: float = 1.0) -> None:
        """`share`: of the quota in the headers, for one of several processes that use it."""
        self._requests, self._tokens = Mirror(share), Mirror(share)
        self._rate = self._accepted_rate = float("inf")
        self._next_at = self._held_until = self._cut_at = float("-inf")
        self._sent = self._sent_tokens = self._refused = self._refused_since = 0
        self._accepted = self._refused_here = 0
        """`_here`: of the calls since the rate was last changed."""
        self._cut = 0
        """Calls up to this number went out before the rate was last changed."""
        self._mark: _Mark | None = None
        self._is_guess = False
        """The rate is the first one, which no count has confirmed."""
        self._chance = Chance()
        self._refusals: deque[Ticket] = deque(maxlen=_REMEMBERED_REFUSALS)
        self._sent_at: deque[float] = deque(maxlen=_LATELY)
        self._first_at: float | None = None

    def rate(self, now: float) -> float:
        """Calls a second that are let go, as far as a refusal has taught; infinite before the first."""
        if self._rate == float("inf"):
            return self._rate
        since = now - self._cut_at
        if self._is_guess:
            return self._rate * _doubled(since / _GUESS_DOUBLES_IN_SECONDS)
        calls = self._sent - self._cut - REST_CALLS
        if calls < 0:
            return REST_PACE * min(self._rate, self._accepted_rate)
        doublings = max(calls / _DOUBLING_CALLS, since / _DOUBLING_SECONDS)
        return self._rate * (1.0 + PROBE * _doubled(doublings))

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
        if self._first_at is None:
            self._first_at = now
        self._next_at = max(self._next_at, now - _CATCH_UP_SECONDS) + 1.0 / self.rate(now)
        self._requests.take(1, now)
        self._tokens.take(tokens, now)
        self._sent += 1
        self._sent_tokens += tokens
        self._sent_at.append(now)
        self._chance.sent(self._sent - self._cut)
        return Ticket(self._sent, tokens, now, self._sent_tokens)

    def heard(self, ticket: Ticket, limits: Limits, refused: bool, now: float) -> None:
        """Learn from a response; `refused` for a 429."""
        if refused:
            self._count_refusal(ticket)
        else:
            self._accepted += 1
        self._mirror(ticket, limits, now)
        if not refused:
            return
        if self._lets_nobody_in(ticket):
            self._hold(limits, now)
        if ticket.number <= self._cut:
            if self._is_guess:
                self._rate = self._first_rate(now)
        elif self._is_of_our_making(ticket) and not _is_used_up(limits):
            self._slow_down(now)

    def _lets_nobody_in(self, ticket: Ticket) -> bool:
        """Whether so many calls in a row were refused that it is hardly chance."""
        if not self._accepted:
            return True
        numbers = {other.number for other in self._refusals}
        in_a_row = 1
        while ticket.number - in_a_row in numbers:
            in_a_row += 1
        return in_a_row >= _IN_A_ROW and self._chance.share**in_a_row < _HARDLY

    def _is_of_our_making(self, ticket: Ticket) -> bool:
        """Whether calls go out too fast; a refusal before anything was accepted says so by itself."""
        return not self._accepted or not self._chance.explains(self._refused_here, ticket.number - self._cut)

    def _hold(self, limits: Limits, now: float) -> None:
        """Let no call go before the end of a long Retry-After."""
        if limits.retry_after is not None and limits.retry_after >= _LONG_PAUSE_SECONDS:
            self._held_until = max(self._held_until, now + limits.retry_after)

    def _count_refusal(self, ticket: Ticket) -> None:
        self._refused += 1
        self._refusals.append(ticket)
        if self._mark is None or ticket.number > self._mark.sent:
            self._refused_since += 1
        if ticket.number > self._cut:
            self._refused_here += 1
            self._chance.refused(ticket.number - self._cut)

    def _mirror(self, ticket: Ticket, limits: Limits, now: float) -> None:
        """Pass the headers on; what went out after the call is spent as well, unless it was refused."""
        calls = self._sent - ticket.number
        tokens = self._sent_tokens - ticket.tokens_before
        for other in self._refusals:
            if other.number > ticket.number:
                calls -= 1
                tokens -= other.tokens
        if limits.requests and _is_large_enough(limits.requests):
            self._requests.update(limits.requests, calls, ticket.sent_at, now)
        if limits.tokens and _is_large_enough(limits.tokens):
            self._tokens.update(limits.tokens, tokens, ticket.sent_at, now)

    def _slow_down(self, now: float) -> None:
        """Take for the rate what was accepted since a moment at which the server's bucket was empty as well."""
        self._accepted_rate = self._rate_here(now)
        if self._mark is None:
            self._cut = self._sent
            self._rate, self._is_guess = self._first_rate(now), True
            self._set_mark(now)
        else:
            accepted = self._sent - self._mark.sent - self._refused_since
            self._rate = self._better_rate(self._mark, accepted, now)
            if accepted >= _ENOUGH:
                self._is_guess = False
                self._set_mark(now)
        self._cut, self._cut_at, self._refused_here = self._sent, now, 0
        self._chance.changed(resting=not self._is_guess)
        self._next_at = now + 1.0 / self._rate

    def _set_mark(self, now: float) -> None:
        self._mark, self._refused_since = _Mark(now, self._sent), 0

    def _better_rate(self, mark: _Mark, accepted: int, now: float) -> float:
        rate, refused = self.rate(now), self._refused_since
        if accepted <= 0:
            return rate
        if accepted < _ENOUGH:
            if refused > accepted:
                return max(rate * _LEAST_LEFT, min(rate * _BACK_OFF, self._rate_here(now)))
            return rate * _EASE
        by_chance = self._chance.share
        counted = max(accepted / (now - mark.at), self._accepted_lately(now)) / (1.0 - by_chance)
        if refused <= (_FEW + by_chance) * accepted:
            here = 1.0 - self._refused_here / (self._sent - self._cut)
            counted = max(counted, rate * max(_EASE, here))
        return min(rate, counted)

    def _accepted_lately(self, now: float) -> float:
        """Calls a second that were accepted, of the last ones since the rate was changed."""
        first = max(self._cut, self._sent - _LATELY)
        refused = sum(ticket.number > first for ticket in self._refusals)
        since = self._sent_at[-(self._sent - first)]
        return (self._sent - first - refused) / max(now - since, _CATCH_UP_SECONDS)

    def _rate_here(self, now: float) -> float:
        """What was accepted since the rate was last changed, a second; one more, since a count is too low by chance."""
        return (self._sent - self._cut - self._refused_here + 1) / max(now - self._cut_at, _CATCH_UP_SECONDS)

    def _first_rate(self, now: float) -> float:
        """What was accepted since the start, and of the calls that are still out, what is not refused by now.

        Where nothing was, nothing is known of a rate, and each call's own waits have to do.
        """
        accepted = self._cut - self._refused
        if accepted <= 0:
            return float("inf")
        return accepted / max(now - (self._first_at or 0.0), _FIRST_WINDOW_SECONDS)


def _doubled(times: float) -> float:
    return math.pow(2.0, min(_MOST_DOUBLINGS, times))


def _is_large_enough(quota: Quota) -> bool:
    return quota.limit is None or quota.limit >= _SMALLEST_QUOTA


def _is_used_up(limits: Limits) -> bool:
    """Whether the headers themselves say that a quota is used up: then they govern, and nothing is guessed."""
    for quota in (limits.requests, limits.tokens):
        if quota is not None and _is_large_enough(quota) and quota.remaining < 1:
            return True
    return False
