"""The engine against a judge on the loopback: tries, asking again, giving up, money, what is learnt."""

import gc
import json
import re
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from lmms_eval_cross.benchmark.records import JudgeFailure, Outcome, Usage, Verdict
from lmms_eval_cross.benchmark.rubric import Rubric
from lmms_eval_cross.data.images import StoredImage
from lmms_eval_cross.judge.endpoint import find_endpoint
from lmms_eval_cross.judge.endpoint_judge import EndpointJudge
from lmms_eval_cross.judge.engine import Bounds, JudgeEngine
from lmms_eval_cross.judge.job import Job
from lmms_eval_cross.judge.probe import probe, shutdown_warning
from lmms_eval_cross.judging import open_budget
from lmms_eval_cross.ledger import spend
from lmms_eval_cross.ledger.contents import describe_learnt
from lmms_eval_cross.ledger.spend import Budget
from lmms_eval_cross.ledger.store import Ledger
from lmms_eval_cross.settings import load_settings
from tests.judge_server import Answer, Asked, JudgeServer, judge_by_answer, score_of
from tests.samples import make_sample

Judge = Callable[..., list[Mapping[str, Outcome]]]
QUICK = Bounds(backoff_seconds=0.01)


@pytest.fixture
def ledger(request: pytest.FixtureRequest, bare_environment: Path) -> Iterator[Ledger]:
    """A file; where a test is marked with `EACH_ENGINE`, a team's ledger as well."""
    if getattr(request, "param", "sqlite") == "postgres":
        ledger = Ledger(request.getfixturevalue("team"))
    else:
        ledger = Ledger(bare_environment / "ledger.sqlite")
    yield ledger
    ledger.close()


EACH_ENGINE = pytest.mark.parametrize("ledger", ["sqlite", "postgres"], indirect=True)


def picture(sha256: str) -> StoredImage:
    return StoredImage(sha256, "image/png", b"a picture of " + sha256.encode())


def job(rubric: Rubric, number: int = 0, response: str | None = None) -> Job:
    sample = make_sample(f"Japan_{number}", query=f"Question {number}?", image_sha256=f"{number % 3:064x}")
    return Job(sample, response or f"Answer {number}", rubric, picture)


@pytest.fixture
def judge(judged_by: JudgeServer, rubric: Rubric, ledger: Ledger) -> Judge:
    """Judge so many answers, or the jobs given, with a fresh engine; gives the outcomes of each in order."""

    def run(jobs: int | list[Job], bounds: Bounds = QUICK, concurrency: int = 8) -> list[Mapping[str, Outcome]]:
        jobs = [job(rubric, number) for number in range(jobs)] if isinstance(jobs, int) else jobs
        engine = JudgeEngine(EndpointJudge(load_settings()), ledger, concurrency, bounds)
        told: dict[int, Mapping[str, Outcome]] = {}
        for number, one in enumerate(jobs):
            engine.submit(one, lambda outcomes, number=number: told.__setitem__(number, outcomes))
        engine.drain(show_progress=False)
        engine.close()
        return [told[number] for number in range(len(jobs))]

    return run


def reasons(told: list[Mapping[str, Outcome]]) -> Counter[str]:
    outcomes = [outcome for outcomes in told for outcome in outcomes.values()]
    return Counter(outcome.reason if isinstance(outcome, JudgeFailure) else "scored" for outcome in outcomes)


def after(times: int, then: Callable[[Asked], Answer], first: Callable[[Asked], Answer]) -> Callable[[Asked], Answer]:
    """A script that answers every distinct call `times` times with `first`, and from then on with `then`."""
    seen: Counter[str] = Counter()

    def script(asked: Asked) -> Answer:
        seen[asked.text] += 1
        return first(asked) if seen[asked.text] <= times else then(asked)

    return script


# ---------------------------------------------------------------- tries


@pytest.mark.long
@pytest.mark.parametrize("status", [400, 401, 403, 404, 413, 422])
def test_what_will_not_pass_is_never_tried_again(judge: Judge, judged_by: JudgeServer, status: int) -> None:
    judged_by.script = lambda asked: Answer(status=status)
    judge(1, concurrency=1)
    texts = Counter(asked.text for asked in judged_by.judged)
    assert max(texts.values()) == 1


@pytest.mark.long
@pytest.mark.parametrize("status", [408, 500, 502, 503, 504])
def test_what_may_pass_is_tried_five_times_where_others_are_answered(
    judge: Judge, judged_by: JudgeServer, status: int
) -> None:
    def script(asked: Asked) -> Answer:
        if (asked.response, asked.dimension) == ("Answer 0", "Awareness"):
            return Answer(status=status, delay_seconds=0.05, headers={"Retry-After": "0"})
        return replace(judge_by_answer(asked), delay_seconds=0.01)

    judged_by.script = script
    told = judge(40)
    assert reasons(told) == {"scored": 159, "unavailable": 1}
    assert "5 times" in str(told[0]["awareness"])
    assert 159 + 5 <= len(judged_by.judged) <= 159 + 7, "a try counts only if others were answered during it"


@pytest.mark.long
def test_a_call_that_is_always_refused_while_others_are_answered_ends(judge: Judge, judged_by: JudgeServer) -> None:
    """Some endpoints say 429 to a call that is larger than the quota of a minute."""

    def script(asked: Asked) -> Answer:
        if (asked.response, asked.dimension) == ("Answer 0", "Awareness"):
            return Answer(status=429, delay_seconds=0.02)
        return replace(judge_by_answer(asked), delay_seconds=0.01)

    judged_by.script = script
    assert reasons(judge(120)) == {"scored": 479, "unavailable": 1}
    assert 479 + 20 <= len(judged_by.judged) <= 479 + 25


@pytest.mark.long
@pytest.mark.parametrize("bad", [Answer(status=503), Answer(raw=b"<html>"), Answer(raw=b'{"choices": 7}')])
def test_a_fault_that_passes_costs_no_verdict(judge: Judge, judged_by: JudgeServer, bad: Answer) -> None:
    judged_by.script = after(2, judge_by_answer, lambda asked: bad)
    assert reasons(judge(3)) == {"scored": 12}
    assert len(judged_by.judged) == 3 * 12


def test_refusals_do_not_use_up_the_tries_while_other_calls_succeed(judge: Judge, judged_by: JudgeServer) -> None:
    hard = after(6, judge_by_answer, lambda asked: Answer(status=429))
    is_hard = ("Answer 0", "Awareness")
    judged_by.script = lambda a: hard(a) if (a.response, a.dimension) == is_hard else judge_by_answer(a)
    assert reasons(judge(10)) == {"scored": 40}


@pytest.mark.long
def test_retry_after_is_waited_for(judge: Judge, judged_by: JudgeServer, rubric: Rubric) -> None:
    times: dict[str, list[float]] = {}

    def script(asked: Asked) -> Answer:
        times.setdefault(asked.text, []).append(time.monotonic())
        refuse = len(times[asked.text]) == 1
        return Answer(status=429, headers={"Retry-After": "0.4"}) if refuse else judge_by_answer(asked)

    judged_by.script = script
    assert reasons(judge(1)) == {"scored": 4}
    assert all(second - first >= 0.39 for first, second in times.values())


# ---------------------------------------------------------------- asking again


def test_an_unparsable_reply_is_asked_for_once_more_with_the_same_settings(
    judge: Judge, judged_by: JudgeServer
) -> None:
    judged_by.script = after(1, judge_by_answer, lambda asked: Answer("I can't decide."))
    told = judge(1)[0]
    assert reasons([told]) == {"scored": 4}
    bodies = Counter(json.dumps(asked.body, sort_keys=True) for asked in judged_by.judged)
    assert set(bodies.values()) == {2}
    assert all(outcome.usage == Usage(200, 0, 40, 0) for outcome in told.values())


def test_a_judge_that_never_gives_a_score_is_asked_twice_and_no_more(judge: Judge, judged_by: JudgeServer) -> None:
    judged_by.script = lambda asked: Answer("I can't decide.")
    assert reasons(judge(1)) == {"unparsable": 4}
    assert len(judged_by.judged) == 8
    assert {asked.body["temperature"] for asked in judged_by.judged} == {0}


@pytest.mark.long
@pytest.mark.parametrize(
    ("answer", "reason"),
    [(Answer("Score: 7"), "off_menu"), (Answer(""), "empty"), (Answer("x", finish_reason="length"), "truncated")],
)
def test_other_failures_are_not_asked_again(judge: Judge, judged_by: JudgeServer, answer: Answer, reason: str) -> None:
    judged_by.script = lambda asked: answer
    assert reasons(judge(1)) == {reason: 4}
    assert len(judged_by.judged) == 4


# ---------------------------------------------------------------- giving up


def test_a_wrong_key_costs_exactly_one_request(
    judge: Judge, judged_by: JudgeServer, capsys: pytest.CaptureFixture[str]
) -> None:
    judged_by.keys = {"another"}
    assert reasons(judge(30, concurrency=64)) == {"unavailable": 120}
    assert len(judged_by.asked) == 1
    said = capsys.readouterr().err
    assert said.count("lmms-eval-cross judge RUN") == 1
    assert "sk-test" not in said


def test_an_empty_purse_at_the_endpoint_ends_it(judge: Judge, judged_by: JudgeServer) -> None:
    spent = Answer(status=429, error={"message": "You exceeded your quota", "code": "insufficient_quota"})
    judged_by.script = lambda asked: spent
    assert reasons(judge(30)) == {"unavailable": 120}
    assert len(judged_by.judged) == 1


def test_a_judge_that_can_not_see_ends_it_with_the_endpoints_words(
    judge: Judge, judged_by: JudgeServer, capsys: pytest.CaptureFixture[str]
) -> None:
    blind = Answer(status=400, error={"message": "This model does not support image inputs"})
    judged_by.script = lambda asked: blind
    told = judge(30)
    assert len(judged_by.judged) == 1
    assert set(reasons(told)) == {"rejected", "unavailable"}
    assert "does not support image inputs" in capsys.readouterr().err


def test_one_bad_picture_does_not_end_it(judge: Judge, judged_by: JudgeServer) -> None:
    def script(asked: Asked) -> Answer:
        bad = asked.response == "Answer 0"
        return Answer(status=400, error={"message": "Could not process image"}) if bad else judge_by_answer(asked)

    judged_by.script = script
    assert reasons(judge(5)) == {"rejected": 4, "scored": 16}


@pytest.mark.long
def test_a_judge_that_dies_in_the_middle_holds_nobody_up(
    judge: Judge, judged_by: JudgeServer, ledger: Ledger, capsys: pytest.CaptureFixture[str]
) -> None:
    answered = threading.Semaphore(6)

    def script(asked: Asked) -> Answer:
        alive = answered.acquire(blocking=False)
        return judge_by_answer(asked) if alive else Answer(status=503, headers={"Retry-After": "0.2"})

    judged_by.script = script
    began = time.monotonic()
    told = judge(10, Bounds(patience_seconds=0.6))
    assert time.monotonic() - began < 5
    assert reasons(told) == {"scored": 6, "unavailable": 34}
    said = [line for line in capsys.readouterr().err.splitlines() if "lmms-eval-cross judge RUN" in line]
    assert len(said) == 1
    assert "nothing more is asked. What was met last: The endpoint answered 503: made to fail. `lmms-eval" in said[0]
    judged_by.script = judge_by_answer
    before = len(judged_by.judged)
    assert reasons(judge(10)) == {"scored": 40}
    assert len(judged_by.judged) - before == 34


@pytest.mark.long
def test_a_judge_that_hangs_is_given_up_in_flight(judge: Judge, judged_by: JudgeServer) -> None:
    judged_by.script = lambda asked: Answer("Score: 1", delay_seconds=3)
    began = time.monotonic()
    assert reasons(judge(3, Bounds(patience_seconds=0.3))) == {"unavailable": 12}
    assert time.monotonic() - began < 2


# ---------------------------------------------------------------- what is learnt


def refuse_temperature(asked: Asked) -> Answer:
    if "temperature" in asked.body:
        message = "Unsupported value: 'temperature' does not support 0 with this model."
        return Answer(status=400, error={"message": message, "param": "temperature", "code": "unsupported_value"})
    return judge_by_answer(asked)


@pytest.mark.long
def test_a_refused_temperature_is_learnt_once_remembered_and_recorded(
    judge: Judge, judged_by: JudgeServer, ledger: Ledger, rubric: Rubric
) -> None:
    judged_by.script = refuse_temperature
    told = judge(10)
    assert reasons(told) == {"scored": 40}
    assert sum("temperature" in asked.body for asked in judged_by.judged) == 1
    assert {outcome.quirks for outcomes in told for outcome in outcomes.values()} == {("no_temperature",)}
    judge([job(rubric, 99)])
    assert sum("temperature" in asked.body for asked in judged_by.judged) == 1
    assert ledger.select("SELECT DISTINCT quirks FROM verdict") == [{"quirks": '["no_temperature"]'}]


STRICT = Answer(status=500, error={"message": "`temperature` (=0) has to be a strictly positive float"})


def test_a_server_that_fails_for_a_parameter_is_believed_the_second_time(
    judge: Judge, judged_by: JudgeServer, ledger: Ledger
) -> None:
    judged_by.script = lambda asked: STRICT if "temperature" in asked.body else judge_by_answer(asked)
    assert reasons(judge(3)) == {"scored": 12}
    assert sum("temperature" in asked.body for asked in judged_by.judged) == 2
    assert ledger.select("SELECT DISTINCT quirks FROM verdict") == [{"quirks": '["no_temperature"]'}]


@pytest.mark.parametrize(
    "failing",
    [
        [STRICT],
        [Answer(status=500, error={"message": "Worker died on {'temperature': 0, 'messages': [...]}"})] * 3,
    ],
    ids=["once", "the request printed"],
)
def test_a_server_that_failed_for_another_reason_teaches_nothing(
    judge: Judge, judged_by: JudgeServer, failing: list[Answer]
) -> None:
    left = list(failing)
    judged_by.script = lambda asked: left.pop() if left else judge_by_answer(asked)
    assert reasons(judge(3)) == {"scored": 12}
    assert all(asked.body["temperature"] == 0 for asked in judged_by.judged)


def test_max_tokens_goes_out_under_the_name_that_the_model_takes(
    judge: Judge, judged_by: JudgeServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    def script(asked: Asked) -> Answer:
        if "max_tokens" in asked.body:
            message = "Unsupported parameter: 'max_tokens'. Use 'max_completion_tokens' instead."
            return Answer(status=400, error={"message": message, "param": "max_tokens"})
        return judge_by_answer(asked)

    monkeypatch.setenv("CROSS_JUDGE_MAX_TOKENS", "700")
    judged_by.script = script
    assert reasons(judge(3)) == {"scored": 12}
    assert {asked.body.get("max_completion_tokens") for asked in judged_by.judged} == {None, 700}
    assert sum("max_tokens" in asked.body for asked in judged_by.judged) == 1


def test_a_400_that_quotes_the_answer_teaches_nothing(judge: Judge, judged_by: JudgeServer) -> None:
    said = {"message": "Invalid prompt: the temperature in Kyoto", "param": "messages"}
    judged_by.script = lambda asked: Answer(status=400, error=said)
    told = judge(1)
    assert reasons(told) == {"rejected": 4}
    assert all("temperature" in asked.body for asked in judged_by.judged)


@pytest.mark.long
@pytest.mark.parametrize(
    ("refusal", "reason"),
    [
        (
            Answer(
                status=422,
                raw=json.dumps(
                    {
                        "detail": [
                            {
                                "loc": ["body", "messages", 1, "content"],
                                "msg": "String should have at most 4000 characters",
                                "input": {"temperature": 0, "max_tokens": 300},
                            }
                        ]
                    }
                ).encode(),
            ),
            "rejected",
        ),
        (Answer(status=400, error={"message": "Inappropriate content: ...the temperature of the tea..."}), "refused"),
        (
            Answer(
                status=400, error={"message": "'max_tokens' is too large: 300. Your request has 3900 input tokens."}
            ),
            "rejected",
        ),
    ],
    ids=["the request sent back", "the answer quoted", "too large for one"],
)
def test_what_one_answer_meets_with_is_learnt_of_no_endpoint(
    judge: Judge,
    judged_by: JudgeServer,
    ledger: Ledger,
    refusal: Answer,
    reason: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("CROSS_JUDGE_MAX_TOKENS", "300")
    judged_by.script = lambda a: refusal if a.response == "Answer 0" else judge_by_answer(a)
    told = judge(4)
    assert reasons(told) == {reason: 4, "scored": 12}
    assert {outcome.quirks for outcomes in told for outcome in outcomes.values()} == {()}
    sent = [asked.body for asked in judged_by.judged if asked.response != "Answer 0"]
    assert all(body["temperature"] == 0 and body["max_tokens"] == 300 for body in sent)
    assert ledger.select("SELECT quirks FROM learnt WHERE quirks <> '[]'") == []


@pytest.mark.long
def test_what_was_learnt_is_shown_and_can_be_forgotten(
    judge: Judge, judged_by: JudgeServer, ledger: Ledger, rubric: Rubric
) -> None:
    judged_by.script = refuse_temperature
    judge(2)
    assert any("no_temperature" in line for line in describe_learnt(ledger))
    assert spend.forget_learnt(ledger) == 1
    assert describe_learnt(ledger) == []
    judged_by.script, before = judge_by_answer, len(judged_by.judged)
    judge([job(rubric, 9)])
    assert all("temperature" in asked.body for asked in judged_by.judged[before:])


# ---------------------------------------------------------------- money


def priced(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A call of 100 and 20 tokens costs exactly one cent."""
    text = "date: 2026-01-01\nmodels: {gpt-4o-2024-08-06: {input: 60.0, cached: 60.0, output: 200.0}}\n"
    (tmp_path / "prices.yml").write_text(text)
    monkeypatch.setenv("CROSS_JUDGE_PRICES", str(tmp_path / "prices.yml"))


class SlowlyCounted(Budget):
    """A budget on a server that takes its time to note what a call did cost."""

    is_shared = True

    def settle(self, promise: int, usd: float) -> None:
        time.sleep(0.2)
        super().settle(promise, usd)


@pytest.mark.long
def test_money_that_is_about_to_come_back_is_waited_for(
    judge: Judge, ledger: Ledger, judged_by: JudgeServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    priced(monkeypatch, tmp_path)
    judge(20, Bounds(budget=SlowlyCounted(ledger, 0.5, "run")))
    assert 30 <= len(judged_by.judged) <= 50


@pytest.mark.long
@EACH_ENGINE
def test_the_budget_stops_before_the_call_that_would_pass_it(
    judge: Judge, ledger: Ledger, judged_by: JudgeServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    priced(monkeypatch, tmp_path)
    budget = Budget(ledger, 0.5, "run")
    told = judge(20, Bounds(budget=budget))
    made = len(judged_by.judged)
    assert made * 0.01 <= 0.5
    assert reasons(told) == {"scored": made, "budget": 80 - made}
    assert budget.spent == pytest.approx(made * 0.01)
    assert made >= 30, "what was promised for dear calls comes back when they turn out cheap"
    assert reasons(judge(20)) == {"scored": 80}
    assert len(judged_by.judged) == 80, "no verdict is paid for twice"


@EACH_ENGINE
def test_two_ranks_do_not_spend_the_same_dollar(ledger: Ledger, tmp_path: Path) -> None:
    other = Ledger(ledger.address)
    first, second = (Budget(one, 1.0, "run") for one in (ledger, other))
    promises = [budget.promise(0.3) for budget in (first, second, first)]
    assert all(promise is not None for promise in promises)
    assert second.promise(0.3) is None
    first.settle(promises[0] or 0, 0.1)
    assert second.promise(0.3) is not None
    assert first.spent == pytest.approx(1.0)
    other.close()


@EACH_ENGINE
def test_what_an_earlier_run_spent_is_not_this_runs(ledger: Ledger) -> None:
    Budget(ledger, 1.0, "one").promise(0.9)
    assert Budget(ledger, 1.0, "another").promise(0.9) is not None
    before = spend.last_entry_before(ledger, "one", time.time() + 1)
    assert Budget(ledger, 1.0, "one", before).promise(0.9) is not None, "an earlier run of the same name"


@EACH_ENGINE
def test_ranks_that_are_started_again_go_on_with_what_is_left(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CROSS_RUN_ID", "run")
    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.setenv("CROSS_JUDGE_BUDGET_USD", "1")
    ledger.change("INSERT INTO spend (usd, at, run) VALUES (0.9, ?, 'run')", (time.time() - 3600,))
    budget = open_budget(load_settings(), ledger)
    assert budget is not None
    assert budget.spent == 0.9, "by a rank that was killed an hour after the run's start"


@EACH_ENGINE
def test_a_clock_that_is_set_back_frees_no_money(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    budget = Budget(ledger, 1.0, "run")
    assert budget.promise(0.9) is not None
    now = time.time()
    monkeypatch.setattr(spend.time, "time", lambda: now - 86_400)
    assert budget.promise(0.9) is None
    assert budget.promise(0.1) is not None
    assert budget.promise(0.1) is None


@pytest.mark.long
@pytest.mark.parametrize(
    "usage",
    [
        None,
        {},
        {"prompt_tokens": None, "completion_tokens": None},
        {"prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0},
        {"prompt_tokens": -100, "completion_tokens": -20},
        {"prompt_tokens": 1, "completion_tokens": 0},
        {"prompt_tokens": 1, "completion_tokens": 0, "prompt_tokens_details": {"cached_tokens": 5000}},
    ],
    ids=["absent", "empty", "null", "zero", "negative", "one", "cached above prompt"],
)
def test_a_call_without_a_credible_count_is_counted_all_the_same(
    judge: Judge,
    ledger: Ledger,
    judged_by: JudgeServer,
    usage: object,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    priced(monkeypatch, tmp_path)
    choice = {"index": 0, "message": {"role": "assistant", "content": "Score: 1"}, "finish_reason": "stop"}
    body = {"id": "x", "object": "chat.completion", "created": 0, "model": "m", "choices": [choice], "usage": usage}
    judged_by.script = lambda asked: Answer(raw=json.dumps(body).encode())
    budget = Budget(ledger, 0.5, "run")
    told = judge(40, Bounds(budget=budget))
    assert reasons(told)["budget"] > 80, "the budget is for some five calls, or some 60 of the least that one can cost"
    assert 0 < budget.spent <= 0.5


@pytest.mark.long
def test_a_call_that_is_given_up_may_have_cost_what_was_set_aside(
    judge: Judge, ledger: Ledger, judged_by: JudgeServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    priced(monkeypatch, tmp_path)
    monkeypatch.setenv("CROSS_JUDGE_TIMEOUT", "0.2")
    judged_by.script = lambda asked: Answer("Score: 1", delay_seconds=0.6)
    budget = Budget(ledger, 50, "run")
    judge(1, Bounds(budget=budget, patience_seconds=0.5, backoff_seconds=0.05), concurrency=1)
    assert budget.spent > 0.05


# ---------------------------------------------------------------- one engine, many threads


@pytest.mark.long
def test_closing_at_any_moment_leaves_no_connection_open(
    judged_by: JudgeServer, rubric: Rubric, ledger: Ledger
) -> None:
    judged_by.script = lambda asked: Answer(delay_seconds=0.05)
    for moment in range(30):  # while it resolves, connects, sends, and waits
        engine = JudgeEngine(EndpointJudge(load_settings()), ledger, 8, QUICK)
        for number in range(8):
            engine.submit(job(rubric, 100 * moment + number), lambda outcomes: None)
        time.sleep(moment / 2000)
        engine.close()
    gc.collect()  # what was left open warns when it is thrown away, and a warning fails a test


def test_equal_answers_are_asked_for_once(judge: Judge, judged_by: JudgeServer, rubric: Rubric) -> None:
    told = judge([job(rubric, 1)] * 6)
    assert len(judged_by.judged) == 4
    assert len({json.dumps({k: repr(v) for k, v in outcomes.items()}) for outcomes in told}) == 1


@pytest.mark.long
def test_scores_belong_to_their_answers(judge: Judge, judged_by: JudgeServer) -> None:
    for number, outcomes in enumerate(judge(30, concurrency=64)):
        for name, outcome in outcomes.items():
            assert isinstance(outcome, Verdict)
            official = "Violation" if name == "compliance" else name.capitalize()
            given = score_of(f"Answer {number}", official)
            assert outcome.score == (1 - given if name == "compliance" else given)


def test_a_bug_in_judging_is_raised_and_no_failure(judge: Judge, rubric: Rubric) -> None:
    def broken(sha256: str) -> StoredImage:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        judge([Job(job(rubric).sample, "An answer", rubric, broken)])


def test_a_failed_generation_is_never_asked_about(judge: Judge, judged_by: JudgeServer, rubric: Rubric) -> None:
    assert reasons(judge([job(rubric, 1, "[LMMS_EVAL_REQUEST_FAILED after 5 retries] x")])) == {"no_response": 4}
    assert judged_by.asked == []


def test_a_line_every_30_seconds_says_how_it_goes() -> None:
    from lmms_eval_cross.judge.prices import Price
    from lmms_eval_cross.judge.progress import Progress, Tally

    tally = Tally(Price(input=10, cached=5, output=20), submitted=100)
    with Progress(tally, shown=True) as progress:
        tally.judged, tally.failed, tally.in_flight = 38, 2, 7
        tally.usage = Usage(100_000, 0, 10_000)
        line = progress.line(time.monotonic() + 20)
    assert re.fullmatch(
        r"Judging: 40/100, 2 failed, 7 in flight, 110,000 tokens, \$1\.20, 2\.0/s, (29|30) s left", line
    )


def test_a_judge_that_has_gone_silent_is_told() -> None:
    from lmms_eval_cross.judge.progress import Progress, Tally

    tally = Tally(submitted=100)
    with Progress(tally, shown=True) as progress:
        tally.judged = 40
        progress.update()
        now = time.monotonic()
        assert "nothing for" not in progress.line(now + 5)
        assert "0 tokens, nothing for 45 s, " in progress.line(now + 45)
        assert "nothing for 4 min" in progress.line(now + 240)
        tally.judged = 41
        assert "nothing for" not in progress.line(now + 241)


# ---------------------------------------------------------------- the probe


def test_a_probed_and_known_judge_is_not_asked_alone_first(judged_by: JudgeServer, ledger: Ledger) -> None:
    settings = load_settings()
    endpoint = find_endpoint(settings)
    assert not EndpointJudge(settings).probed
    probe(endpoint, settings.judge_model)
    assert EndpointJudge(settings).probed
    spend.save_quirks(ledger, endpoint.host, settings.judge_model, "official", frozenset())
    assert spend.load_quirks(ledger, endpoint.host, settings.judge_model, "official") == frozenset()
    assert spend.load_quirks(ledger, endpoint.host, settings.judge_model, "joint-1") is None


@pytest.mark.parametrize("told", [None, "", "never", 1e30, [], "2027-13-45"])
def test_a_shutdown_date_that_is_none_warns_of_nothing(told: object) -> None:
    from datetime import date

    assert shutdown_warning("m", told, date(2026, 11, 1)) is None


def test_a_model_that_retires_within_90_days_is_warned_of() -> None:
    from datetime import date

    assert shutdown_warning("m", "2027-01-14", date(2026, 10, 15)) is None
    assert "in 90 days" in (shutdown_warning("m", "2027-01-14", date(2026, 10, 16)) or "")
    assert "in 90 days" in (shutdown_warning("m", 1799884800, date(2026, 10, 16)) or "")
    assert "was to be shut down" in (shutdown_warning("m", "2027-01-14T00:00:00Z", date(2027, 2, 1)) or "")


def test_the_probe_warns_of_what_the_endpoint_tells(
    judged_by: JudgeServer, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    soon = time.strftime("%Y-%m-%d", time.gmtime(time.time() + 30 * 86400))
    body = {"id": "gpt-4o-2024-08-06", "object": "model", "created": 0, "owned_by": "x", "shutdown_date": soon}
    monkeypatch.setattr(judged_by, "_model", lambda asked: Answer(raw=json.dumps(body).encode()))
    probe(find_endpoint(load_settings()), "gpt-4o-2024-08-06")
    assert f"shut down on {soon}" in capsys.readouterr().err
