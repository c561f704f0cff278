"""The ledger's desk on a file: what comes together is written together, off the event loop, and committed."""

import asyncio
import sqlite3
import time
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path

import pytest

from lmms_eval_cross.benchmark.records import Usage, Verdict
from lmms_eval_cross.ledger.desk import Desk
from lmms_eval_cross.ledger.store import Entry, Filing, Given, Ledger

VERDICT = Verdict("awareness", 1, "It knows.", "judge", Usage(3))


class CountingLedger(Ledger):
    """Counts transactions with verdicts."""

    transactions = 0

    def record_verdicts(self, filed: Sequence[Filing]) -> None:
        """Count one."""
        self.transactions += 1
        super().record_verdicts(filed)


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[CountingLedger]:
    with closing(CountingLedger(tmp_path / "ledger.sqlite")) as ledger:
        yield ledger


def filing(number: int) -> Filing:
    return Entry(f"key {number}", "http://host", "judge", "sample"), VERDICT


def test_verdicts_that_come_at_the_same_time_share_a_transaction(ledger: CountingLedger) -> None:
    async def run() -> None:
        with closing(Desk(ledger, asyncio.get_running_loop())) as desk:
            await asyncio.gather(*(desk.file([filing(number)], ("", "")) for number in range(100)))
            found = await asyncio.gather(*(desk.find([(f"key {number}", None)]) for number in range(101)))
        assert found == [[VERDICT]] * 100 + [[None]]

    asyncio.run(run())
    assert ledger.transactions <= 10


def test_a_verdict_is_committed_when_its_filing_is_over(ledger: CountingLedger, tmp_path: Path) -> None:
    async def run() -> None:
        with closing(Desk(ledger, asyncio.get_running_loop())) as desk:
            await desk.keep(Given("run", "sample", "answer", {}))
            await desk.file([filing(1)], ("", ""))
            with closing(sqlite3.connect(tmp_path / "ledger.sqlite")) as other:
                assert other.execute("SELECT key FROM verdict").fetchall() == [("key 1",)]
                assert other.execute("SELECT response FROM response").fetchall() == [("answer",)]

    asyncio.run(run())


def test_the_loop_goes_on_while_another_process_writes_to_the_file(ledger: CountingLedger, tmp_path: Path) -> None:
    async def run() -> None:
        with (
            closing(Desk(ledger, asyncio.get_running_loop())) as desk,
            closing(sqlite3.connect(tmp_path / "ledger.sqlite", isolation_level=None)) as other,
        ):
            other.execute("BEGIN IMMEDIATE")
            began = time.monotonic()
            writing = asyncio.ensure_future(desk.file([filing(1)], ("", "")))
            await asyncio.sleep(0.2)
            assert time.monotonic() - began < 2
            assert not writing.done()
            other.execute("COMMIT")
            await writing
        assert ledger.find("key 1", None) == VERDICT

    asyncio.run(run())


def test_what_was_handed_in_before_the_desk_closes_is_written(ledger: CountingLedger) -> None:
    async def run() -> list[asyncio.Task[None]]:
        desk = Desk(ledger, asyncio.get_running_loop())
        tasks = [asyncio.create_task(desk.file([filing(number)], ("", ""))) for number in range(300)]
        await asyncio.sleep(0)
        desk.close()
        await asyncio.gather(*tasks)
        return tasks

    asyncio.run(run())
    assert ledger.count("verdict") == 300
