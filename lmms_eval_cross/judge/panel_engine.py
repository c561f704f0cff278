"""The engine of a panel: one of its own for each member, and the majority of what they say."""

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from functools import partial

from lmms_eval_cross.benchmark.panel import panel_outcome
from lmms_eval_cross.benchmark.records import Vote
from lmms_eval_cross.judge.caller import Outcomes
from lmms_eval_cross.judge.engine import JudgeEngine
from lmms_eval_cross.judge.job import Job, JudgeIdentity
from lmms_eval_cross.ledger.store import Given


class PanelEngine:
    """Has every answer judged by all members; their verdicts are filed as those of single judges."""

    def __init__(self, identity: JudgeIdentity, members: Sequence[JudgeEngine]) -> None:
        """`members` in the order of the panel's identity."""
        self.identity = identity
        self._members = members

    def submit(self, job: Job, settled: Callable[[Outcomes], None], given: Given | None = None) -> "Future[None]":
        """As `JudgeEngine.submit`; `settled` is called when the last member has settled, on its thread."""
        ballot = _Ballot(self.identity, [member.judge.identity for member in self._members], job, settled)
        for place, member in enumerate(self._members):
            future = member.submit(job, partial(ballot.put_in, place), given)
            future.add_done_callback(ballot.give_up)
        return ballot.future

    def drain(self, show_progress: bool = True) -> None:
        """Wait until everything that was submitted is judged; a bug in judging is raised here."""
        for member in self._members:
            member.drain(show_progress)

    def close(self) -> None:
        """Stop the members' engines; what is in flight is given up, what has arrived is in the ledger."""
        for member in self._members:
            member.close()


class _Ballot:
    """What the members say of one answer, until all have spoken."""

    def __init__(
        self, panel: JudgeIdentity, members: Sequence[JudgeIdentity], job: Job, settled: Callable[[Outcomes], None]
    ) -> None:
        self.future: Future[None] = Future()
        self._panel, self._members, self._job, self._settled = panel, members, job, settled
        self._outcomes: dict[int, Outcomes] = {}
        self._lock = threading.Lock()

    def put_in(self, place: int, outcomes: Outcomes) -> None:
        """Take in what a member says; with the last one the panel has spoken."""
        with self._lock:
            self._outcomes[place] = outcomes
            is_last = len(self._outcomes) == len(self._members)
        if is_last:
            self._settled(self._of_panel())
            self.future.set_result(None)

    def give_up(self, member: "Future[None]") -> None:
        """End the wait where a member ended in a bug, or was given up."""
        if member.cancelled():
            self.future.cancel()
        elif member.exception() is not None and not self.future.done():
            self.future.set_exception(member.exception())

    def _of_panel(self) -> Outcomes:
        """Dimension -> the panel's outcome."""
        outcomes = {}
        for name in self._job.dimensions:
            votes = []
            for place, member in enumerate(self._members):
                votes.append(Vote(member.id, member.model, self._outcomes[place][name]))
            outcomes[name] = panel_outcome(name, votes, self._panel.model)
        return outcomes
