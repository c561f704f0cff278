"""The Batch API against a server that speaks it: same verdicts, nothing paid twice, whatever dies when."""

import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from lmms_eval_cross.benchmark.records import DIMENSIONS, JudgeFailure, Outcome, Verdict
from lmms_eval_cross.benchmark.rubric import Rubric
from lmms_eval_cross.data.images import StoredImage
from lmms_eval_cross.errors import JudgeSetupError
from lmms_eval_cross.judge import batch_api as module
from lmms_eval_cross.judge.batch_api import BatchJudge, split
from lmms_eval_cross.judge.endpoint_judge import EndpointJudge
from lmms_eval_cross.judge.engine import JudgeEngine
from lmms_eval_cross.judge.job import Job, judge_identity
from lmms_eval_cross.judging import JudgeSession
from lmms_eval_cross.ledger.batches import forget_batches
from lmms_eval_cross.ledger.store import Ledger
from lmms_eval_cross.settings import load_settings
from tests.batch_server import BatchServer
from tests.judge_server import Answer, Asked, JudgeServer, judge_by_answer
from tests.samples import make_sample
from tests.test_hostile_files import DEEP


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[BatchServer]:
    with BatchServer() as started:
        monkeypatch.setenv("CROSS_JUDGE_BASE_URL", started.url)
        monkeypatch.setenv("CROSS_JUDGE_API_KEY", "sk-test")
        yield started


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    opened = Ledger(tmp_path / "ledger.sqlite")
    yield opened
    opened.close()


def jobs(rubric: Rubric, count: int = 5) -> list[Job]:
    return [
        Job(
            make_sample(f"Japan_{n}", query=f"Question {n}?"),
            f"Answer {n}",
            rubric,
            lambda sha256: StoredImage(sha256, "image/png", b"\x89PNG" + sha256.encode()),
        )
        for n in range(count)
    ]


def judge(ledger: Ledger, given: list[Job]) -> int:
    one = BatchJudge(load_settings(), ledger, say=lambda _: None, poll_seconds=0.01)
    try:
        return one.judge(given).calls
    finally:
        one.close()


def outcomes(ledger: Ledger, given: list[Job]) -> list[Outcome | None]:
    identity = judge_identity(load_settings())
    return [ledger.find(job.key(identity, name).digest, None) for job in given for name in DIMENSIONS]


def test_a_batch_gives_the_verdicts_that_single_calls_give(
    server: BatchServer, ledger: Ledger, rubric: Rubric, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = jobs(rubric)
    assert judge(ledger, given) == 0
    with JudgeServer() as single:
        monkeypatch.setenv("CROSS_JUDGE_BASE_URL", single.url)
        other = Ledger(tmp_path / "other.sqlite")
        engine = JudgeEngine(EndpointJudge(load_settings()), other, 4)
        for job in given:
            engine.submit(job, lambda _: None)
        engine.drain(show_progress=False)
        engine.close()
        sent = Counter(json.dumps(asked.body, sort_keys=True) for asked in single.judged)
    assert outcomes(ledger, given) == outcomes(other, given)
    other.close()
    in_batch = [json.loads(line) for line in server.files["file-0"].splitlines()]
    assert Counter(json.dumps(line["body"], sort_keys=True) for line in in_batch) == sent


def test_a_second_time_hands_in_nothing(server: BatchServer, ledger: Ledger, rubric: Rubric) -> None:
    judge(ledger, jobs(rubric, 3))
    judge(ledger, jobs(rubric, 4))
    assert [len(server.files[b["input_file_id"]].splitlines()) for b in server.batches.values()] == [12, 4]


def test_expired_requests_are_handed_in_again_alone(server: BatchServer, ledger: Ledger, rubric: Rubric) -> None:
    seen: Counter[str] = Counter()

    def expires(custom_id: str) -> bool:
        seen[custom_id] += 1
        return seen[custom_id] == 1 and int(custom_id[:2], 16) % 2 == 0

    server.expires = expires
    assert judge(ledger, jobs(rubric)) == 0
    late = [key for key, times in seen.items() if times == 2]
    assert 0 < len(late) < 20
    assert Counter(server.paid) == dict.fromkeys(seen, 1)


def test_what_expires_every_time_is_left_without_a_verdict(server: BatchServer, ledger: Ledger, rubric: Rubric) -> None:
    server.expires = lambda custom_id: True
    assert judge(ledger, jobs(rubric, 1)) == 4
    assert outcomes(ledger, jobs(rubric, 1)) == [None] * 4
    assert len(server.batches) == module.ROUNDS


class Killed(BaseException):
    """Stands for the end of the process."""


@pytest.mark.long
@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("step", ["upload", "note", "create", "note_id", "retrieve", "file"])
def test_a_process_that_dies_at_any_point_costs_nothing_twice(
    server: BatchServer, ledger: Ledger, rubric: Rubric, monkeypatch: pytest.MonkeyPatch, step: str, after: bool
) -> None:
    given = jobs(rubric)
    with monkeypatch.context() as patch:
        _die(patch, ledger, step, after)
        with pytest.raises(Killed):
            judge(ledger, given)
    assert judge(ledger, given) == 0
    assert set(Counter(server.paid).values()) == {1}
    assert len(server.paid) == 20


@pytest.mark.long
@pytest.mark.parametrize("step", ["create", "retrieve"])
def test_what_a_batch_has_is_not_paid_a_second_time_by_asking_as_usual(
    server: BatchServer,
    ledger: Ledger,
    rubric: Rubric,
    monkeypatch: pytest.MonkeyPatch,
    step: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    given = jobs(rubric)
    with monkeypatch.context() as patch:
        _die(patch, ledger, step, after=True)
        with pytest.raises(Killed):
            judge(ledger, given)
    with JudgeSession(load_settings(), Ledger(ledger.address)) as judging:
        told = judging.ask(given)
    assert server.judged == []
    assert {outcome.reason for one in told for outcome in one.values() if isinstance(outcome, JudgeFailure)} == {
        "unavailable"
    }
    said = capsys.readouterr().err
    assert said.count("judge RUN --batch") == 1
    assert said.count("ledger forget --batches") == 1
    assert judge(ledger, given) == 0
    with JudgeSession(load_settings(), Ledger(ledger.address)) as judging:
        assert all(isinstance(outcome, Verdict) for one in judging.ask(given) for outcome in one.values())
    assert server.judged == []
    assert set(Counter(server.paid).values()) == {1}


def test_a_batch_that_is_given_up_no_longer_keeps_its_calls_back(
    server: BatchServer, ledger: Ledger, rubric: Rubric, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        _die(patch, ledger, "retrieve", after=True)
        with pytest.raises(Killed):
            judge(ledger, jobs(rubric))
    assert forget_batches(ledger) == 1
    with JudgeSession(load_settings(), Ledger(ledger.address)) as judging:
        judging.ask(jobs(rubric))
    assert len(server.judged) == 20


def _die(patch: pytest.MonkeyPatch, ledger: Ledger, step: str, after: bool) -> None:
    """Have the process end right before or right after a step is done for the first time."""
    from openai.resources import Batches

    owner, name, matches = {
        "upload": (BatchJudge, "_upload", lambda *_: True),
        "note": (Ledger, "change", lambda _, statement, *__: statement.startswith("INSERT INTO batch")),
        "create": (Batches, "create", lambda *_: True),
        "note_id": (Ledger, "change", lambda _, statement, *__: statement.startswith("UPDATE batch SET id")),
        "retrieve": (Batches, "retrieve", lambda *_: True),
        "file": (Ledger, "record_verdict", lambda *_: True),
    }[step]
    real = getattr(owner, name)

    def dying(self: object, *given: object, **named: object) -> object:
        if not matches(self, *given):
            return real(self, *given, **named)
        if after:
            real(self, *given, **named)
        raise Killed

    patch.setattr(owner, name, dying)


def test_an_answer_lost_on_its_way_is_found_by_its_token(server: BatchServer, ledger: Ledger, rubric: Rubric) -> None:
    server.unanswered = {"POST /v1/batches"}
    with pytest.raises(JudgeSetupError, match="can't be reached"):
        judge(ledger, jobs(rubric))
    assert len(server.batches) == 1
    server.unanswered = set()
    assert judge(ledger, jobs(rubric)) == 0
    assert len(server.batches) == 1


def test_a_refused_parameter_is_learnt_and_the_calls_are_handed_in_without_it(
    server: BatchServer, ledger: Ledger, rubric: Rubric
) -> None:
    def script(asked: Asked) -> Answer:
        if "temperature" in asked.body:
            return Answer(status=400, error={"message": "Unsupported value", "param": "temperature"})
        return judge_by_answer(asked)

    server.script = script
    given = jobs(rubric)
    assert judge(ledger, given) == 0
    assert {outcome.quirks for outcome in outcomes(ledger, given) if outcome} == {("no_temperature",)}


@pytest.mark.long
@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (Answer("No idea."), "unparsable"),
        (Answer("Score: 5"), "off_menu"),
        (Answer(refusal="No."), "refused"),
        (Answer("x", finish_reason="length"), "truncated"),
        (Answer(status=400, error={"message": "Could not process image"}), "rejected"),
    ],
)
def test_failures_keep_their_reasons(
    server: BatchServer, ledger: Ledger, rubric: Rubric, answer: Answer, reason: str
) -> None:
    server.script = lambda asked: answer
    assert judge(ledger, jobs(rubric, 1)) == 0
    found = outcomes(ledger, jobs(rubric, 1))
    assert [outcome.reason for outcome in found if isinstance(outcome, JudgeFailure)] == [reason] * 4


ODD_LINES = {
    "no JSON": b"<html>",
    "deep": DEEP.encode(),
    "null": b"null",
    "a list": b"[1]",
    "no text": b"\xff\xfe",
    "an id that is a list": b'{"custom_id": [1], "response": {"status_code": 200, "body": {}}}',
    "a response that is a list": b'{"custom_id": "ID", "response": [1]}',
    "a response in words": b'{"custom_id": "ID", "response": "gone"}',
    "a status in words": b'{"custom_id": "ID", "response": {"status_code": "fine", "body": {}}}',
    "a status beyond any": b'{"custom_id": "ID", "response": {"status_code": 1e999}}',
    "a body that is a list": b'{"custom_id": "ID", "response": {"status_code": 200, "body": [1]}}',
    "an error in words": b'{"custom_id": "ID", "response": {"status_code": 500, "body": {"error": "no"}}}',
}


@pytest.mark.parametrize("line", ODD_LINES.values(), ids=ODD_LINES.keys())
def test_an_odd_line_of_a_batchs_answers_costs_that_call_and_no_other(
    server: BatchServer, ledger: Ledger, rubric: Rubric, line: bytes
) -> None:
    def spoilt(content: bytes) -> bytes:
        server.changed = bytes
        first, _, others = content.partition(b"\n")
        return line.replace(b"ID", json.loads(first)["custom_id"].encode()) + b"\n" + others

    server.changed = spoilt
    assert judge(ledger, jobs(rubric)) == 0
    assert [len(server.files[b["input_file_id"]].splitlines()) for b in server.batches.values()] == [20, 1]


def test_a_refusal_in_words_is_kept_as_one(server: BatchServer, ledger: Ledger, rubric: Rubric) -> None:
    server.script = lambda asked: Answer(status=400, raw=b'{"error": "\\ud800 not today"}')
    judge(ledger, jobs(rubric, 1))
    kept = [outcome for outcome in outcomes(ledger, jobs(rubric, 1)) if isinstance(outcome, JudgeFailure)]
    assert len(kept) == len(DIMENSIONS)
    assert "not today" in kept[0].detail


def test_a_batch_reply_with_half_a_character_is_kept(server: BatchServer, ledger: Ledger, rubric: Rubric) -> None:
    server.script = lambda asked: Answer("It is fine \ud800.\nScore: 1")
    assert judge(ledger, jobs(rubric, 1)) == 0
    assert all(isinstance(outcome, Verdict) for outcome in outcomes(ledger, jobs(rubric, 1)))


def test_files_are_split_by_requests_and_by_bytes() -> None:
    lines = [(str(n), b"x" * 10) for n in range(10)]
    assert [len(part) for part in split(lines, 4, 1000)] == [4, 4, 2]
    assert [len(part) for part in split(lines, 100, 35)] == [3, 3, 3, 1]
    assert [len(part) for part in split([("big", b"x" * 99), *lines[:2]], 100, 35)] == [1, 2]
    assert [line for part in split(lines, 3, 25) for line in part] == lines
    assert list(split([], 3, 25)) == []


def test_two_files_are_two_batches(
    server: BatchServer, ledger: Ledger, rubric: Rubric, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MOST_REQUESTS", 7)
    assert judge(ledger, jobs(rubric)) == 0
    assert len(server.batches) == 3
    assert len(set(server.paid)) == len(server.paid) == 20


def test_an_endpoint_without_the_batch_api_is_a_sentence(
    judged_by: JudgeServer, ledger: Ledger, rubric: Rubric, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(BatchJudge, "_upload", lambda self, path, lines: "file-0")
    judged_by.script = lambda asked: Answer(status=404, error={"message": "Not Found"})
    monkeypatch.setattr(judged_by, "answer", lambda asked: Answer(status=404, error={"message": "Not Found"}))
    with pytest.raises(JudgeSetupError, match="without --batch"):
        judge(ledger, jobs(rubric))
