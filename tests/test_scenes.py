"""Every way in which endpoints are known to answer has its outcome: a score out of a finished reply, or a reason."""

from contextlib import closing
from pathlib import Path

import pytest

from lmms_eval_cross.benchmark.records import JudgeFailure, Usage, Verdict
from lmms_eval_cross.ledger.store import Ledger
from tests.judge_server import Asked, JudgeServer
from tests.judging import job, judged_in
from tests.scenes import GOOD, SCENES, SCORED, says


def is_a_verdict_call(asked: Asked) -> bool:
    return isinstance(asked.body["messages"][-1]["content"], list)


@pytest.mark.long
@pytest.mark.parametrize("name", SCENES)
def test_a_scene_has_its_outcome_in_few_requests(
    judged_by: JudgeServer, bare_environment: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    scene = SCENES[name]
    monkeypatch.setenv("CROSS_JUDGE_PROFILE", scene.profile)
    judged_by.script = scene.answer
    outcomes = judged_in(bare_environment, [job("An answer.")])[0]
    kinds = {SCORED if isinstance(one, Verdict) else one.reason for one in outcomes.values()}
    assert kinds == {scene.outcome}, {one.detail for one in outcomes.values() if isinstance(one, JudgeFailure)}
    calls = [asked for asked in judged_by.judged if is_a_verdict_call(asked)]
    assert len(calls) <= 4 * scene.most_requests + 4 * ("only as" in name)
    with closing(Ledger(bare_environment / "ledger.sqlite")) as ledger:
        assert ledger.count("verdict") == 4


@pytest.mark.long
@pytest.mark.parametrize("name", ["no choices", "no message", "half a reply: SAFETY", "thinking never ends"])
def test_a_reply_that_gives_no_score_is_counted_all_the_same(
    judged_by: JudgeServer, bare_environment: Path, name: str
) -> None:
    judged_by.script = SCENES[name].answer
    outcomes = judged_in(bare_environment, [job("An answer.")])[0]
    assert {outcome.usage for outcome in outcomes.values()} == {Usage(900, 0, 30, 0)}


@pytest.mark.long
@pytest.mark.parametrize(
    "name", ["thinking, then the score", "thinking apart, and words", "thinking as a part", "a stream with thinking"]
)
def test_thinking_is_kept_in_front_of_the_words(judged_by: JudgeServer, bare_environment: Path, name: str) -> None:
    judged_by.script = SCENES[name].answer
    outcome = judged_in(bare_environment, [job("An answer.")])[0]["awareness"]
    assert isinstance(outcome, Verdict)
    assert outcome.rationale.startswith("<think>")
    assert outcome.rationale.endswith(GOOD)
    assert "Score: 0" in outcome.rationale


def test_an_endpoint_is_asked_once_whether_it_ever_gives_a_reason(
    judged_by: JudgeServer, bare_environment: Path
) -> None:
    judged_by.script = lambda _: says(GOOD, None)
    outcomes = judged_in(bare_environment, [job("One."), job("Another.")])
    assert {one.quirks for outcome in outcomes for one in outcome.values()} == {("no_finish_reason",)}
    assert len([asked for asked in judged_by.judged if not is_a_verdict_call(asked)]) == 1
    judged_in(bare_environment, [job("A third.")])
    assert len([asked for asked in judged_by.judged if not is_a_verdict_call(asked)]) == 1, "the ledger knows"


def test_a_missing_reason_is_no_licence_where_others_are_given(judged_by: JudgeServer, bare_environment: Path) -> None:
    judged_by.script = lambda asked: says(GOOD, None if is_a_verdict_call(asked) else "stop")
    outcomes = judged_in(bare_environment, [job("An answer.")])[0]
    assert {one.reason for one in outcomes.values() if isinstance(one, JudgeFailure)} == {"unfinished"}
    assert len(outcomes) == 4


def test_a_stream_is_asked_for_from_the_second_call_on(judged_by: JudgeServer, bare_environment: Path) -> None:
    judged_by.script = SCENES["only as a stream"].answer
    judged_in(bare_environment, [job(f"Answer {number}.") for number in range(3)])
    streamed = [bool(asked.body.get("stream")) for asked in judged_by.judged]
    assert streamed.count(False) <= 4
    judged_in(bare_environment, [job("One more.")])
    assert all(asked.body.get("stream") for asked in judged_by.judged[-4:])


def test_models_that_answer_in_turn_are_told_once(
    judged_by: JudgeServer, bare_environment: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    judged_by.script = SCENES["models in turn"].answer
    judged_in(bare_environment, [job("An answer."), job("Another answer, which is longer.")])
    told = capsys.readouterr().err
    assert told.count("answers for gpt-4o-2024-08-06 with two models, model-0 and model-1") == 1
    assert "CROSS_JUDGE_MODEL" in told
