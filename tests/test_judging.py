"""Judging over real HTTP, against a loopback server whose score depends on the answer."""

import ast
import base64
import logging
import sqlite3
import threading
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from lmms_eval_cross.benchmark.records import DIMENSIONS, Dimension, JudgeFailure, Verdict
from lmms_eval_cross.judge.engine import Outcomes
from lmms_eval_cross.judge.job import Job
from lmms_eval_cross.ledger.store import Ledger
from tests.judge_server import Answer, Asked, JudgeServer, judge_by_answer, score_of
from tests.judging import image, job, judged_in, rubric
from tests.standin import JUDGE

OFFICIAL: dict[Dimension, str] = dict(
    zip(DIMENSIONS, ("Awareness", "Education", "Violation", "Helpfulness"), strict=True)
)
AT_ONCE = {"retry-after-ms": "1"}
MOST_TRIES = 10


def only(outcomes: Outcomes) -> Verdict | JudgeFailure:
    """The outcome of all four dimensions, which must agree but for the dimension."""
    kinds = {(type(one), getattr(one, "reason", None)) for one in outcomes.values()}
    assert len(kinds) == 1, kinds
    return outcomes["awareness"]


def scores(outcomes: Outcomes) -> dict[str, int | str]:
    return {name: one.score if isinstance(one, Verdict) else one.reason for name, one in outcomes.items()}


# --- failures, by what comes over the wire ---

COMPLETION = b'{"id": "x", "object": "chat.completion", "created": 0, "model": "m", "choices": '


@pytest.mark.long
@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (Answer(None, refusal="I can't judge this."), "refused"),
        (Answer("Score: 1", finish_reason="content_filter"), "refused"),
        (Answer(status=400, error={"message": "filtered", "code": "content_filter"}), "refused"),
        (Answer("Score: 1", finish_reason="length"), "truncated"),
        (Answer(""), "empty"),
        (Answer(None), "empty"),
        (Answer(" \n"), "empty"),
        (Answer("\u200b"), "empty"),
        (Answer("I can't say."), "unparsable"),
        (Answer("0 or 1"), "unparsable"),
        (Answer("Score: 2"), "off_menu"),
        (Answer("Score: 10"), "off_menu"),
        (Answer(status=400, error={"message": "bad image", "code": "invalid_image"}), "rejected"),
        (Answer(status=413), "rejected"),
        (Answer(status=422), "rejected"),
        (Answer(status=401, error={"message": "no", "code": "invalid_api_key"}), "unavailable"),
        (Answer(status=403), "unavailable"),
        (Answer(status=404, error={"message": "gone", "code": "model_not_found"}), "unavailable"),
        (Answer(raw=b"<html>busy</html>", headers=AT_ONCE), "unavailable"),
        (Answer(raw=b'{"choices": [', headers=AT_ONCE), "unavailable"),
        (Answer(raw=b"", headers=AT_ONCE), "unavailable"),
        (Answer(raw=b"{}"), "unavailable"),
        (Answer(raw=b"[]"), "unavailable"),
        (Answer(raw=b"null"), "unavailable"),
        (Answer(raw=b'{"error": {"message": "overloaded"}}'), "unavailable"),
        (Answer(raw=COMPLETION + b"[]}"), "unavailable"),
        (Answer(raw=COMPLETION + b"null}"), "unavailable"),
        (Answer(raw=COMPLETION + b'[{"index": 0}]}'), "unavailable"),
        (Answer(raw=COMPLETION + b'[{"index": 0, "message": null}]}'), "unavailable"),
        (Answer(raw=COMPLETION + b'[{"index": 0, "message": "Score: 1"}]}'), "unavailable"),
    ],
)
def test_every_way_to_fail_has_its_reason_and_no_score(
    judged_by: JudgeServer, bare_environment: Path, answer: Answer, reason: str
) -> None:
    judged_by.script = lambda _: answer
    found = only(judged_in(bare_environment, [job("An answer.")])[0])
    assert isinstance(found, JudgeFailure), found
    assert found.reason == reason
    assert found.detail.endswith((".", "}", "'")) or "answered" in found.detail
    assert found.reply == (answer.refusal or answer.content or found.reply)
    assert 1 <= len(judged_by.judged) <= 4 * MOST_TRIES, "what holds for all calls, such as a wrong key, costs one"


@pytest.mark.long
@pytest.mark.parametrize("status", [429, 500, 503])
def test_an_endpoint_that_stays_in_trouble_is_given_up_after_a_few_tries(
    judged_by: JudgeServer, bare_environment: Path, status: int
) -> None:
    judged_by.script = lambda _: Answer(status=status, headers=AT_ONCE)
    found = only(judged_in(bare_environment, [job("An answer.")])[0])
    assert isinstance(found, JudgeFailure)
    assert (found.reason, found.reply) == ("unavailable", None)
    assert str(status) in found.detail
    assert 8 <= len(judged_by.judged) <= 4 * MOST_TRIES


@pytest.mark.long
def test_a_trouble_that_passes_costs_no_verdict(judged_by: JudgeServer, bare_environment: Path) -> None:
    seen: set[str] = set()

    def first_fails(asked: Asked) -> Answer:
        if asked.dimension in seen:
            return judge_by_answer(asked)
        seen.add(asked.dimension)
        return Answer(status=429, headers=AT_ONCE)

    judged_by.script = first_fails
    outcomes = judged_in(bare_environment, [job("An answer.")])[0]
    assert all(isinstance(one, Verdict) for one in outcomes.values())
    assert len(judged_by.judged) == 8


@pytest.mark.long
def test_a_dropped_connection_and_a_server_that_is_too_slow_are_unavailable(
    judged_by: JudgeServer, bare_environment: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def trouble(asked: Asked) -> Answer:
        return Answer("1", drop=True) if asked.dimension == "Awareness" else Answer("1", delay_seconds=1)

    judged_by.script = trouble
    monkeypatch.setenv("CROSS_JUDGE_TIMEOUT", "0.1")
    outcomes = judged_in(bare_environment, [job("An answer.")])[0]
    assert scores(outcomes) == dict.fromkeys(DIMENSIONS, "unavailable")
    assert len(judged_by.judged) <= 4 * MOST_TRIES


@pytest.mark.long
@pytest.mark.parametrize(
    "response",
    [
        *("", "  \n", "None", "ERROR: The API call failed.", "[LMMS_EVAL_BUDGET_EXCEEDED]"),
        *("[LMMS_EVAL_REQUEST_FAILED after 5 retries] Timeout", "<think>Let me see", "<think>a</think> <think>b"),
        *("<think>All I thought.</think>", "All I thought.</THINK>\n"),
    ],
)
def test_a_failed_generation_never_reaches_the_judge(
    judged_by: JudgeServer, bare_environment: Path, response: str
) -> None:
    found = only(judged_in(bare_environment, [job(response)])[0])
    assert isinstance(found, JudgeFailure)
    assert found.reason == "no_response"
    assert judged_by.asked == []


@pytest.mark.long
@pytest.mark.parametrize(
    "response",
    [
        *("None of them.", "[LMMS_EVAL_] is a prefix", "I think <thinking> is a tag.</thinking> Yes.", "."),
        *(
            "ERROR: The API call failed. Yet bring tulips.",
            "<think>a</think> Bring tulips.",
            "tail</think>Bring tulips.",
        ),
    ],
)
def test_an_answer_that_only_looks_like_a_failure_is_judged(
    judged_by: JudgeServer, bare_environment: Path, response: str
) -> None:
    assert isinstance(only(judged_in(bare_environment, [job(response)])[0]), Verdict)


# --- what is sent ---


def official_body(response: str, query: str, norm: str, dimension: str, mime: str, data: bytes) -> dict[str, Any]:
    """The body that the stand-in's official script would send, by running its own expressions."""
    tree = ast.parse(JUDGE)
    constants = {
        node.targets[0].id: ast.literal_eval(node.value)
        for node in tree.body
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name)
    }
    (call,) = (node for node in ast.walk(tree) if isinstance(node, ast.Call) and node.keywords)
    names = {
        **constants,
        "prompt": constants["DIMENSION_PROMPTS"][dimension],
        "user_query": query,
        "violated_norm": norm,
        "model_output": response,
        "image_path": base64.b64encode(data).decode(),
    }
    body: dict[str, Any] = {
        str(keyword.arg): eval(compile(ast.Expression(keyword.value), "evaluation.py", "eval"), {}, names)
        for keyword in call.keywords
    }
    url = body["messages"][1]["content"][1]["image_url"]
    url["url"] = url["url"].replace("data:image/jpeg", f"data:{mime}")
    return {**body, "model": "gpt-4o-2024-08-06"}


@pytest.mark.long
@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP"])
def test_each_body_is_the_official_one_but_for_the_pin_and_the_true_mime_type(
    judged_by: JudgeServer, bare_environment: Path, kind: str
) -> None:
    picture, response = image(kind), 'Take {prompt} or "{{these}}"\n\0\u2028 — très bien 🌷'
    judged_in(bare_environment, [job(response, picture=picture)])
    sent = {asked.dimension: asked.body for asked in judged_by.judged}
    assert len(judged_by.judged) == len(sent) == 4
    for name in OFFICIAL.values():
        query, norm = "Which {flowers} shall I bring?", "White {flowers} are for mourning."
        assert sent[name] == official_body(response, query, norm, name, f"image/{kind.lower()}", picture.data)
    assert judged_by.judged[0].headers["authorization"] == "Bearer sk-test"


def test_lone_surrogates_are_sent_as_replacement_characters(judged_by: JudgeServer, bare_environment: Path) -> None:
    outcomes = judged_in(bare_environment, [job("Bring \ud83d tulips 🌷.")])[0]
    assert {asked.response for asked in judged_by.judged} == {"Bring \ufffd tulips 🌷."}
    assert isinstance(only(outcomes), Verdict)


def test_a_judge_without_keys_is_sent_none(
    judged_by: JudgeServer, bare_environment: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CROSS_JUDGE_API_KEY", "none")
    monkeypatch.setenv("OPENAI_API_KEY", "sk-mine")
    monkeypatch.setenv("OPENAI_CUSTOM_HEADERS", "Authorization: Bearer sk-mine")
    assert isinstance(only(judged_in(bare_environment, [job("An answer.")])[0]), Verdict)
    assert all("authorization" not in asked.headers for asked in judged_by.judged)


# --- scores ---


@pytest.mark.long
def test_each_score_is_the_servers_own_for_that_answer_and_a_violation_is_turned_round(
    judged_by: JudgeServer, bare_environment: Path
) -> None:
    responses = [f"Answer number {number}." for number in range(20)]
    for response, outcomes in zip(responses, judged_in(bare_environment, [*map(job, responses)]), strict=True):
        told = {name: score_of(response, official) for name, official in OFFICIAL.items()}
        assert scores(outcomes) == {**told, "compliance": 1 - told["compliance"]}
        for name, outcome in outcomes.items():
            assert isinstance(outcome, Verdict)
            assert outcome.rationale.startswith(f"On {OFFICIAL[name]}, I read {len(response)} characters.")
            assert (outcome.model, outcome.usage.prompt_tokens) == ("gpt-4o-2024-08-06", 100)
    assert len(judged_by.judged) == 80


@pytest.mark.long
def test_no_more_calls_are_in_flight_than_allowed(
    judged_by: JudgeServer, bare_environment: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lock, now, most = threading.Lock(), 0, 0

    def count(asked: Asked) -> Answer:
        nonlocal now, most
        with lock:
            now += 1
            most = max(most, now)
        threading.Event().wait(0.01)
        with lock:
            now -= 1
        return judge_by_answer(asked)

    judged_by.script = count
    monkeypatch.setenv("CROSS_JUDGE_CONCURRENCY", "3")
    judged_in(bare_environment, [job(f"Answer {number}.") for number in range(10)])
    assert 1 <= most <= 3


# --- the ledger: what is asked again, and what is not ---


def test_a_rerun_makes_no_call_and_gives_the_same(judged_by: JudgeServer, bare_environment: Path) -> None:
    jobs = [job(f"Answer {number}.") for number in range(3)]
    first = judged_in(bare_environment, jobs)
    assert judged_in(bare_environment, jobs) == first
    assert len(judged_by.judged) == 12


def test_equal_answers_at_once_are_paid_for_once(judged_by: JudgeServer, bare_environment: Path) -> None:
    found = judged_in(bare_environment, [job("The same.")] * 5)
    assert len(judged_by.judged) == 4
    assert all(outcomes == found[0] for outcomes in found)


def other_rubric(folder: Path) -> Job:
    return job("An answer.", judged_by=rubric(folder, JUDGE + "# changed"))


@pytest.mark.long
@pytest.mark.parametrize(
    "another",
    [
        lambda folder: job("Another answer."),
        lambda folder: job("An answer. "),
        lambda folder: job("An answer.", query="Another?"),
        lambda folder: job("An answer.", norm="Another norm."),
        lambda folder: job("An answer.", picture=image("PNG", 10)),
        other_rubric,
    ],
)
def test_what_decides_a_verdict_makes_a_new_call(
    judged_by: JudgeServer, bare_environment: Path, tmp_path: Path, another: Callable[[Path], Job]
) -> None:
    judged_in(bare_environment, [job("An answer.")])
    judged_in(bare_environment, [another(tmp_path)])
    assert len(judged_by.judged) == 8


def test_the_same_answer_to_the_same_question_in_another_sample_is_not_asked_again(
    judged_by: JudgeServer, bare_environment: Path
) -> None:
    judged_in(bare_environment, [job("An answer."), job("An answer.", sample_id="casa/english/France_1/2", wording=2)])
    assert len(judged_by.judged) == 4


def test_another_model_is_another_judge(
    judged_by: JudgeServer, bare_environment: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    judged_by.models = None
    judged_in(bare_environment, [job("An answer.")])
    monkeypatch.setenv("CROSS_JUDGE_MODEL", "another")
    judged_in(bare_environment, [job("An answer.")])
    assert [asked.body["model"] for asked in judged_by.judged] == ["gpt-4o-2024-08-06"] * 4 + ["another"] * 4


@pytest.mark.long
@pytest.mark.parametrize(("judge_id", "calls_there"), [(None, 4), ("the-panel", 0)])
def test_a_verdict_from_another_host_is_reused_only_under_a_judge_id(
    judged_by: JudgeServer,
    bare_environment: Path,
    monkeypatch: pytest.MonkeyPatch,
    judge_id: str | None,
    calls_there: int,
) -> None:
    if judge_id:
        monkeypatch.setenv("CROSS_JUDGE_ID", judge_id)
    judged_in(bare_environment, [job("An answer.")])
    with JudgeServer() as other:
        monkeypatch.setenv("CROSS_JUDGE_BASE_URL", other.url)
        judged_in(bare_environment, [job("An answer.")])
        assert len(other.judged) == calls_there


@pytest.mark.long
@pytest.mark.parametrize(
    ("answer", "asked_again"),
    [
        (Answer(status=503, headers=AT_ONCE), True),
        (Answer("I can't say."), False),
        (Answer("Score: 2"), False),
        (Answer(None, refusal="No."), False),
        (Answer("1", finish_reason="length"), False),
        (Answer(status=400), False),
    ],
)
def test_a_rerun_asks_again_for_what_was_unavailable_and_for_nothing_else(
    judged_by: JudgeServer, bare_environment: Path, answer: Answer, asked_again: bool
) -> None:
    judged_by.script = lambda _: answer
    judged_in(bare_environment, [job("An answer.")])
    judged_by.script, before = judge_by_answer, len(judged_by.judged)
    again = only(judged_in(bare_environment, [job("An answer.")])[0])
    assert isinstance(again, Verdict) == asked_again
    assert len(judged_by.judged) - before == (4 if asked_again else 0)
    judged_in(bare_environment, [job("An answer.")])
    assert len(judged_by.judged) - before == (4 if asked_again else 0)


@pytest.mark.long
def test_a_failure_of_the_second_run_is_not_asked_for_in_the_third(
    judged_by: JudgeServer, bare_environment: Path
) -> None:
    for script in (Answer(status=503, headers=AT_ONCE), Answer(None, refusal="No.")):
        judged_by.script = lambda _, script=script: script  # type: ignore[misc]
        judged_in(bare_environment, [job("An answer.")])
    before = len(judged_by.judged)
    assert scores(judged_in(bare_environment, [job("An answer.")])[0]) == dict.fromkeys(DIMENSIONS, "refused")
    assert len(judged_by.judged) == before


def test_the_ledger_knows_the_host_but_no_path_and_no_text_of_the_benchmark(
    judged_by: JudgeServer, bare_environment: Path
) -> None:
    judged_in(bare_environment, [job("An answer.")])
    with closing(sqlite3.connect(bare_environment / "ledger.sqlite")) as connection:
        text = "\n".join(connection.iterdump())
    assert judged_by.url.removesuffix("/v1") in text
    assert judged_by.url not in text
    assert "mourning" not in text
    assert "<<DIM" not in text


@pytest.mark.long
@pytest.mark.parametrize("status", [200, 401, 400, 500])
def test_a_key_is_in_no_outcome_no_log_and_no_byte_of_the_ledger(
    judged_by: JudgeServer,
    bare_environment: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    status: int,
) -> None:
    canary = "sk-canary-0123456789"
    monkeypatch.setenv("CROSS_JUDGE_API_KEY", canary)
    said = f"The key {canary} is not good"
    judged_by.script = lambda _: Answer("Score: 1", status=status, error={"message": said}, headers=AT_ONCE)
    with caplog.at_level(logging.DEBUG):
        outcomes = judged_in(bare_environment, [job("An answer.")])
    assert {asked.headers["authorization"] for asked in judged_by.judged} == {f"Bearer {canary}"}
    assert canary not in repr(outcomes) + caplog.text
    for file in bare_environment.iterdir():
        assert canary.encode() not in file.read_bytes()


def test_a_missing_image_is_an_error_and_no_verdict(judged_by: JudgeServer, bare_environment: Path) -> None:
    broken = job("An answer.", image_sha256="0" * 64)
    with pytest.raises(KeyError):
        judged_in(bare_environment, [broken])
    with closing(Ledger(bare_environment / "ledger.sqlite")) as ledger:
        assert ledger.count("verdict") == 0
