"""A team's ledger that goes away: a PostgreSQL is stopped, cut off or only reads; nothing is lost or paid again."""

import asyncio
import platform
import random
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from lmms_eval_cross.benchmark.records import JudgeFailure, Verdict
from lmms_eval_cross.errors import AwayError, LedgerError
from lmms_eval_cross.ledger import desk as desks
from lmms_eval_cross.ledger.address import Server
from lmms_eval_cross.ledger.desk import Desk
from lmms_eval_cross.ledger.migrating import migrate
from lmms_eval_cross.ledger.postgres_schema import SCHEMA
from lmms_eval_cross.ledger.steady import SteadyLedger, open_ledger
from lmms_eval_cross.ledger.store import Entry, Ledger
from lmms_eval_cross.settings import load_settings
from tests.judge_server import Answer, JudgeServer
from tests.postgres_server import PostgresServer
from tests.test_claims import HOST, claims_in

GOOD = Verdict("awareness", 1, "Score: 1", "m")
SENTENCE = "What is judged meanwhile is kept under CROSS_HOME"


@pytest.fixture
def ours(team: Server, monkeypatch: pytest.MonkeyPatch) -> Iterator[SteadyLedger]:
    monkeypatch.setenv("CROSS_LEDGER_URL", team.url)
    with closing(open_ledger(load_settings())) as ledger:
        yield ledger


def entry(key: str) -> Entry:
    return Entry(key, "h", "j", "s")


def test_connections_that_are_cut_are_made_anew_and_nobody_notices(
    ours: SteadyLedger, postgres_server: PostgresServer, capsys: pytest.CaptureFixture[str]
) -> None:
    ours.record_verdict(entry("before"), GOOD)
    cut = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE datname = '{}'"
    postgres_server.sql(cut.format(ours.name.rpartition("/")[2]), "postgres")
    ours.record_verdict(entry("after"), GOOD)
    assert ours.find("before", "h") == ours.find("after", "h") == GOOD
    assert not capsys.readouterr().err


def test_what_a_server_that_is_away_can_not_take_outlives_the_process_and_is_sent_on(
    ours: SteadyLedger, postgres_server: PostgresServer, capsys: pytest.CaptureFixture[str]
) -> None:
    ours.record_verdict(entry("there"), GOOD)
    ours.record_verdict(entry("failed"), JudgeFailure("awareness", "unavailable", "down"))
    postgres_server.stop("immediate")
    try:
        for key in ("there", "failed", "new"):
            ours.record_verdict(entry(key), Verdict("awareness", 0, "Score: 0", "m"))
        with pytest.raises(AwayError):
            ours.find("there", "h")
        ours.record_response("run", "s", "answer", {})
        ours.close()
        told = capsys.readouterr().err
        assert told.count(SENTENCE) == 1
        assert "3 verdicts wait under CROSS_HOME" in told
    finally:
        postgres_server.start()
    with closing(open_ledger(load_settings())) as again:
        assert again.find("there", "h") == GOOD, "nothing replaces a verdict"
        assert again.find("failed", "h") == again.find("new", "h") == Verdict("awareness", 0, "Score: 0", "m")
        assert again.count("response") == 1
    assert not capsys.readouterr().err


def test_what_was_kept_for_one_database_is_not_sent_to_another(
    ours: SteadyLedger, team: Server, postgres_server: PostgresServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = postgres_server.new_database()
    migrate(other)
    postgres_server.stop("immediate")
    try:
        ours.record_verdict(entry("new"), GOOD)
        ours.close()
    finally:
        postgres_server.start()
    monkeypatch.setenv("CROSS_LEDGER_URL", other.url)
    with pytest.raises(LedgerError, match=f"keeps answers and verdicts for {team.name}; name that ledger"):
        open_ledger(load_settings())
    with closing(Ledger(other)) as ledger:
        assert ledger.find("new", "h") is None
    monkeypatch.setenv("CROSS_LEDGER_URL", team.url)
    with closing(open_ledger(load_settings())) as ledger:
        assert ledger.find("new", "h") == GOOD
    monkeypatch.setenv("CROSS_LEDGER_URL", other.url)
    open_ledger(load_settings()).close()


def test_an_entry_that_the_server_never_takes_keeps_no_other_from_being_sent_on(
    ours: SteadyLedger, postgres_server: PostgresServer, capsys: pytest.CaptureFixture[str]
) -> None:
    too_long = random.Random(1).randbytes(9000).hex()  # for an index there, which a file has no limit for
    postgres_server.stop("immediate")
    try:
        ours.record_response("run", too_long, "answer", {})
        ours.record_response("run", "s", "answer", {})
        ours.record_verdict(entry("new"), GOOD)
        ours.close()
    finally:
        postgres_server.start()
    capsys.readouterr()
    with closing(open_ledger(load_settings())) as again:
        assert (again.find("new", "h"), again.count("response")) == (GOOD, 1)
        assert not again.is_behind
    assert capsys.readouterr().err.count("It is left out, so that others are sent on.") == 1


def test_a_damaged_file_of_what_was_kept_ends_a_command_and_later_keeps_nothing_from_the_server(
    ours: SteadyLedger, team: Server, bare_environment: Path
) -> None:
    bare_environment.mkdir()
    kept = bare_environment / f"unsent-{platform.node()}.sqlite"
    kept.write_bytes(b"no ledger" * 1000)
    with pytest.raises(LedgerError, match=rf"{kept.name} can't be opened .file is not a database"):
        open_ledger(load_settings())
    vars(ours)["_outbox"].may_hold = True  # as after an outage in the middle of a run
    ours.record_verdict(entry("new"), GOOD)
    with closing(Ledger(team)) as ledger:
        assert ledger.find("new", "h") == GOOD


def test_a_replica_that_only_reads_is_read_and_what_it_can_not_take_is_sent_on_later(
    team: Server, tmp_path: Path, postgres_server: PostgresServer, capsys: pytest.CaptureFixture[str]
) -> None:
    with closing(Ledger(team)) as ledger:
        ledger.record_verdict(entry("there"), GOOD)
    with_outbox = Server(team.url, tmp_path / "unsent.sqlite")
    database, setting = team.name.rpartition("/")[2], "default_transaction_read_only"
    postgres_server.sql(f"ALTER DATABASE {database} SET {setting} = on", "postgres")
    with closing(SteadyLedger(with_outbox)) as replica:
        replica.record_verdict(entry("new"), GOOD)
        assert replica.find("there", "h") == GOOD
    assert "read-only transaction" in capsys.readouterr().err
    postgres_server.sql(f"ALTER DATABASE {database} RESET {setting}", "postgres")
    with closing(SteadyLedger(with_outbox)) as ledger:
        assert ledger.find("new", "h") == GOOD


REFUSE = """
CREATE FUNCTION {schema}.refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'no space left'; END $$;
CREATE TRIGGER refuse BEFORE INSERT ON {schema}.{table} FOR EACH ROW EXECUTE FUNCTION {schema}.refuse();
"""
CLAIM = ("key", "h")


def test_a_claim_is_given_back_when_others_can_see_its_verdict_and_not_before(
    ours: SteadyLedger, team: Server, postgres_server: PostgresServer
) -> None:
    database = team.name.rpartition("/")[2]
    postgres_server.sql(REFUSE.format(schema=SCHEMA, table="verdict"), database)

    async def judge() -> Desk:
        desk = Desk(ours, asyncio.get_running_loop())
        assert await desk.claim(CLAIM)
        await desk.file([(entry("key"), GOOD)], CLAIM)
        await desk.find([("other", "h")])  # after which the claim would be gone
        return desk

    desk = asyncio.run(judge())
    assert claims_in(team) == 1, "its verdict waits on this host, and another one would pay again"
    postgres_server.sql(f"DROP TRIGGER refuse ON {SCHEMA}.verdict", database)
    desk.close()
    assert claims_in(team) == 0
    with closing(Ledger(team)) as ledger:
        assert ledger.find("key", "h") == GOOD


def test_where_claims_can_not_be_written_a_run_waits_for_that_once_though_the_ledger_can_be_read(
    ours: SteadyLedger, team: Server, postgres_server: PostgresServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(desks, "PATIENCE_SECONDS", 1.0)
    postgres_server.sql(REFUSE.format(schema=SCHEMA, table="claim"), team.name.rpartition("/")[2])

    async def judge() -> None:
        desk = Desk(ours, asyncio.get_running_loop())
        assert await desk.claim(CLAIM)
        for number in range(5):
            began = time.monotonic()
            assert await desk.find([(f"{number}", "h")]) == [None]
            assert await desk.claim((f"{number}", "h"))
            assert time.monotonic() - began < 1.0, "it has been waited for"
        desk.close()

    asyncio.run(judge())


def test_a_server_that_is_started_again_in_the_middle_of_a_run_costs_no_verdict_and_no_second_call(
    team: Server, judged_by: JudgeServer, postgres_server: PostgresServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CROSS_LEDGER_URL", team.url)
    monkeypatch.setenv("CROSS_JUDGE_CONCURRENCY", "4")
    enough = threading.Event()

    def script(_: object) -> Answer:
        if len(judged_by.judged) >= 8:
            enough.set()
        return Answer("Score: 1", delay_seconds=0.5)

    judged_by.script = script
    command = [sys.executable, "-c", HOST.format(lease=30.0), "8"]
    host = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert enough.wait(60)
    postgres_server.stop("immediate")
    time.sleep(8)  # longer than a connection is waited for
    postgres_server.start()
    _, told = host.communicate(timeout=120)
    assert host.returncode == 0, told
    assert told.count(SENTENCE) == 1, told
    asked = Counter((request.response, request.dimension) for request in judged_by.judged)
    assert (len(asked), set(asked.values())) == (32, {1})
    with closing(Ledger(team)) as ledger:
        assert len(ledger.select("SELECT 1 FROM verdict WHERE score IS NOT NULL")) == 32
