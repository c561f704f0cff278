"""The gate of judge calls: what headers tell, what refusals teach, who goes first."""

import asyncio
import heapq
import itertools
import random
from collections.abc import Coroutine
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from typing import Any, Literal

import pytest

from lmms_eval_cross.pacing.limiter import FOLLOW, NEW, RETRY, Limiter
from lmms_eval_cross.pacing.limits import Limits, Quota, read_limits, read_seconds
from lmms_eval_cross.pacing.pace import Pace, Ticket
from lmms_eval_cross.pacing.window import Window

# ---------------------------------------------------------------- headers


@pytest.mark.parametrize("text", ["", "soon", "-1", "nan", "inf", "1m x", "ms"])
def test_a_duration_that_is_none_is_not_guessed(text: str) -> None:
    assert read_seconds(text) is None


@pytest.mark.parametrize(
    ("text", "seconds"), [("6ms", 0.006), ("1m30s", 90), ("1h2m3s", 3723), ("12", 12), ("0.5s", 0.5), ("2d", 172800)]
)
def test_durations_are_read_as_openai_writes_them(text: str, seconds: float) -> None:
    assert read_seconds(text) == pytest.approx(seconds)


def test_headers_without_a_quota_tell_nothing() -> None:
    assert read_limits({"content-type": "application/json"}) == Limits()
    assert read_limits({"x-ratelimit-remaining-requests": "5"}) == Limits()
    assert read_limits({"retry-after": "tomorrow"}) == Limits()


def test_quota_and_retry_after_are_read() -> None:
    told = read_limits(
        {
            "x-ratelimit-limit-requests": "500",
            "x-ratelimit-remaining-requests": "499",
            "x-ratelimit-reset-requests": "120ms",
            "x-ratelimit-limit-tokens": "30000",
            "x-ratelimit-remaining-tokens": "28000",
            "x-ratelimit-reset-tokens": "4s",
            "retry-after-ms": "250",
            "retry-after": "7",
        }
    )
    assert told == Limits(Quota(500, 499, 0.12), Quota(30000, 28000, 4), 0.25)


def test_a_wait_that_litellms_proxy_passes_on_is_read() -> None:
    assert read_limits({"llm_provider-retry-after": "7"}).retry_after == 7
    assert read_limits({"llm_provider-retry-after": "7", "retry-after": "2"}).retry_after == 2


def test_retry_after_may_be_a_date_and_a_past_one_is_no_wait() -> None:
    assert read_limits({"retry-after": "Wed, 21 Oct 2015 07:28:00 GMT"}).retry_after == 0


@pytest.mark.parametrize("form", ["epoch", "milliseconds of the epoch", "iso", "iso with a zone", "http"])
def test_a_reset_may_be_a_moment(form: str) -> None:
    moment = datetime.now(timezone.utc) + timedelta(seconds=60)
    text = {
        "epoch": str(int(moment.timestamp())),
        "milliseconds of the epoch": str(int(moment.timestamp() * 1000)),
        "iso": moment.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "iso with a zone": moment.astimezone(timezone(timedelta(hours=8))).isoformat(),
        "http": moment.strftime("%a, %d %b %Y %H:%M:%S GMT"),
    }[form]
    told = read_limits({"x-ratelimit-remaining-requests": "0", "x-ratelimit-reset-requests": text})
    assert told.requests is not None
    assert told.requests.reset_seconds == pytest.approx(60, abs=2)


@pytest.mark.parametrize(
    "text", ["9" * 400, "9" * 400 + "s", "Fri, 31 Dec 99999999999 23:59:59 GMT", "Fri, 1 Jan 2100 00:00:00 +999999"]
)
def test_an_absurd_wait_is_no_traceback_and_no_longer_than_a_day(text: str) -> None:
    told = read_limits({"x-ratelimit-remaining-tokens": "1", "x-ratelimit-reset-tokens": text, "retry-after": text})
    assert (told.retry_after or 0) <= 86400
    assert told.tokens is None or told.tokens.reset_seconds <= 86400


@pytest.mark.parametrize(
    ("words", "seconds"),
    [
        ('{"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "21s"}', 21),
        ("Quota exceeded.\nPlease retry in 20.529813s.", 20.529813),
        ("Rate limit reached. Please try again in 350ms.", 0.35),
        ("Too many requests, please wait 2 minutes", 120),
        ("Please retry after 10 seconds.", 10),
    ],
)
def test_a_wait_is_read_out_of_a_refusals_words(words: str, seconds: float) -> None:
    assert read_limits({}, words).retry_after == pytest.approx(seconds)
    assert read_limits({"retry-after": "3"}, words).retry_after == 3


@pytest.mark.parametrize("words", ["", "Please retry later.", "limit: 15", "Try again in a moment", "9" * 5000 + "s"])
def test_words_without_a_wait_name_none(words: str) -> None:
    assert read_limits({}, words).retry_after is None


# ---------------------------------------------------------------- the pace, against a bucket in simulated time


@dataclass
class Bucket:
    """A server's token bucket, and a client that keeps as many calls in flight as the pace lets it."""

    rate: float
    burst: float
    told: Literal["headers", "retry-after", "nothing"]
    latency: float = 0.5
    seed: int = 0
    new_rate: tuple[float, float] | None = None
    """From a time on, another rate."""
    random_share: float = 0.0
    """Of calls that are refused whatever the rate."""
    retry_after: float = 1.0
    in_flight: int = 64
    refused: int = 0
    sent_at: list[float] = field(default_factory=list)

    def run(self, calls: int, pace: Pace | None = None, window: Window | None = None) -> float:
        """Make `calls`; gives the seconds that it took. A `window` shrinks with every refusal."""
        dice, pace, order = random.Random(self.seed), pace or Pace(), itertools.count()
        most = window or Window(self.in_flight, float(self.in_flight))
        now, level, filled_at, todo, flying, done = 0.0, self.burst, 0.0, calls, 0, 0
        events: list[tuple[float, int, str, Ticket, Limits]] = []
        while done < calls:
            while todo and flying < int(most.size) and pace.wait(100, now) <= 0:
                ticket = pace.take(100, now)
                todo, flying = todo - 1, flying + 1
                self.sent_at.append(now)
                heapq.heappush(events, (now + dice.expovariate(500), next(order), "arrives", ticket, Limits()))
            waking = [now + max(1e-6, pace.wait(100, now))] if todo and flying < int(most.size) else []
            now = min([event[0] for event in events[:1]] + waking)
            while events and events[0][0] <= now:
                at, _, what, ticket, limits = heapq.heappop(events)
                if what == "arrives":
                    rate = self.new_rate[1] if self.new_rate and at >= self.new_rate[0] else self.rate
                    level, filled_at = min(self.burst, level + rate * (at - filled_at)), at
                    good = level >= 1 and dice.random() >= self.random_share
                    level -= good
                    limits = self._limits(level, rate, good)
                    back = at + (self.latency if good else 0) + dice.uniform(0, 0.003)
                    heapq.heappush(events, (back, next(order), "good" if good else "refused", ticket, limits))
                elif what == "good":
                    done, flying = done + 1, flying - 1
                    pace.heard(ticket, limits, False, now)
                    most.grow()
                elif what == "refused":
                    self.refused, flying = self.refused + 1, flying - 1
                    pace.heard(ticket, limits, True, now)
                    if window:
                        window.shrink(ticket.number, len(self.sent_at))
                    heapq.heappush(events, (now + (limits.retry_after or 0), next(order), "again", ticket, limits))
                else:
                    todo += 1
        return now

    def _limits(self, level: float, rate: float, good: bool) -> Limits:
        quota = Quota(self.burst, int(level), round((self.burst - level) / rate, 3)) if self.told == "headers" else None
        return Limits(quota, None, None if good or self.told == "nothing" else self.retry_after)


@pytest.mark.long
@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("told", ["headers", "retry-after", "nothing"])
def test_a_bucket_of_50_a_second_is_used_up_and_little_is_wasted(
    told: Literal["headers", "retry-after", "nothing"], seed: int
) -> None:
    bucket = Bucket(rate=50, burst=50, told=told, seed=seed)
    seconds = bucket.run(1284)
    assert ((1284 - 50) / 50 + 0.5) / seconds >= 0.95
    assert bucket.refused / (1284 + bucket.refused) <= 0.05


@pytest.mark.parametrize("told", ["headers", "nothing"])
def test_a_slow_quota_is_found_too(told: Literal["headers", "nothing"]) -> None:
    bucket = Bucket(rate=10, burst=10, told=told)
    assert (590 / 10 + 0.5) / bucket.run(600) >= 0.9


def test_a_quota_that_shrinks_in_the_middle_is_found_again() -> None:
    bucket = Bucket(rate=100, burst=50, told="nothing", new_rate=(10.0, 20.0))
    seconds = bucket.run(1500)
    assert seconds <= 1.25 * (10 + (1500 - 50 - 1000) / 20)
    assert bucket.refused <= 150


def test_a_quota_that_grows_in_the_middle_is_used() -> None:
    bucket = Bucket(rate=20, burst=20, told="nothing", new_rate=(20.0, 1000.0))
    bucket.run(4000)
    late = [at for at in bucket.sent_at if at > bucket.sent_at[-1] - 2]
    assert len(late) / 2 > 60


@pytest.mark.long
@pytest.mark.parametrize("share", [0.01, 0.02, 0.04, 0.1, 0.3])
def test_refusals_that_come_at_any_rate_do_not_starve_the_pace(share: float) -> None:
    """Ten simulated minutes at 32 in flight and 0.5 s a call, where 64 calls a second would go out."""
    minutes = Bucket(rate=1e6, burst=1e6, told="nothing", random_share=share, in_flight=32)
    calls = int(600 * 64 * (1 - share))
    assert calls / minutes.run(calls) >= 0.9 * 64 * (1 - share)
    assert minutes.refused / (calls + minutes.refused) <= 1.1 * share


@pytest.mark.long
def test_a_long_retry_after_of_one_call_in_25_does_not_hold_the_others() -> None:
    hasty = Bucket(rate=1e6, burst=1e6, told="retry-after", retry_after=5.0, random_share=0.04, in_flight=32)
    assert 15_000 / hasty.run(15_000) >= 0.7 * 64 * 0.96


def test_a_quota_is_found_beside_refusals_that_come_at_any_rate() -> None:
    bucket = Bucket(rate=50, burst=50, told="nothing", random_share=0.02)
    assert (2950 / 50) / bucket.run(3000) >= 0.9


def test_a_long_retry_after_holds_every_call() -> None:
    pace = Pace()
    ticket = pace.take(100, 0.0)
    pace.heard(ticket, Limits(retry_after=30), True, 1.0)
    assert pace.wait(100, 2.0) >= 28.9


def test_a_token_quota_holds_calls_too() -> None:
    pace = Pace()
    ticket = pace.take(1000, 0.0)
    pace.heard(ticket, Limits(tokens=Quota(limit=10_000, remaining=500, reset_seconds=60)), False, 0.0)
    assert pace.wait(1000, 0.0) > 1
    assert pace.wait(1000, 10.0) == 0


def test_a_rank_takes_its_share_of_what_is_told() -> None:
    alone, shared = Pace(), Pace(share=0.25)
    for pace in (alone, shared):
        pace.heard(pace.take(1, 0.0), Limits(requests=Quota(100, 60, 40)), False, 0.0)
        for _ in range(14):
            pace.take(1, 0.0)
    assert alone.wait(1, 0.0) == 0
    assert shared.wait(1, 0.0) > 0


# ---------------------------------------------------------------- the gate


def run(task: Coroutine[Any, Any, None]) -> None:
    asyncio.run(task)


async def _settle() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


def test_no_more_are_in_flight_than_allowed_and_followers_go_first() -> None:
    async def scene() -> None:
        limiter, went = Limiter(1), []

        async def call(name: str, priority: int) -> None:
            ticket = await limiter.enter(priority, 1)
            went.append(name)
            assert limiter.in_flight == 1
            limiter.leave(ticket, Limits())

        first = await limiter.enter(NEW, 1)
        waiting = [call("new", NEW), call("follows", FOLLOW), call("again", RETRY)]
        tasks = [asyncio.ensure_future(one) for one in waiting]
        await _settle()
        assert went == []
        limiter.leave(first, Limits())
        await asyncio.gather(*tasks)
        assert went == ["again", "follows", "new"]

    run(scene())


def test_a_cancelled_call_leaves_its_place_to_the_next() -> None:
    async def scene() -> None:
        limiter = Limiter(1)
        ticket = await limiter.enter(NEW, 1)
        given_up, next_one = (asyncio.ensure_future(limiter.enter(NEW, 1)) for _ in range(2))
        await _settle()
        given_up.cancel()
        await _settle()
        limiter.leave(ticket, Limits())
        await asyncio.wait_for(next_one, 1)
        assert limiter.in_flight == 1

    run(scene())


def test_a_call_cancelled_in_the_moment_it_may_go_gives_its_place_back() -> None:
    async def scene() -> None:
        limiter = Limiter(1)
        ticket = await limiter.enter(NEW, 1)
        waiting = asyncio.ensure_future(limiter.enter(NEW, 1))
        await _settle()
        limiter.leave(ticket, Limits())
        waiting.cancel()
        await _settle()
        assert limiter.in_flight == 0

    run(scene())


def test_an_unproven_judge_is_asked_one_call_first() -> None:
    async def scene() -> None:
        limiter = Limiter(8, proven=False)
        tasks = [asyncio.ensure_future(limiter.enter(NEW, 1)) for _ in range(4)]
        await _settle()
        assert limiter.in_flight == 1
        limiter.leave(tasks[0].result(), Limits())
        await asyncio.gather(*tasks)
        assert limiter.in_flight == 3

    run(scene())


def test_a_faltering_server_gets_fewer_calls_and_more_again_when_it_recovers() -> None:
    async def scene() -> None:
        limiter = Limiter(16)
        tickets = [await limiter.enter(NEW, 1) for _ in range(16)]
        waiting = [asyncio.ensure_future(limiter.enter(NEW, 1)) for _ in range(200)]
        await _settle()
        for ticket in tickets[1:]:
            limiter.leave(ticket, Limits(), faltered=True)
        assert limiter.in_flight == 1, "an endpoint that answers nobody is asked nothing for a moment"
        limiter.leave(tickets[0], Limits())
        assert limiter.in_flight == 8
        for _ in range(180):
            await _settle()
            limiter.leave(next(w.result() for w in waiting if w.done() and not _is_left(w)), Limits())
        await _settle()
        assert limiter.in_flight >= 14
        for task in waiting:
            task.cancel()

    left: set[Any] = set()

    def _is_left(task: Any) -> bool:
        known = task in left
        left.add(task)
        return known

    run(scene())
