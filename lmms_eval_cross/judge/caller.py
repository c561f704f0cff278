"""Make judge calls: the one place that tries again, asks again, counts money and gives up."""

import asyncio
import random
import sys
from collections.abc import Coroutine, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any, Final, Generic, Protocol, TypeAlias, TypeVar

from lmms_eval_cross.benchmark.records import Dimension, FailureReason, JudgeFailure, Outcome, Usage
from lmms_eval_cross.errors import LedgerError
from lmms_eval_cross.judge.job import REPLY_TOKENS, Heard, is_without_score
from lmms_eval_cross.judge.prices import Price
from lmms_eval_cross.judge.profiles import Dimensions
from lmms_eval_cross.judge.progress import Tally
from lmms_eval_cross.judge.replies import NoReply
from lmms_eval_cross.ledger.spend import Budget
from lmms_eval_cross.pacing.limiter import RETRY, Limiter
from lmms_eval_cross.pacing.limits import Limits

Outcomes: TypeAlias = Mapping[Dimension, Outcome]
JobT = TypeVar("JobT")
_JobT = TypeVar("_JobT", contravariant=True)
TRIES: Final = 5
"""How often one call is tried, the first time counted in; a 429 counts only while no other call succeeds."""
_LONGEST_BACKOFF: Final = 30.0
_HOPELESS: Final = 3
"""So many refusals of key or model in a row end it all; one does before the first success."""
_FINISH_LATER: Final = "`lmms-eval-cross judge RUN`, with this run's --output_path for RUN, judges the rest later."


class Asked(Protocol[_JobT]):
    """What calls are made to: a judge, or the teacher of `align build`."""

    price: Price | None

    async def ask(self, job: _JobT, dimensions: Dimensions) -> Heard:
        """Make one call, once."""
        ...

    def tokens(self, job: _JobT) -> int:
        """About how many tokens a call sends and gets."""
        ...


@dataclass(frozen=True, slots=True)
class Caution:
    """What is said, and set aside, in the name of who is asked."""

    who: str = "the judge"
    finish_later: str = _FINISH_LATER
    reply_tokens: int = REPLY_TOKENS
    """For which money is set aside before a call."""


OF_THE_JUDGE: Final = Caution()


class Caller(Generic[JobT]):
    """Makes calls on one event loop until it is stopped for good."""

    def __init__(
        self,
        judge: Asked[JobT],
        limiter: Limiter,
        tally: Tally,
        patience_seconds: float,
        budget: Budget | None,
        backoff_seconds: float,
        caution: Caution = OF_THE_JUDGE,
    ) -> None:
        self._caution = caution
        self._judge, self._limiter, self._tally = judge, limiter, tally
        self._patience, self._budget, self._backoff = patience_seconds, budget, backoff_seconds
        self._calls: set[asyncio.Task[Outcomes]] = set()
        self._flying: set[asyncio.Task[Outcomes] | None] = set()
        self._stopped: tuple[FailureReason, str] | None = None
        self._successes = self._hopeless = self._promised = 0
        self._watching = False
        self._last_trouble = ""
        """What was wrong with the last try that gave no reply."""
        self._heard_at = 0.0
        """When the endpoint last gave a sign of life, or had been given nothing to do."""
        self._dearest_usd = 0.0

    async def call(self, job: JobT, dimensions: Dimensions, priority: int) -> Outcomes:
        """The outcomes of one call; a failure for each dimension if there is no getting an answer."""
        if self._stopped:
            return failures(dimensions, *self._stopped)
        if not self._calls:
            self._heard_at = _now()
        task = asyncio.ensure_future(self._answer(job, dimensions, priority))
        self._calls.add(task)
        if not self._watching:
            self._watch()
        try:
            return await task
        except asyncio.CancelledError:
            if not self._stopped:
                task.cancel()
                raise
            return failures(dimensions, *self._stopped)
        finally:
            self._calls.discard(task)

    async def _answer(self, job: JobT, dimensions: Dimensions, priority: int) -> Outcomes:
        """The judge's answer, asked for once more with the same settings if no score stands in it."""
        first = await self._heard(job, dimensions, priority)
        if not first.without_score:
            return first.outcomes
        second = await self._heard(job, dimensions, RETRY)
        outcomes = dict(first.outcomes)
        if second.trouble is None:
            outcomes |= {name: second.outcomes[name] for name in dimensions if is_without_score(outcomes[name])}
        outcomes[dimensions[0]] = replace(outcomes[dimensions[0]], usage=first.usage + second.usage)
        return outcomes

    async def _heard(self, job: JobT, dimensions: Dimensions, priority: int) -> Heard:
        """What came of a call in the end, after as many tries as it takes or may have."""
        tries = 0
        while True:
            successes = self._successes
            heard = await self._try(job, dimensions, priority)
            if heard.trouble is None or not heard.trouble.may_pass:
                return heard
            if not heard.trouble.refused or self._successes == successes:
                tries += 1
            if tries >= TRIES:
                detail = f"{heard.trouble.detail.removesuffix('.')}, {tries} times."
                return Heard(failures(dimensions, "unavailable", detail), heard.trouble)
            await asyncio.sleep(self._pause(heard.trouble, tries))
            priority = RETRY

    def _pause(self, trouble: NoReply, tries: int) -> float:
        """Seconds before the next try: what the endpoint says, else a jittered, doubling wait."""
        retry_after = trouble.limits.retry_after
        if retry_after is not None:
            return retry_after * random.uniform(1.0, 1.1)
        return min(_LONGEST_BACKOFF, self._backoff * 2.0 ** max(0, tries - 1)) * random.uniform(0.5, 1.0)

    async def _try(self, job: JobT, dimensions: Dimensions, priority: int) -> Heard:
        """One try: wait for leave, set money aside, ask, and pass on what was learnt."""
        ticket = await self._limiter.enter(priority, self._judge.tokens(job))
        task = asyncio.current_task()
        self._flying.add(task)
        limits, refused, faltered = Limits(), False, False
        try:
            promise = await self._promise(job)
            if promise is None:
                spent = NoReply("budget", "The budget of CROSS_JUDGE_BUDGET_USD is spent.")
                return Heard(failures(dimensions, spent.reason, spent.detail), spent)
            heard = await self._paid(promise, self._judge.ask(job, dimensions))
            self._note(heard)
            limits = heard.limits
            if heard.trouble is not None:
                refused, faltered = heard.trouble.refused, heard.trouble.faltered
            return heard
        finally:
            self._flying.discard(task)
            self._limiter.leave(ticket, limits, refused, faltered)
            self._tally.in_flight = self._limiter.in_flight

    async def _paid(self, promise: int, asking: Coroutine[Any, Any, Heard]) -> Heard:
        """A try, for which money is set aside until its cost is known; a try that is cut off may have cost that."""
        self._promised += 1
        try:
            heard = await asking
        finally:
            self._promised -= 1
        if self._budget and self._judge.price:
            usd = self._judge.price.usd(heard.usage)
            self._dearest_usd = max(self._dearest_usd, usd)
            with suppress(LedgerError):  # what was set aside stays counted
                self._budget.settle(promise, usd)
        return heard

    def _note(self, heard: Heard) -> None:
        """Take stock of a try before anybody else may go."""
        trouble = heard.trouble
        self._tally.usage += heard.usage
        if trouble is None:
            self._successes += 1
            self._hopeless = 0
        else:
            self._last_trouble = trouble.detail
        if trouble is None or not (trouble.may_pass or trouble.hopeless):
            self._heard_at = _now()
        elif trouble.hopeless:
            self._hopeless += 1
            if self._successes == 0 or self._hopeless >= _HOPELESS:
                self.stop("unavailable", f"Nothing more is asked of {self._caution.who}: {trouble.detail}")

    async def _promise(self, job: JobT) -> int | None:
        """Set the money for a call aside; None, and an end to all calls, if it would pass the budget.

        While other calls are in flight it waits for them: they may turn out cheaper than was set aside.
        """
        price = self._judge.price
        if self._budget is None or price is None:
            return 0
        guess = price.usd(Usage(prompt_tokens=self._judge.tokens(job), completion_tokens=self._caution.reply_tokens))
        while (promise := self._set_aside(max(guess, self._dearest_usd))) is None:
            if self._stopped or self._promised == 0:
                self.stop("budget", self._budget.spent_sentence)
                return None
            await asyncio.sleep(0.02)
        return promise

    def _set_aside(self, usd: float) -> int | None:
        if self._budget is None:
            return 0
        try:
            return self._budget.promise(usd)
        except LedgerError as error:
            self.stop("budget", f"{error} Money can't be counted, so nothing more is asked.")
            return None

    def _watch(self) -> None:
        """Stop when the endpoint has given no sign of life for too long; runs while there are calls."""
        self._watching = bool(self._calls) and not self._stopped
        if not self._watching:
            return
        left = self._heard_at + self._patience - _now()
        if left <= 0:
            who = self._caution.who.capitalize()
            why = f"{who} has not answered for {self._patience:g} s (CROSS_JUDGE_PATIENCE); nothing more is asked."
            if self._last_trouble:
                why += f" What was met last: {self._last_trouble}"
            self.stop("unavailable", why, in_flight=True)
        else:
            asyncio.get_running_loop().call_later(left + 0.001, self._watch)

    def stop(self, reason: FailureReason, detail: str, in_flight: bool = False) -> None:
        """Ask nothing more; calls in flight, which may cost money, are waited for unless they are given up too."""
        if self._stopped:
            return
        self._stopped = reason, detail
        print(f"lmms-eval-cross: {detail.rstrip('.')}. {self._caution.finish_later}", file=sys.stderr, flush=True)
        given_up = set(self._calls)
        if not in_flight:
            given_up -= self._flying
        for task in given_up:
            if task is not asyncio.current_task():
                task.cancel()


def failures(dimensions: Dimensions, reason: FailureReason, detail: str) -> dict[Dimension, Outcome]:
    """The same failure for each dimension."""
    return {name: JudgeFailure(name, reason, detail) for name in dimensions}


def _now() -> float:
    return asyncio.get_running_loop().time()
