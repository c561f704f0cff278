"""One engine a process: answers are submitted from any thread and judged on one event loop."""

import asyncio
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import FIRST_EXCEPTION, Future, wait
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from lmms_eval_cross.benchmark.records import (
    ASK_AGAIN,
    Dimension,
    FailureReason,
    JudgeFailure,
    Outcome,
    Verdict,
)
from lmms_eval_cross.errors import DataError, LedgerError
from lmms_eval_cross.judge.caller import OF_THE_JUDGE, Caller, Caution, Outcomes, failures
from lmms_eval_cross.judge.job import Job, Judge
from lmms_eval_cross.judge.outermost import Outermost
from lmms_eval_cross.judge.profiles import Dimensions
from lmms_eval_cross.judge.progress import Progress, Tally
from lmms_eval_cross.ledger.desk import Desk
from lmms_eval_cross.ledger.spend import Budget, load_in_flight, load_quirks, save_in_flight, save_quirks
from lmms_eval_cross.ledger.store import Claim, Entry, Given, Ledger
from lmms_eval_cross.pacing.limiter import FOLLOW, NEW, Limiter
from lmms_eval_cross.runs.failed_generations import failed_generation
from lmms_eval_cross.say import tell

__all__ = ["Bounds", "JudgeEngine", "Outcomes"]


_IN_A_BATCH: Final = (
    "Calls that were handed in to the Batch API and not collected may be paid already, so they are not made again: "
    "`lmms-eval-cross judge RUN --batch` collects them, `lmms-eval-cross ledger forget --batches` gives them up."
)

_FIRST_LOOK_SECONDS: Final = 0.1
_LONGEST_LOOK_SECONDS: Final = 1.0
"""Between two looks at whether a verdict that another host is asking for has come."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """What bounds an engine, beside the calls in flight."""

    share: float = 1.0
    """Of the quota that the endpoint tells, for one of several ranks."""
    patience_seconds: float = 120.0
    """Without one answer of the endpoint for so long, no more is asked."""
    budget: Budget | None = None
    """The money that calls may cost."""
    backoff_seconds: float = 0.5
    """The longest wait before a second try; it doubles with every further one."""
    caution: Caution = OF_THE_JUDGE
    timeout_seconds: float = float("inf")
    """After which a try is given up; how many calls a slow server can be given depends on it."""


class JudgeEngine:
    """Judges what is submitted, at most `concurrency` calls at a time, and files every outcome in the ledger."""

    def __init__(self, judge: Judge, ledger: Ledger, concurrency: int, bounds: Bounds = Bounds()) -> None:
        self.judge = judge
        self.ledger = ledger
        self.tally = Tally(judge.price)
        self._learnt = self._recall()
        judge.quirks = self._learnt or frozenset()
        proven = self._learnt is not None and judge.probed
        self._concurrency, self._in_flight = concurrency, self._recall_in_flight()
        size = min(concurrency, self._in_flight or concurrency)
        times = bounds.timeout_seconds, bounds.backoff_seconds
        self._limiter = limiter = Limiter(concurrency, bounds.share, proven, *times, size)
        self._caller = Caller(
            judge, limiter, self.tally, bounds.patience_seconds, bounds.budget, bounds.backoff_seconds, bounds.caution
        )
        self.handed_in: Mapping[str, str] = {}
        """First verdict key of a call -> when a batch with it was handed in that nobody has collected."""
        self.run: str | None = None
        """Whose verdicts these are, for the ledger."""
        self._has_kept_back = False
        self._asking: dict[str, asyncio.Task[Outcomes]] = {}
        self._outermost = Outermost()
        self._pending: set[Future[None]] = set()
        self._lock = threading.Lock()
        self._loop = asyncio.new_event_loop()
        self._desk = Desk(ledger, self._loop)
        self._thread = threading.Thread(target=self._loop.run_forever, name="cross-judge", daemon=True)
        self._thread.start()

    @property
    def _place(self) -> tuple[str, str, str]:
        """Where the endpoint's quirks are remembered."""
        return self.judge.host, self.judge.identity.model, self.judge.identity.way

    def _recall(self) -> frozenset[str] | None:
        """The quirks that an earlier run learnt; a ledger that can't be read has none to tell."""
        try:
            return load_quirks(self.ledger, *self._place)
        except LedgerError:
            return None

    def _recall_in_flight(self) -> int:
        """How many calls in flight an earlier run saw the server take; 0 where it met no limit."""
        with suppress(LedgerError):
            return load_in_flight(self.ledger, *self._place)
        return 0

    def _note_in_flight(self) -> None:
        """Remember how many calls a slow server takes, for the next run."""
        is_known = self._limiter.is_slow or self._in_flight > 0
        limit = self._limiter.window if is_known and self._limiter.window < self._concurrency else 0
        if limit != self._in_flight:
            with suppress(LedgerError):
                save_in_flight(self.ledger, *self._place, limit or None)

    def submit(self, job: Job, settled: Callable[[Outcomes], None], given: Given | None = None) -> "Future[None]":
        """Have an answer judged on the dimensions of its job; returns at once.

        Args:
            job: the answer.
            settled: called with the outcomes on the engine's thread, before the future is done.
            given: what is written to the ledger before the answer is judged.
        """
        work = self._outermost.run(self._settle(job, settled, given))
        future = asyncio.run_coroutine_threadsafe(work, self._loop)
        with self._lock:
            self._pending.add(future)
        return future

    def drain(self, show_progress: bool = True) -> None:
        """Wait until everything that was submitted is judged; a bug in judging is raised here."""
        with self._lock:
            pending = self._pending
            self._pending = set()
        # lmms-eval waits once a sample and metric, and after the first time nothing is left to show
        with Progress(self.tally, show_progress and bool(pending)) as progress:
            while pending:
                done, pending = wait(pending, timeout=0.5, return_when=FIRST_EXCEPTION)
                for future in done:
                    future.result()
                progress.update()

    def stop(self, reason: FailureReason, detail: str) -> None:
        """Ask nothing from now on; what is not known already fails for this reason."""
        self._loop.call_soon_threadsafe(self._caller.stop, reason, detail)

    def close(self) -> None:
        """Stop the engine; what is in flight is given up, what has arrived is in the ledger."""
        asyncio.run_coroutine_threadsafe(self._stop(), self._loop).result()
        self._desk.close()
        self._note_in_flight()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    async def _stop(self) -> None:
        await self._outermost.give_up()
        await self.judge.close()
        await self._loop.shutdown_default_executor()

    async def _settle(self, job: Job, settled: Callable[[Outcomes], None], given: Given | None) -> None:
        self.tally.submitted += len(job.dimensions)
        if given is not None:
            await self._desk.keep(given)
        problem = failed_generation(job.response)
        if problem is not None:
            outcomes: Outcomes = failures(job.dimensions, "no_response", f"Not judged: {problem}.")
        else:
            try:
                outcomes = await self._outcomes(job)
            except DataError as error:
                outcomes = failures(job.dimensions, "unavailable", f"Not judged: {error}")
        scored = sum(isinstance(outcome, Verdict) for outcome in outcomes.values())
        self.tally.judged += scored
        self.tally.failed += len(outcomes) - scored
        settled(outcomes)

    async def _outcomes(self, job: Job) -> Outcomes:
        """The outcomes of an answer on the dimensions that are wanted, wave by wave."""
        outcomes: dict[Dimension, Outcome] = {}
        priority = NEW
        for wave in self.judge.waves:
            wanted = [dimensions for dimensions in wave if not set(job.dimensions).isdisjoint(dimensions)]
            for part in await asyncio.gather(*(self._outcomes_of(job, dimensions, priority) for dimensions in wanted)):
                outcomes |= part
            priority = FOLLOW
        return {name: outcomes[name] for name in job.dimensions}

    async def _outcomes_of(self, job: Job, dimensions: Dimensions, priority: int) -> Outcomes:
        """A call's outcomes: from the ledger, from a call that is under way for the same keys, or from a new call."""
        judge = self.judge
        entries = {name: job.entry(judge.identity, judge.host, name, self.run) for name in dimensions}
        first = entries[dimensions[0]].key
        asking = self._asking.get(first)
        if asking is None:
            asking = asyncio.create_task(self._known_or_asked(job, entries, priority))
            self._asking[first] = asking
            asking.add_done_callback(lambda _: self._asking.pop(first))
        return await asking

    async def _known_or_asked(self, job: Job, entries: Mapping[Dimension, Entry], priority: int) -> Outcomes:
        claim, known = _claim_on(entries), await self._known(entries)
        if len(known) < len(entries) and claim[0] in self.handed_in:
            return self._kept_back(claim[0], tuple(entries), known)
        known = await self._known_on_our_turn(entries, known)
        if len(known) == len(entries):
            return known
        try:
            return await self._ask(job, entries, known, priority)
        finally:
            self._desk.give_back(claim)

    async def _known_on_our_turn(self, entries: Mapping[Dimension, Entry], known: Outcomes) -> Outcomes:
        """Wait while another host asks for the same; what is known then. Where that is not all, the claim is ours."""
        claim, pause = _claim_on(entries), _FIRST_LOOK_SECONDS
        while len(known) < len(entries) and not self._caller.is_stopped:
            if await self._desk.claim(claim):
                if self._desk.is_shared:  # it may have come between the look and the claim
                    known = await self._known(entries)
                break
            await asyncio.sleep(pause)
            pause = min(2 * pause, _LONGEST_LOOK_SECONDS)
            known = await self._known(entries)
        if len(known) == len(entries):
            self._desk.give_back(claim)
        return known

    def _kept_back(self, call: str, dimensions: Dimensions, known: Outcomes) -> Outcomes:
        """What stands for a call that is not made, since a batch has it, which may be paid already."""
        if not self._has_kept_back:
            self._has_kept_back = True
            tell(_IN_A_BATCH)
        detail = f"Handed in to the Batch API on {self.handed_in[call]} UTC and not collected."
        return {**failures(dimensions, "unavailable", detail), **known}

    async def _known(self, entries: Mapping[Dimension, Entry]) -> Outcomes:
        """What the ledger has; a failure of the moment counts for nothing."""
        places = [(entry.key, None if self.judge.shares_hosts else entry.host) for entry in entries.values()]
        known: dict[Dimension, Outcome] = {}
        for name, outcome in zip(entries, await self._desk.find(places), strict=True):
            if outcome is not None and not (isinstance(outcome, JudgeFailure) and outcome.reason in ASK_AGAIN):
                known[name] = outcome
        return known

    async def _ask(self, job: Job, entries: Mapping[Dimension, Entry], known: Outcomes, priority: int) -> Outcomes:
        """Make a call and file what it says; where an outcome is known already, that one stays."""
        outcomes = await self._caller.call(job, tuple(entries), priority)
        new = [(entries[name], outcome) for name, outcome in outcomes.items() if name not in known]
        await self._desk.file(new, _claim_on(entries))
        self._remember(outcomes)
        return {**outcomes, **known}

    def _remember(self, outcomes: Outcomes) -> None:
        """Keep what was learnt of the endpoint, once a call has succeeded, for the next run."""
        learnt = self.judge.quirks
        if learnt != self._learnt and any(isinstance(outcome, Verdict) for outcome in outcomes.values()):
            self._learnt = learnt
            with suppress(LedgerError):  # the next run learns it again
                save_quirks(self.ledger, *self._place, learnt)


def _claim_on(entries: Mapping[Dimension, Entry]) -> Claim:
    """What stands for a call: the place of its first verdict."""
    first = next(iter(entries.values()))
    return first.key, first.host
