"""Ledgers are copied from kind to kind, as often as one likes, and what is old is deleted only by one's word."""

from collections import Counter
from contextlib import closing
from datetime import datetime, timedelta, timezone
from itertools import chain
from math import ceil
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from lmms_eval_cross.benchmark.records import JudgeFailure
from lmms_eval_cross.errors import LedgerError
from lmms_eval_cross.ledger import copying
from lmms_eval_cross.ledger.address import Address, Server
from lmms_eval_cross.ledger.contents import verify
from lmms_eval_cross.ledger.copying import copy
from lmms_eval_cross.ledger.exporting import export
from lmms_eval_cross.ledger.opening import open_to_read
from lmms_eval_cross.ledger.pruning import prune
from lmms_eval_cross.ledger.rows import COLUMNS, PLACE, TABLES
from lmms_eval_cross.ledger.spend import Budget
from lmms_eval_cross.ledger.store import Given, Ledger, RunNote
from tests.conftest import Run
from tests.filed import BAD, GOOD, answer, entry_of, file_verdict

FAILED = JudgeFailure("awareness", "unavailable", "down\0 \uf8ff0")
NAMES = [f"n{number}" for number in range(30)]


@pytest.fixture
def source(tmp_path: Path) -> Path:
    with closing(Ledger(tmp_path / "source.sqlite")) as ledger:
        for name in NAMES:
            file_verdict(ledger, name)
        file_verdict(ledger, "failed", FAILED)
        ledger.record_run("run", "judge", RunNote("a \0 model", "cross_demo", None))
    return tmp_path / "source.sqlite"


def cells_in(address: Address) -> list[tuple[object, ...]]:
    rows = []
    with closing(Ledger(address)) as ledger:
        for table in TABLES:
            place = ", ".join(PLACE[table])
            rows += ledger.select(f"SELECT {', '.join(COLUMNS[table])} FROM {table} ORDER BY {place}")
    return [tuple(row.values()) for row in rows]


def test_from_a_file_to_a_server_and_back_every_cell_is_the_same(source: Path, team: Server, tmp_path: Path) -> None:
    with closing(Ledger(team)) as server:
        assert copy(source, server) == copying.Copied(read=63, new=63)
        assert verify(server).right == 31
    with closing(Ledger(tmp_path / "back.sqlite")) as back:
        assert copy(team, back).new == 63
    assert cells_in(source) == cells_in(team) == cells_in(tmp_path / "back.sqlite")


def test_each_verdict_is_in_one_part(source: Path, address: Address) -> None:
    with closing(Ledger(address)) as target:
        copy(source, target)
        for name in map(str, range(300)):
            file_verdict(target, name)
    with open_to_read(address) as read:
        parts = [[row["key"] for row in read.rows("verdict", part)] for part in read.parts_of_verdicts()]
    keys = list(chain.from_iterable(parts))
    assert len(parts) == 16
    assert all(parts), "each has some"
    assert len(keys) == len(set(keys)) == 331


def test_an_export_has_every_row_once_in_groups_of_several_batches(
    source: Path, address: Address, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lmms_eval_cross.ledger.exporting._BATCH", 2)
    with closing(Ledger(address)) as target:
        copy(source, target)
    written = export([address], tmp_path / "out")
    verdicts = pq.ParquetFile(tmp_path / "out" / "verdict.parquet")
    assert verdicts.num_row_groups == ceil(written["verdict"] / 16)
    tables = [pq.read_table(tmp_path / "out" / f"{table}.parquet") for table in TABLES]
    rows = [tuple(row.values()) for table in tables for row in table.to_pylist()]
    assert Counter(rows) == Counter(cells_in(address))


def test_a_large_ledger_is_verified_by_parts_wherever_it_is(
    source: Path, address: Address, monkeypatch: pytest.MonkeyPatch
) -> None:
    with closing(Ledger(address)) as target:
        copy(source, target)
        target.change("UPDATE verdict SET key = 'zz' || key WHERE sample_id = ?", (entry_of("n4").sample_id,))
        alone = verify(target)
        monkeypatch.setattr("lmms_eval_cross.ledger.verifying._SMALL", 2)
        assert verify(target) == alone
    assert (len(alone.wrong), alone.right) == (1, 30)


@pytest.mark.long
def test_a_copy_that_was_cut_short_goes_on_and_keeps_what_is_there(
    source: Path, address: Address, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(copying, "_AT_A_TIME", 10)

    def cut(_: int) -> None:
        raise LedgerError("cut")

    with closing(Ledger(address)) as target:
        file_verdict(target, "n3", BAD)
        file_verdict(target, "n4", FAILED)
        with pytest.raises(LedgerError, match="cut"):
            copy(source, target, cut)
        assert target.count("response") < 31
        assert copy(source, target).new < 63
        assert copy(source, target).new == 0
        assert (target.count("response"), target.count("verdict")) == (31, 31)
        assert target.find(entry_of("n3").key, "h") == BAD, "what is there stays"
        assert target.find(entry_of("n4").key, "h") == GOOD, "a verdict takes a failure's place"


def test_what_a_run_writes_to_a_file_while_it_is_copied_is_copied_too_and_not_missing(
    tmp_path: Path, address: Address, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(copying, "_AT_A_TIME", 10)
    busy = tmp_path / "busy.sqlite"
    with closing(Ledger(busy)) as run, closing(Ledger(address)) as target:
        for number in range(20):
            file_verdict(run, f"n{number}")
        copied = copy(busy, target, lambda _: file_verdict(run, "late") and None)
        assert (copied.read, copied.new, copied.missing) == (42, 42, 0)
        assert target.find(entry_of("late").key, "h") == GOOD


def test_a_file_that_a_run_begins_to_write_to_while_it_is_read_is_not_called_damaged(
    tmp_path: Path, address: Address
) -> None:
    file = tmp_path / "ledger.sqlite"

    def fill(name: str) -> None:
        with closing(Ledger(file)) as run:
            run.record_responses([Given("run", f"{number} {name}", "x" * 500, {}) for number in range(5000)])

    fill("early")
    with closing(Ledger(address)) as target:
        with pytest.raises(LedgerError, match=r"was read while a run began to write to it; type the command again"):
            copy(file, target, lambda _: fill("late"))
        assert copy(file, target).missing == 0
        assert target.count("response") == 10_000


def test_the_command_copies_and_a_password_is_not_quoted(source: Path, team: Server, cross: Run) -> None:
    done = cross("ledger", "copy", str(source), team.url)
    assert done.returncode == 0, done.stderr
    assert done.stdout == (
        "63 rows were read: 63 are new there, 0 are damaged and left out, 0 are missing under their keys.\n"
    )
    refused = cross("ledger", "copy", str(source), "mysql://me:hunter2@db/x")
    assert refused.returncode == 2
    assert "hunter2" not in refused.stderr


def test_a_run_that_still_spends_keeps_what_it_has_spent_though_some_of_it_is_old(ledger_in_force: Address) -> None:
    with closing(Ledger(ledger_in_force)) as ledger:
        budget = Budget(ledger, 1.0, "lasts for days")
        assert Budget(ledger, 1.0, "over").promise(0.5)
        assert budget.promise(0.5)
        ledger.change("UPDATE spend SET at = 0")
        assert budget.promise(0.4)
        assert prune(ledger, datetime.now(timezone.utc) - timedelta(days=1)).spending == 1
        assert budget.promise(0.2) is None


def test_what_is_old_is_counted_and_deleted_only_with_yes(ledger_in_force: Address, cross: Run) -> None:
    with closing(Ledger(ledger_in_force)) as ledger:
        for name in ("old", "new"):
            file_verdict(ledger, name)
        answer(ledger, "lonely", "lonely")
        for run in ("run", "lonely"):
            ledger.record_run(run, "judge", RunNote("a model"))
        ledger.change("UPDATE verdict SET created_at = '2020-01-01T00:00:00+00:00' WHERE sample_id LIKE '%old%'")
        for table in ("response", "run"):
            ledger.change(f"UPDATE {table} SET created_at = '2020-01-01T00:00:00+00:00'")
        told = cross("ledger", "prune", "--older-than", "30")
        assert "1 verdicts and failures, 2 answers, 0 entries of spending" in told.stdout, told.stderr
        assert "what is known of 1 runs are older than" in told.stdout
        assert "Nothing is deleted" in told.stdout
        assert (ledger.count("verdict"), ledger.count("response")) == (2, 3)
        assert ledger.count("run") == 2
        assert "They are deleted." in cross("ledger", "prune", "--older-than", "30", "--yes").stdout
        assert (ledger.count("verdict"), ledger.count("response")) == (1, 1)
        assert [row["run"] for row in ledger.select("SELECT run FROM run")] == ["run"], "an answer of it stays"
        assert verify(ledger).right == 1, "the answer of a verdict that stays"
