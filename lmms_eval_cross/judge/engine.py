"""One engine a process: answers are submitted from any thread and judged on one event loop."""

import asyncio
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, wait
from typing import TypeAlias

from tqdm import tqdm

from lmms_eval_cross.errors import DataError
from lmms_eval_cross.judge.answers import failed_generation
from lmms_eval_cross.judge.judges import Job, Judge
from lmms_eval_cross.judge.ledger import Entry, Ledger
from lmms_eval_cross.records import ASK_AGAIN, DIMENSIONS, Dimension, JudgeFailure, Outcome

Outcomes: TypeAlias = Mapping[Dimension, Outcome]


class JudgeEngine:
    """Judges what is submitted, at most `concurrency` calls at a time, and files every outcome in the ledger."""

    def __init__(self, judge: Judge, ledger: Ledger, concurrency: int) -> None:
        self.judge = judge
        self.ledger = ledger
        self._slots = asyncio.Semaphore(concurrency)
        self._asking: dict[str, asyncio.Task[Outcome]] = {}
        self._pending: set[Future[None]] = set()
        self._lock = threading.Lock()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="cross-judge", daemon=True)
        self._thread.start()

    def submit(self, job: Job, settled: Callable[[Outcomes], None]) -> "Future[None]":
        """Have an answer judged on all dimensions; returns at once.

        Args:
            job: the answer.
            settled: called with the outcomes on the engine's thread, before the future is done.
        """
        future = asyncio.run_coroutine_threadsafe(self._settle(job, settled), self._loop)
        with self._lock:
            self._pending.add(future)
        return future

    def drain(self, show_progress: bool = True) -> None:
        """Wait until everything that was submitted is judged; a bug in judging is raised here."""
        with self._lock:
            pending = self._pending
            self._pending = set()
        with tqdm(total=len(pending), desc="Judging", unit="answer", disable=None if show_progress else True) as bar:
            while pending:
                done, pending = wait(pending, return_when=FIRST_COMPLETED)
                for future in done:
                    future.result()
                bar.update(len(done))

    def close(self) -> None:
        """Stop the engine; what is in flight is given up, what has arrived is in the ledger."""
        asyncio.run_coroutine_threadsafe(self._stop(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    async def _stop(self) -> None:
        others = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)
        await self.judge.close()

    async def _settle(self, job: Job, settled: Callable[[Outcomes], None]) -> None:
        problem = failed_generation(job.response)
        if problem is not None:
            settled({name: JudgeFailure(name, "no_response", f"Not judged: {problem}.") for name in DIMENSIONS})
            return
        try:
            outcomes = await asyncio.gather(*(self._outcome(job, dimension) for dimension in DIMENSIONS))
        except DataError as error:
            settled({name: JudgeFailure(name, "unavailable", f"Not judged: {error}") for name in DIMENSIONS})
            return
        settled(dict(zip(DIMENSIONS, outcomes, strict=True)))

    async def _outcome(self, job: Job, dimension: Dimension) -> Outcome:
        """The outcome from the ledger, from a call that is under way for the same key, or from a new call."""
        judge = self.judge.identity
        entry = Entry(job.key(judge, dimension).digest, self.judge.host, judge.id, job.sample.sample_id)
        asking = self._asking.get(entry.key)
        if asking is None:
            known = self.ledger.find(entry.key, None if self.judge.shares_hosts else entry.host)
            if known is not None and not (isinstance(known, JudgeFailure) and known.reason in ASK_AGAIN):
                return known
            asking = asyncio.create_task(self._ask(job, dimension, entry))
            self._asking[entry.key] = asking
            asking.add_done_callback(lambda _: self._asking.pop(entry.key))
        return await asking

    async def _ask(self, job: Job, dimension: Dimension, entry: Entry) -> Outcome:
        async with self._slots:
            outcome = await self.judge.judge(job, dimension)
        self.ledger.record_verdict(entry, outcome)
        return outcome
