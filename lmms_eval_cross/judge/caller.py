"""Make judge calls: the one place that tries again, asks again, counts money and gives up."""

import asyncio
import random
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
from lmms_eval_cross.pacing.pace import Ticket
from lmms_eval_cross.say import tell

Outcomes: TypeAlias = Mapping[Dimension, Outcome]
JobT = TypeVar("JobT")
_JobT = TypeVar("_JobT", contravariant=True)
TRIES: Final = 5
"""How often one call is tried, the first time counted in, at an endpoint that answers others in the meantime.

While it answers nobody, tries count for nothing: one call probes it, the others wait, and patience ends it.
"""
_REFUSALS: Final = 20
"""How often one call may be refused (429) while others are answered. A quota explains a few refusals of a call, and not
20 in a row; some endpoints answer so to a call that is larger than the quota of a minute."""
_LONGEST_BACKOFF: Final = 30.0
_HOPELESS: Final = 3
"""So many refusals of key or model in a row end it all; one does before the first success.

Where the refusal names neither key nor model nor purse (a bare 403 or 404), so many different answers must meet with
it, also before the first success: one answer may be what a firewall or a filter does not let through.
"""
_TOO_SLOW: Final = (
    " A server that answers few calls at a time wants a lower CROSS_JUDGE_CONCURRENCY, a slow one a higher "
    "CROSS_JUDGE_TIMEOUT."
)
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
    too_slow: str = _TOO_SLOW
    """What helps where calls are given up for lack of time."""
    budget: str = "CROSS_JUDGE_BUDGET_USD"
    """Where the money was bounded, and below how long an answer is waited for."""
    patience: str = "CROSS_JUDGE_PATIENCE"


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
        self._successes = self._hopeless = 0
        self._unsettled = 0
        """Calls whose money is asked for or set aside, or whose cost is being noted: some of it may come back."""
        self._purse = asyncio.Lock()
        self._suspects: set[int] = set()
        """Jobs that met, since the last success, with a refusal that may be theirs alone."""
        self._watching = False
        self._last_trouble = ""
        """What was wrong with the last try that gave no reply."""
        self._heard_at = 0.0
        """When the endpoint last gave a sign of life, or had been given nothing to do."""
        self._dearest_usd = 0.0

    @property
    def is_stopped(self) -> bool:
        """Whether nothing more is asked."""
        return self._stopped is not None

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
        tries = refusals = 0
        while True:
            heard, is_its_own = await self._try(job, dimensions, priority)
            trouble = heard.trouble
            if trouble is None or not self._may_pass(trouble):
                return heard
            refusals += trouble.refused and is_its_own
            tries += not trouble.refused and is_its_own
            if tries >= TRIES or refusals >= _REFUSALS:
                detail = f"{trouble.detail.removesuffix('.')}, {max(tries, refusals)} times."
                if trouble.faltered:
                    detail += self._advice
                return Heard(failures(dimensions, "unavailable", detail), trouble)
            await asyncio.sleep(self._pause(trouble, tries))
            priority = RETRY

    def _may_pass(self, trouble: NoReply) -> bool:
        """Whether another try may go better; an address that has answered before is not wrong, only away."""
        return trouble.may_pass or (trouble.is_away and self._successes > 0)

    @property
    def _advice(self) -> str:
        """What helps, if calls were given up for lack of time."""
        return self._caution.too_slow if self._limiter.waited_in_vain else ""

    def _pause(self, trouble: NoReply, tries: int) -> float:
        """Seconds before the next try: what the endpoint says, else a jittered, doubling wait."""
        wait = min(_LONGEST_BACKOFF, self._backoff * 2.0 ** max(0, tries - 1)) * random.uniform(0.5, 1.0)
        retry_after = trouble.limits.retry_after
        if retry_after is None:
            return wait
        told = retry_after * random.uniform(1.0, 1.1)
        return told if trouble.refused else max(told, wait)

    async def _try(self, job: JobT, dimensions: Dimensions, priority: int) -> tuple[Heard, bool]:
        """One try: wait for leave, set money aside, ask, and pass on what was learnt.

        Returns:
            What came of it, and whether trouble is the call's own: others were answered in the meantime.
        """
        ticket = await self._limiter.enter(priority, self._judge.tokens(job))
        task = asyncio.current_task()
        self._flying.add(task)
        heard = None
        try:
            promise = await self._promise(job)
            if promise is None:
                spent = NoReply("budget", f"The budget of {self._caution.budget} is spent.")
                return Heard(failures(dimensions, spent.reason, spent.detail), spent), True
            heard = await self._paid(promise, job, self._judge.ask(job, dimensions))
            self._note(heard, job)
        finally:
            self._flying.discard(task)
            is_its_own = self._leave(ticket, heard)
            self._tally.in_flight = self._limiter.in_flight
        return heard, is_its_own

    def _leave(self, ticket: Ticket, heard: Heard | None) -> bool:
        """Give the ticket of a try back; whether its trouble is its own."""
        if heard is None:
            self._limiter.cancel(ticket)
            return True
        trouble = heard.trouble
        if trouble is None:
            return self._limiter.leave(ticket, heard.limits)
        answered = not (self._may_pass(trouble) or trouble.hopeless)
        return self._limiter.leave(ticket, heard.limits, trouble.refused, trouble.faltered, answered)

    async def _paid(self, promise: int, job: JobT, asking: Coroutine[Any, Any, Heard]) -> Heard:
        """A try, for which money is set aside until its cost is known; a try that is cut off may have cost that."""
        try:
            heard = await asking
        finally:
            self._unsettled -= 1
        if self._budget and self._judge.price:
            usd = 0.0
            if heard.trouble is None or heard.trouble.is_billed:
                usd = self._judge.price.billed_usd(heard.usage, self._estimate(job, self._judge.price))
            self._dearest_usd = max(self._dearest_usd, usd)
            self._settle(self._budget, promise, usd)
        return heard

    def _settle(self, budget: Budget, promise: int, usd: float) -> None:
        """Note what a call did cost; a server is told from another thread, and nobody waits for it."""

        def note() -> None:
            with suppress(LedgerError):  # what was set aside stays counted
                budget.settle(promise, usd)

        if budget.is_shared:
            self._unsettled += 1
            asyncio.get_running_loop().run_in_executor(None, note).add_done_callback(self._settled)
        else:
            note()

    def _settled(self, _: object) -> None:
        self._unsettled -= 1

    def _estimate(self, job: JobT, price: Price) -> float:
        """US dollars that a call may cost."""
        return price.usd(Usage(self._judge.tokens(job), completion_tokens=self._caution.reply_tokens))

    def _note(self, heard: Heard, job: JobT) -> None:
        """Take stock of a try before anybody else may go."""
        trouble = heard.trouble
        self._tally.usage += heard.usage
        if trouble is None:
            self._successes += 1
            self._suspects.clear()
            if not self._limiter.in_doubt:  # else it went out before the refusal, and says nothing of what came after
                self._hopeless = 0
        else:
            self._last_trouble = trouble.detail
        if trouble is None or not (self._may_pass(trouble) or trouble.hopeless):
            self._heard_at = _now()
        elif trouble.hopeless and not self._may_pass(trouble):
            self._note_hopeless(trouble, job)

    def _note_hopeless(self, trouble: NoReply, job: JobT) -> None:
        """End it all where no call will fare better."""
        self._hopeless += 1
        self._suspects.add(id(job))
        if trouble.may_be_its_own:
            is_over = len(self._suspects) >= _HOPELESS
        else:
            self._limiter.doubt()
            is_over = self._successes == 0 or self._hopeless >= _HOPELESS
        if is_over:
            self.stop("unavailable", f"Nothing more is asked of {self._caution.who}: {trouble.detail}")

    async def _promise(self, job: JobT) -> int | None:
        """Set the money for a call aside; None, and an end to all calls, if it would pass the budget.

        While other calls are in flight, or their cost is being noted, it waits for them: they may turn out cheaper than
        was set aside.
        """
        price = self._judge.price
        if self._budget is None or price is None:
            self._unsettled += 1
            return 0
        guess = self._estimate(job, price)
        promise = await self._set_aside(self._budget, max(guess, self._dearest_usd))
        if promise is not None:
            return promise
        async with self._purse:  # who waits for money asks again one at a time
            while (promise := await self._set_aside(self._budget, max(guess, self._dearest_usd))) is None:
                if self._stopped or self._unsettled == 0:
                    self.stop("budget", self._budget.spent_sentence)
                    return None
                await asyncio.sleep(0.02)
        return promise

    async def _set_aside(self, budget: Budget, usd: float) -> int | None:
        """Ask for money, of a server from another thread; what is granted is unsettled until its cost is noted."""
        self._unsettled += 1
        promise: int | None = None
        try:
            promise = await asyncio.to_thread(budget.promise, usd) if budget.is_shared else budget.promise(usd)
        except LedgerError as error:
            self.stop("budget", f"{error} Money can't be counted, so nothing more is asked.")
        finally:
            if promise is None:
                self._unsettled -= 1
        return promise

    def _watch(self) -> None:
        """Stop when the endpoint has given no sign of life for too long; runs while there are calls."""
        self._watching = bool(self._calls) and not self._stopped
        if not self._watching:
            return
        left = self._heard_at + self._patience - _now()
        if left <= 0:
            self.stop("unavailable", self._why_no_longer(), in_flight=True)
        else:
            asyncio.get_running_loop().call_later(left + 0.001, self._watch)

    def _why_no_longer(self) -> str:
        """The sentence for the end of patience."""
        who = self._caution.who.capitalize()
        name = self._caution.patience
        why = f"{who} has not answered for {self._patience:g} s ({name}); nothing more is asked."
        held = self._limiter.held_seconds()
        if held > self._patience / 2:
            why = (
                f"{who} lets no call in for {held:.0f} s more, by its own word, and has answered none for "
                f"{self._patience:g} s ({name}); nothing more is asked."
            )
        if self._last_trouble:
            why += f" What was met last: {self._last_trouble}"
        return why + self._advice

    def stop(self, reason: FailureReason, detail: str, in_flight: bool = False) -> None:
        """Ask nothing more; calls in flight, which may cost money, are waited for unless they are given up too."""
        if self._stopped:
            return
        self._stopped = reason, detail
        tell(f"{detail.rstrip('.')}. {self._caution.finish_later}")
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
