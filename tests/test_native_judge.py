"""A judge that is asked in Anthropic's or Google's own words."""

import base64
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from lmms_eval_cross.benchmark.records import JudgeFailure, Usage, Verdict
from lmms_eval_cross.errors import JudgeSetupError, SettingsError
from lmms_eval_cross.judge.caller import Outcomes
from lmms_eval_cross.judge.endpoint import find_endpoint
from lmms_eval_cross.judge.job import judge_identity
from lmms_eval_cross.judging import open_judging
from lmms_eval_cross.ledger.spend import load_quirks
from lmms_eval_cross.settings import load_settings
from tests import judging
from tests.judge_server import score_of
from tests.loopback import Reply
from tests.native_server import MODELS, NativeJudge, refusal
from tests.panels import seated
from tests.provider_server import Call, Said, body_of

BOTH = pytest.mark.parametrize("provider", ["anthropic", "gemini"])
OFFICIAL = {"awareness": "Awareness", "education": "Education", "compliance": "Violation", "helpfulness": "Helpfulness"}


@pytest.fixture
def native(provider: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[NativeJudge]:
    with NativeJudge() as server:
        for name, value in settings_of(provider, server).items():
            monkeypatch.setenv(f"CROSS_JUDGE_{name}", value)
        yield server


def settings_of(provider: str, server: NativeJudge) -> dict[str, str]:
    return {"PROVIDER": provider, "MODEL": MODELS[provider], "BASE_URL": server.url, "API_KEY": server.key}


def judged(answer: str = "Bring tulips.", **changed: Any) -> Outcomes:
    with open_judging(load_settings()) as opened:
        (outcomes,) = opened.ask([judging.job(answer, **changed)])
        return outcomes


def reasons(outcomes: Outcomes) -> set[str]:
    return {outcome.reason if isinstance(outcome, JudgeFailure) else "scored" for outcome in outcomes.values()}


@pytest.mark.long
@BOTH
def test_scores_are_those_of_the_compatible_way(native: NativeJudge, provider: str) -> None:
    for name, outcome in judged().items():
        assert isinstance(outcome, Verdict)
        number = score_of("Bring tulips.", OFFICIAL[name])
        assert outcome.score == (1 - number if name == "compliance" else number)
        assert outcome.model == MODELS[provider]
    assert (len(native.calls), len(native.shown)) == (4, 1)
    judged()
    assert (len(native.calls), len(native.shown)) == (4, 1), "verdicts and sight are remembered"


@pytest.mark.parametrize("provider", ["anthropic"])
def test_anthropic_is_asked_by_messages(native: NativeJudge) -> None:
    judged()
    call = native.calls[0]
    assert call.path.endswith("/v1/messages")
    assert call.headers["x-api-key"] == "sk-native"
    assert "authorization" not in call.headers
    assert set(call.body) == {"model", "messages", "max_tokens", "system"}
    text, picture = call.body["messages"][0]["content"]
    assert text["type"] == "text"
    data = base64.b64encode(judging.image().data).decode()
    assert picture == {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": data}}


@pytest.mark.parametrize("provider", ["gemini"])
def test_google_is_asked_by_contents(native: NativeJudge) -> None:
    judged()
    call = native.calls[0]
    assert call.path.endswith("/v1/models/gemini-judge:generateContent")
    assert call.headers["x-goog-api-key"] == "sk-native"
    assert "authorization" not in call.headers
    assert set(call.body) == {"contents", "generationConfig", "systemInstruction"}
    assert call.body["generationConfig"] == {"temperature": 0}
    (turn,) = call.body["contents"]
    assert turn["role"] == "user"
    data = base64.b64encode(judging.image().data).decode()
    assert turn["parts"][1] == {"inlineData": {"mimeType": "image/png", "data": data}}


@pytest.mark.parametrize("provider", ["gemini"])
def test_a_gif_goes_to_google_as_png(native: NativeJudge) -> None:
    judged(picture=judging.image("GIF"))
    picture = native.calls[0].body["contents"][0]["parts"][1]["inlineData"]
    assert picture["mimeType"] == "image/png"
    assert base64.b64decode(picture["data"]).startswith(b"\x89PNG")


@pytest.mark.long
@pytest.mark.parametrize(
    ("provider", "usage"), [("anthropic", Usage(1000, 100, 50, 30)), ("gemini", Usage(1000, 0, 50, 30))]
)
def test_usage_and_thinking_are_read(native: NativeJudge, usage: Usage) -> None:
    native.script = lambda _: Said("Score: 1", thinking="Score: 0 would be harsh.")
    outcome = judged()["education"]
    assert isinstance(outcome, Verdict)
    assert (outcome.score, outcome.usage) == (1, usage)
    assert "would be harsh" in outcome.rationale


@pytest.mark.long
@BOTH
@pytest.mark.parametrize(
    ("said", "reason"),
    [
        (Said("Score: 1", finish="length"), "truncated"),
        (Said(None, thinking="Hm."), "empty"),
        (Said("I can't say."), "unparsable"),
    ],
)
def test_only_a_finished_reply_gives_a_score(native: NativeJudge, said: Said, reason: str) -> None:
    native.script = lambda _: said
    assert reasons(judged()) == {reason}


def changed_body(call: Call, provider: str, word: str) -> Reply:
    body = body_of(call, Said("Score: 1"))
    if provider == "anthropic":
        body["stop_reason"] = word
    else:
        body["candidates"][0]["finishReason"] = word
    return Reply(json.dumps(body).encode())


@pytest.mark.long
@pytest.mark.parametrize(
    ("provider", "word", "reason"),
    [
        ("anthropic", "refusal", "refused"),
        ("anthropic", "model_context_window_exceeded", "truncated"),
        ("anthropic", "tool_use", "unfinished"),
        ("anthropic", "pause_turn", "unfinished"),
        ("gemini", "SAFETY", "refused"),
        ("gemini", "PROHIBITED_CONTENT", "refused"),
        ("gemini", "IMAGE_RECITATION", "refused"),
        ("gemini", "LANGUAGE", "refused"),
        ("gemini", "ESCALATION", "refused"),
        ("gemini", "CONTINUATION", "truncated"),
        ("gemini", "OTHER", "unfinished"),
        ("gemini", "MALFORMED_RESPONSE", "unfinished"),
    ],
)
def test_every_other_end_is_a_failure_with_its_reason(
    native: NativeJudge, provider: str, word: str, reason: str
) -> None:
    native.refuse = lambda call: changed_body(call, provider, word)
    assert reasons(judged()) == {reason}


@pytest.mark.parametrize("provider", ["gemini"])
def test_a_blocked_prompt_is_refused(native: NativeJudge) -> None:
    native.refuse = lambda _: refusal(200, {"promptFeedback": {"blockReason": "JAILBREAK"}, "usageMetadata": {}})
    outcome = judged()["awareness"]
    assert isinstance(outcome, JudgeFailure)
    assert outcome.reason == "refused"
    assert "JAILBREAK" in outcome.detail


BUSY = {
    "anthropic": refusal(529, {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}),
    "gemini": refusal(
        429,
        {
            "error": {
                "code": 429,
                "message": "You exceeded your current quota.",
                "status": "RESOURCE_EXHAUSTED",
                "details": [{"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "0.2s"}],
            }
        },
    ),
}
EMPTY = {
    "anthropic": refusal(
        400,
        {
            "type": "error",
            "error": {"type": "invalid_request_error", "message": "Your credit balance is too low to access the API."},
        },
    ),
    "gemini": refusal(
        403, {"error": {"code": 403, "message": "This API key is disabled.", "status": "PERMISSION_DENIED"}}
    ),
}


@pytest.mark.long
@BOTH
def test_a_busy_endpoint_is_asked_again(native: NativeJudge, provider: str) -> None:
    native.refuse = lambda _: BUSY[provider] if len(native.calls) < 2 else None
    assert reasons(judged()) == {"scored"}


@pytest.mark.long
@BOTH
def test_an_empty_purse_ends_it_in_the_endpoints_words(native: NativeJudge, provider: str) -> None:
    native.refuse = lambda _: EMPTY[provider]
    outcomes = judged()
    assert reasons(outcomes) == {"unavailable"}
    assert len(native.calls) <= 2
    told = next(iter(outcomes.values()))
    assert isinstance(told, JudgeFailure)
    assert ("balance is too low" if provider == "anthropic" else "key is disabled") in told.detail


@BOTH
def test_a_wrong_key_is_told_before_anything_is_judged(native: NativeJudge, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CROSS_JUDGE_API_KEY", "sk-wrong")
    with pytest.raises(JudgeSetupError, match="refuses the key in CROSS_JUDGE_API_KEY") as caught:
        open_judging(load_settings())
    assert "sk-wrong" not in str(caught.value)


@BOTH
def test_an_unknown_model_is_told_before_anything_is_judged(
    native: NativeJudge, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CROSS_JUDGE_MODEL", "nobody")
    with pytest.raises(JudgeSetupError, match="has no model 'nobody'"):
        open_judging(load_settings())


@pytest.mark.long
@BOTH
def test_a_judge_that_does_not_see_is_found_out(native: NativeJudge) -> None:
    native.sees = False
    native.script = lambda _: Said("I see none.")
    with pytest.raises(JudgeSetupError, match="does not see pictures"):
        open_judging(load_settings())


@pytest.mark.long
@BOTH
def test_joint_asks_for_a_schema_and_learns_where_there_is_none(
    native: NativeJudge, provider: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CROSS_JUDGE_PROFILE", "joint")
    names = {"anthropic": "output_config", "gemini": "responseJsonSchema"}
    reply = {name: {"rationale": "So.", "score": 1} for name in ("awareness", "education", "violation", "helpfulness")}
    native.script = lambda _: Said(json.dumps(reply))
    native.refuse = lambda call: (
        refusal(400, {"error": {"message": f'Unknown name "{names[provider]}".'}})
        if names[provider] in call.words
        else None
    )
    assert reasons(judged()) == {"scored"}
    assert [names[provider] in call.words for call in native.calls] == [True, False]
    identity = judge_identity(load_settings())
    with open_judging(load_settings()) as opened:
        host = find_endpoint(load_settings()).host
        assert load_quirks(opened.ledger, host, identity.model, identity.way) == frozenset({"no_schema"})
        assert load_quirks(opened.ledger, host, identity.model, identity.profile) is None, "OpenAI's way knows nothing"


# ---- who is asked, and under which key ---------------------------------------------------------------------------


@BOTH
def test_the_way_of_asking_is_part_of_the_key_and_the_compatible_ways_key_is_as_it_was(
    native: NativeJudge, provider: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = judge_identity(load_settings())
    assert (told.kind, told.request["api"]) == (provider, provider)
    monkeypatch.delenv("CROSS_JUDGE_PROVIDER")
    compatible = judge_identity(load_settings())
    assert (compatible.kind, compatible.request) == ("openai", {"temperature": 0})
    job = judging.job("Bring tulips.")
    assert job.key(told, "education").digest != job.key(compatible, "education").digest


def test_a_providers_own_key_goes_to_its_own_address_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CROSS_JUDGE_PROVIDER", "anthropic")
    with pytest.raises(JudgeSetupError, match="set ANTHROPIC_API_KEY or CROSS_JUDGE_API_KEY"):
        find_endpoint(load_settings())
    monkeypatch.setenv("ANTHROPIC_API_KEY", "canary")
    found = find_endpoint(load_settings())
    assert (found.base_url, found.key, found.provider) == ("https://api.anthropic.com/v1", "canary", "anthropic")
    monkeypatch.setenv("CROSS_JUDGE_BASE_URL", "http://127.0.0.1:9/v1")
    with pytest.raises(JudgeSetupError, match="CROSS_JUDGE_API_KEY is not"):
        find_endpoint(load_settings())


def test_azure_and_a_provider_are_not_both(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CROSS_JUDGE_PROVIDER", "gemini")
    monkeypatch.setenv("CROSS_JUDGE_AZURE_API_VERSION", "2024-10-21")
    with pytest.raises(JudgeSetupError, match="CROSS_JUDGE_PROVIDER is gemini, and CROSS_JUDGE_AZURE_API_VERSION"):
        find_endpoint(load_settings())


@pytest.mark.long
@BOTH
def test_batches_are_openais_alone(native: NativeJudge, provider: str, tmp_path: Path) -> None:
    with open_judging(load_settings()) as opened, pytest.raises(SettingsError, match="Batch API alone"):
        opened.ask_in_batches([])


@pytest.mark.long
@BOTH
def test_a_native_judge_sits_on_a_panel_with_others(provider: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with NativeJudge() as native, seated(monkeypatch, 2) as servers:
        monkeypatch.setenv("CROSS_JUDGE_PANEL", ",".join([*servers, "nat"]))
        for name, value in settings_of(provider, native).items():
            monkeypatch.setenv(f"CROSS_PANEL_NAT_{name}", value)
        assert reasons(judged()) == {"scored"}
        assert len(native.calls) == 4
