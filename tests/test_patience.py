"""Outages, quotas told in words, slow servers, refusals of one answer: what tries and patience make of them.

Times are a tenth to a hundredth of real ones, with the patience and the waits in proportion.
"""

import json
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest

from lmms_eval_cross.benchmark.records import JudgeFailure, Outcome
from lmms_eval_cross.benchmark.rubric import Rubric
from lmms_eval_cross.judge.endpoint_judge import EndpointJudge
from lmms_eval_cross.judge.engine import Bounds, JudgeEngine
from lmms_eval_cross.ledger.store import Ledger
from lmms_eval_cross.settings import load_settings
from tests.judge_server import Answer, Asked, JudgeServer, judge_by_answer
from tests.test_engine import job

pytestmark = pytest.mark.long

Judge = Callable[..., Counter[str]]
PATIENT = Bounds(backoff_seconds=0.05, patience_seconds=12)


@pytest.fixture
def judge(judged_by: JudgeServer, rubric: Rubric, tmp_path: Path) -> Iterator[Judge]:
    """Judge so many answers; counts the outcomes by reason."""
    ledger = Ledger(tmp_path / "ledger.sqlite")

    def run(answers: int, bounds: Bounds = PATIENT, concurrency: int = 32) -> Counter[str]:
        engine = JudgeEngine(EndpointJudge(load_settings()), ledger, concurrency, bounds)
        reasons: Counter[str] = Counter()

        def settled(outcomes: Mapping[str, Outcome]) -> None:
            for outcome in outcomes.values():
                reasons[outcome.reason if isinstance(outcome, JudgeFailure) else "scored"] += 1

        for number in range(answers):
            engine.submit(job(rubric, number), settled)
        engine.drain(show_progress=False)
        engine.close()
        return reasons

    yield run
    ledger.close()


def from_call(number: int, seconds: float, bad: Callable[[], Answer]) -> Callable[[Asked], Answer]:
    """A script that answers well, but badly for so many seconds from its so many-th call on."""
    calls, began, lock = Counter[str](), [0.0], threading.Lock()

    def script(asked: Asked) -> Answer:
        with lock:
            calls["all"] += 1
            if calls["all"] == number:
                began[0] = time.monotonic()
            is_bad = calls["all"] >= number and time.monotonic() - began[0] < seconds
        return bad() if is_bad else judge_by_answer(asked)

    return script


# ---------------------------------------------------------------- outages


@pytest.mark.parametrize(
    "bad",
    [
        Answer(status=503),
        Answer(status=503, headers={"Retry-After": "0"}),
        Answer(status=502, raw=b"<html>"),
        Answer(drop=True),
        Answer(status=429),
    ],
)
def test_an_outage_that_patience_outlasts_costs_no_verdict(judge: Judge, judged_by: JudgeServer, bad: Answer) -> None:
    judged_by.script = from_call(5, 1.5, lambda: bad)
    assert judge(30) == {"scored": 120}
    assert len(judged_by.judged) <= 120 + 45, "one call probes an endpoint that answers nobody, the others wait"


def test_a_restart_costs_no_verdict(judge: Judge, judged_by: JudgeServer) -> None:
    """Nothing listens at the port for a while."""
    judged_by.script = lambda asked: Answer(judge_by_answer(asked).content, delay_seconds=0.05)
    done: list[Counter[str]] = []
    judging = threading.Thread(target=lambda: done.append(judge(60)))
    judging.start()
    while len(judged_by.judged) < 50:
        time.sleep(0.01)
    judged_by.pause(3.0)
    judging.join()
    assert done == [{"scored": 240}]


def test_a_gateway_whose_backends_are_away_for_a_moment_is_not_a_wrong_address(
    judge: Judge, judged_by: JudgeServer
) -> None:
    judged_by.script = from_call(20, 1.0, lambda: Answer(status=404, raw=b"404 page not found\n"))
    assert judge(30) == {"scored": 120}


# ---------------------------------------------------------------- a quota that is told in words


def test_a_wait_that_a_refusal_names_in_its_words_is_kept(judge: Judge, judged_by: JudgeServer) -> None:
    """Eight calls in every three seconds; the refusal says in its body when to come back."""
    windows, lock, began = Counter[int](), threading.Lock(), time.monotonic()

    def script(asked: Asked) -> Answer:
        with lock:
            passed = time.monotonic() - began
            windows[int(passed // 3)] += 1
            if windows[int(passed // 3)] <= 8:
                return judge_by_answer(asked)
        left = 3 - passed % 3
        words = f"Quota exceeded, limit: 8\nPlease retry in {left:.9f}s."
        details = [{"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": f"{left:.3f}s"}]
        error = {"code": 429, "message": words, "status": "RESOURCE_EXHAUSTED", "details": details}
        return Answer(status=429, raw=json.dumps([{"error": error}]).encode())

    judged_by.script = script
    assert judge(10) == {"scored": 40}
    assert len(judged_by.judged) <= 40 + 60


# ---------------------------------------------------------------- slow servers


def one_slot(seconds: float) -> Callable[[Asked], Answer]:
    """A local server: one call at a time, and those that nobody waits for any more are worked off too."""
    slot = threading.Lock()

    def script(asked: Asked) -> Answer:
        with slot:
            time.sleep(seconds)
        return judge_by_answer(asked)

    return script


def test_a_slow_server_of_one_slot_is_given_no_more_calls_than_it_answers_in_time(
    judge: Judge, judged_by: JudgeServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CROSS_JUDGE_TIMEOUT", "10")
    monkeypatch.setattr("lmms_eval_cross.pacing.limiter.ALONE_SECONDS", 0.1)
    judged_by.script = one_slot(0.3)
    assert judge(6, Bounds(timeout_seconds=10, patience_seconds=20)) == {"scored": 24}
    assert len(judged_by.judged) == 24, "no call was given up and made again"


def test_a_server_too_slow_for_the_timeout_is_told_with_the_cure(
    judge: Judge, judged_by: JudgeServer, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("CROSS_JUDGE_TIMEOUT", "0.3")
    judged_by.script = lambda asked: Answer("Score: 1", delay_seconds=1.0)
    assert judge(3, Bounds(timeout_seconds=0.3, patience_seconds=1.5, backoff_seconds=0.05)) == {"unavailable": 12}
    said = capsys.readouterr().err
    assert "CROSS_JUDGE_CONCURRENCY" in said
    assert "CROSS_JUDGE_TIMEOUT" in said


# ---------------------------------------------------------------- one answer must not decide for all

_PAGE = b"<html><head><title>403 Forbidden</title></head><body><h1>403 Forbidden</h1></body></html>"


@pytest.mark.parametrize("blocked", [0, 7])
def test_one_answer_that_a_firewall_blocks_does_not_end_it(
    judge: Judge, judged_by: JudgeServer, blocked: int, capsys: pytest.CaptureFixture[str]
) -> None:
    def script(asked: Asked) -> Answer:
        if asked.response == f"Answer {blocked}":
            return Answer(status=403, raw=_PAGE, headers={"Content-Type": "text/html"})
        return judge_by_answer(asked)

    judged_by.script = script
    assert judge(12) == {"scored": 44, "unavailable": 4}
    assert "Nothing more is asked" not in capsys.readouterr().err
    before = len(judged_by.judged)
    assert judge(12) == {"scored": 44, "unavailable": 4}
    assert len(judged_by.judged) - before == 4, "a rerun asks for what failed, and goes on as well"


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (500, "image input is not supported - hint: you may need to provide the mmproj"),
        (400, "this model is missing data required for image input"),
        (404, "No endpoints found that support image input"),
        (400, "messages[1].content must be a string"),
    ],
)
def test_an_endpoint_that_takes_no_pictures_is_not_asked_on(
    judge: Judge, judged_by: JudgeServer, status: int, words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    judged_by.script = lambda _: Answer(status=status, error={"message": words})
    assert sum(judge(12).values()) == 48
    assert len(judged_by.judged) == 1
    assert words in capsys.readouterr().err


def test_a_bare_403_for_every_answer_ends_it_after_three_of_them(judge: Judge, judged_by: JudgeServer) -> None:
    judged_by.script = lambda asked: Answer(status=403, raw=_PAGE)
    assert judge(30) == {"unavailable": 120}
    assert len(judged_by.judged) <= 12, "three answers of four calls at the most"


@pytest.mark.parametrize(
    "answer",
    [
        Answer(status=402, error={"message": "Insufficient Balance", "code": "invalid_request_error"}),
        Answer(status=400, error={"message": "Your credit balance is too low to access the API."}),
        Answer(status=429, error={"message": "You exceeded your quota", "code": None, "type": "insufficient_quota"}),
        Answer(status=429, error={"message": "Your account is not active.", "code": "billing_not_active"}),
        Answer(status=403, error={"message": "Insufficient permissions. Missing scopes: model.request"}),
        Answer(
            status=400, error={"message": "API key expired. Please renew the API key.", "status": "INVALID_ARGUMENT"}
        ),
        Answer(
            status=429,
            error={
                "type": "rate_limit_error",
                "message": "Come back in December.",
                "details": {"error_code": "enforced_spend_limit_reached"},
            },
        ),
        Answer(
            status=429,
            error={
                "message": "litellm.RateLimitError: OpenAIException - You exceeded your current quota, please check "
                "your plan and billing details. LiteLLM: model group 'judge' failed with the error above.",
                "type": "throttling_error",
                "code": "429",
            },
        ),
        Answer(status=400, error={"message": "Please keep the account in good standing.", "code": "Arrearage"}),
        Answer(status=429, error={"message": "余额不足或无可用资源包,请充值。", "code": "1113"}),
        Answer(status=412, error={"message": "The account is suspended after failure to pay past invoices"}),
        Answer(
            status=403, error={"message": "Your team has used all available credits or reached its spending limit."}
        ),
        Answer(
            status=400,
            error={"message": "Renew it.", "status": "INVALID_ARGUMENT", "details": [{"reason": "API_KEY_INVALID"}]},
        ),
    ],
    ids=[
        *(
            "402",
            "balance",
            "quota by type",
            "billing",
            "scopes",
            "expired key",
            "Anthropic's limit",
            "litellm's quota",
        ),
        *("arrearage", "balance in Chinese", "suspended", "credits", "a key's reason in details"),
    ],
)
def test_an_empty_purse_or_a_dead_key_ends_it_within_the_calls_in_flight(
    judge: Judge, judged_by: JudgeServer, answer: Answer, capsys: pytest.CaptureFixture[str]
) -> None:
    judged_by.script = from_call(21, 60, lambda: answer)
    reasons = judge(60, concurrency=8)
    assert reasons == {"scored": 20, "unavailable": 220}
    assert len(judged_by.judged) <= 20 + 8
    assert answer.error is not None
    assert answer.error["message"] in capsys.readouterr().err
