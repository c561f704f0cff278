"""A verdict that another host is asking for is waited for: two processes, a real PostgreSQL, and kill -9."""

import json
import subprocess
import sys
import time
from collections import Counter
from contextlib import closing

import pytest

from lmms_eval_cross.ledger.address import Server
from lmms_eval_cross.ledger.claims import Claims
from lmms_eval_cross.ledger.store import Ledger
from tests.judge_server import Answer, JudgeServer

LEASE_SECONDS = 2.0
HOST = """
import json, sys
from lmms_eval_cross.ledger import claims, desk
claims.LEASE_SECONDS, desk.RENEWED_AFTER_SECONDS = {lease}, {lease} / 4
from lmms_eval_cross.judging import JudgeSession
from lmms_eval_cross.ledger.steady import open_ledger
from lmms_eval_cross.settings import load_settings
from tests.judging import job
settings = load_settings()
with JudgeSession(settings, open_ledger(settings)) as judging:
    outcomes = judging.ask([job(f"Answer {{number}}.") for number in range(int(sys.argv[1]))])
print(json.dumps([[outcome.score for outcome in one.values()] for one in outcomes]))
"""


@pytest.fixture
def shared(team: Server, judged_by: JudgeServer, monkeypatch: pytest.MonkeyPatch) -> Server:
    """The ledger that all hosts of a test name."""
    monkeypatch.setenv("CROSS_LEDGER_URL", team.url)
    return team


def start(answers: int) -> "subprocess.Popen[str]":
    """A host that judges the same answers as every other."""
    command = [sys.executable, "-c", HOST.format(lease=LEASE_SECONDS), str(answers)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def scores_of(host: "subprocess.Popen[str]") -> list[list[int]]:
    said, told = host.communicate()
    assert host.returncode == 0, told
    scores: list[list[int]] = json.loads(said)
    return scores


def claims_in(server: Server) -> int:
    with closing(Ledger(server)) as ledger:
        return len(ledger.select("SELECT key FROM claim"))


def wait_until_asked(judge: JudgeServer) -> None:
    until = time.monotonic() + 60
    while not judge.judged:  # one call goes ahead of the others
        assert time.monotonic() < until, "the judge was not asked"
        time.sleep(0.05)


def test_hosts_that_judge_the_same_answers_at_once_pay_for_each_verdict_once(
    shared: Server, judged_by: JudgeServer
) -> None:
    judged_by.script = lambda asked: Answer(f"Score: {len(asked.response) % 2}", delay_seconds=1.5 * LEASE_SECONDS)
    hosts = [start(4), start(4)]
    one, two = map(scores_of, hosts)
    asked = Counter((request.response, request.dimension) for request in judged_by.judged)
    assert one == two
    assert set(asked.values()) == {1}, "also where the judge takes longer than a lease"
    assert len(asked) == 16
    assert claims_in(shared) == 0


def test_a_host_that_is_killed_while_it_asks_frees_its_verdicts_within_its_lease(
    shared: Server, judged_by: JudgeServer
) -> None:
    judged_by.script = lambda _: Answer("Score: 1", delay_seconds=60)
    killed = start(1)
    wait_until_asked(judged_by)
    killed.kill()
    killed.communicate()
    assert claims_in(shared) == 4
    judged_by.script = lambda _: Answer("Score: 1")
    began = time.monotonic()
    assert scores_of(start(1)) == [[1, 1, 0, 1]], "of compliance, 1 is worse"
    assert time.monotonic() - began < LEASE_SECONDS + 30, "its start is counted in"
    assert len(judged_by.judged) == 5, "the one that was in flight is paid again"
    assert claims_in(shared) == 0


def test_a_claim_that_was_left_beside_its_verdict_is_swept_and_one_that_holds_is_not(shared: Server) -> None:
    with closing(Ledger(shared)) as ledger:
        dead, living = Claims(ledger), Claims(ledger)
        dead.take([("left", "host")])
        ledger.change("UPDATE claim SET until = now() - interval '1 second'")
        living.take([("held", "host")])
        living.sweep()
        assert [row["key"] for row in ledger.select("SELECT key FROM claim")] == ["held"]
