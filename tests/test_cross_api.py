"""`cross_api`: what each kind of endpoint is sent, key by key; refusals are answers, failures are failures."""

import base64
import io
import json
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.parse import urlsplit

import pytest
from PIL import Image
from pydantic import SecretStr

from lmms_eval_cross import session
from lmms_eval_cross.data.images import StoredImage
from lmms_eval_cross.errors import JudgeSetupError
from lmms_eval_cross.harness.answers_of_run import prepared_samples
from lmms_eval_cross.judge.endpoint import find_model_endpoint
from lmms_eval_cross.judge.gemini_api import read_gemini
from lmms_eval_cross.judge.replies import NoReply
from lmms_eval_cross.models.api_arguments import read_arguments
from lmms_eval_cross.models.cross_api import CrossApi
from lmms_eval_cross.models.other_wires import AnthropicWire, GeminiWire
from lmms_eval_cross.models.prompt import PromptTurn
from lmms_eval_cross.models.wires import Sampling
from lmms_eval_cross.runs.failed_generations import failed_generation
from lmms_eval_cross.runs.run_rounds import load_rounds
from lmms_eval_cross.runs.sample_record import read_record
from tests.conftest import Run
from tests.provider_server import Call, Provider, Said, data_url
from tests.runs import read_samples
from utils.docs import doc_to_messages

pytestmark = pytest.mark.long  # lmms-eval imports torch

EFFORTS = ["none", "minimal", "low", "medium", "high"]
TASK = {"max_new_tokens": 2048, "temperature": 0, "until": [], "do_sample": False}


@pytest.fixture
def provider(monkeypatch: pytest.MonkeyPatch) -> Iterator[Provider]:
    monkeypatch.setenv("CROSS_MODEL_API_KEY", "sk-of-the-server")
    with Provider() as server:
        yield server


def picture_of(doc: dict[str, Any]) -> StoredImage:
    return session.data_for("demo").images.read(doc["image_sha256"])


def model_for(server: Provider, **arguments: Any) -> CrossApi:
    return CrossApi(**{"model": "o3", "base_url": server.url, "batch_size": 1, **arguments})


def docs(count: int = 12) -> list[dict[str, Any]]:
    return [sample.to_row() for sample in prepared_samples("demo")[:count]]


def ask(model: CrossApi, count: int = 1, **settings: Any) -> list[Any]:
    """The model's answers to the first samples of the demo, as lmms-eval asks for them."""
    rows = docs(count)
    model.task_dict = {"cross_demo": {"test": rows}}
    requests = []
    for place, row in enumerate(rows):
        args = (row["query"], doc_to_messages, {**TASK, **settings}, place, "cross_demo", "test")
        requests.append(SimpleNamespace(task_name="cross_demo", doc_id=place, idx=0, args=args))
    return model.generate_until(requests)


# ---- what is sent ------------------------------------------------------------------------------------------------


@pytest.mark.long
@pytest.mark.parametrize("effort", [None, *EFFORTS])
def test_a_chat_completion_is_asked_for_with_text_before_the_pictures_own_bytes(
    provider: Provider, effort: str | None
) -> None:
    thinking = {None: 0, "none": 0, "minimal": 1024, "low": 4096, "medium": 8192, "high": 24576}[effort]
    ask(model_for(provider, **({"reasoning_effort": effort} if effort else {})))
    ((row,), (call,)) = docs(1), provider.calls
    picture = picture_of(row)
    content = [
        {"type": "text", "text": row["query"]},
        {"type": "image_url", "image_url": {"url": data_url(picture.mime, picture.data)}},
    ]
    expected = {"model": "o3", "messages": [{"role": "user", "content": content}], "max_tokens": 2048 + thinking}
    assert call.path == "/v1/chat/completions"
    assert call.body == {**expected, **({"reasoning_effort": effort} if effort else {})}
    assert call.headers["authorization"] == "Bearer sk-of-the-server"


@pytest.mark.long
@pytest.mark.parametrize("effort", [None, *EFFORTS])
def test_a_response_is_asked_for_in_the_words_of_that_api(provider: Provider, effort: str | None) -> None:
    thinking = {None: 0, "none": 0, "minimal": 1024, "low": 4096, "medium": 8192, "high": 24576}[effort]
    ask(model_for(provider, api="responses", **({"reasoning_effort": effort} if effort else {})))
    ((row,), (call,)) = docs(1), provider.calls
    picture = picture_of(row)
    content = [
        {"type": "input_text", "text": row["query"]},
        {"type": "input_image", "image_url": data_url(picture.mime, picture.data), "detail": "auto"},
    ]
    expected = {
        "model": "o3",
        "input": [{"role": "user", "content": content}],
        "max_output_tokens": 2048 + thinking,
        "store": False,
    }
    assert call.path == "/v1/responses"
    assert call.body == {**expected, **({"reasoning": {"effort": effort}} if effort else {})}


def test_azure_is_asked_at_the_deployment_with_the_newer_limit(provider: Provider) -> None:
    address = provider.url.removesuffix("/v1")
    ask(model_for(provider, provider="azure", base_url=address, reasoning_effort="low"))
    (call,) = provider.calls
    assert call.path == "/openai/deployments/o3/chat/completions?api-version=2024-10-21"
    assert call.headers["api-key"] == "sk-of-the-server"
    assert set(call.body) == {"model", "messages", "max_completion_tokens", "reasoning_effort"}


@pytest.mark.long
@pytest.mark.parametrize("effort", [None, *EFFORTS])
def test_anthropic_is_sent_what_its_own_sdk_sends(provider: Provider, effort: str | None) -> None:
    thinking: dict[str, Any] = {
        None: {},
        "none": {"thinking": {"type": "disabled"}},
        "minimal": {"thinking": {"type": "enabled", "budget_tokens": 1024}},
        "low": {"thinking": {"type": "enabled", "budget_tokens": 4096}},
        "medium": {"thinking": {"type": "enabled", "budget_tokens": 8192}},
        "high": {"thinking": {"type": "enabled", "budget_tokens": 24576}},
    }[effort]
    chosen = {"reasoning_effort": effort} if effort else {}
    ask(model_for(provider, provider="anthropic", model="claude-x", **chosen))
    ((row,), (call,)) = docs(1), provider.calls
    picture = picture_of(row)
    source = {"type": "base64", "media_type": picture.mime, "data": base64.b64encode(picture.data).decode()}
    content = [{"type": "text", "text": row["query"]}, {"type": "image", "source": source}]
    limit = 2048 + thinking.get("thinking", {}).get("budget_tokens", 0)
    expected = {
        "max_tokens": limit,
        "messages": [{"role": "user", "content": content}],
        "model": "claude-x",
        **thinking,
    }
    assert call.path == "/v1/messages"
    assert call.body == expected
    assert (call.headers["x-api-key"], call.headers["anthropic-version"]) == ("sk-of-the-server", "2026-10-21")
    assert "authorization" not in call.headers
    sdk = pytest.importorskip("anthropic", reason="anthropic is not installed: its own body is not compared")
    with sdk.Anthropic(base_url=f"http://{provider.host}", api_key="sk-of-the-server", timeout=60) as client:
        client.messages.create(**expected)
    theirs = provider.calls[1]
    assert (theirs.path, theirs.body) == (call.path, call.body)
    assert theirs.headers["anthropic-version"] == call.headers["anthropic-version"]


@pytest.mark.long
@pytest.mark.parametrize("effort", [None, *EFFORTS])
def test_google_is_sent_what_its_own_sdk_sends(provider: Provider, effort: str | None) -> None:
    budget = {None: None, "none": 0, "minimal": 1024, "low": 4096, "medium": 8192, "high": 24576}[effort]
    chosen = {"reasoning_effort": effort} if effort else {}
    ask(model_for(provider, provider="gemini", model="gemini-x", seed=7, **chosen))
    ((row,), (call,)) = docs(1), provider.calls
    picture = picture_of(row)
    data = {"mimeType": picture.mime, "data": base64.b64encode(picture.data).decode()}
    config: dict[str, Any] = {"maxOutputTokens": 2048 + (budget or 0), "seed": 7}
    if budget is not None:
        config["thinkingConfig"] = {"thinkingBudget": budget}
    expected = {"contents": [{"role": "user", "parts": [{"text": row["query"]}, {"inlineData": data}]}]}
    assert call.path == "/v1/models/gemini-x:generateContent"
    assert call.body == {**expected, "generationConfig": config}
    assert call.headers["x-goog-api-key"] == "sk-of-the-server"
    assert "authorization" not in call.headers
    sdk = pytest.importorskip("google.genai", reason="google-genai is not installed: its own body is not compared")
    client = sdk.Client(api_key="k", http_options={"base_url": f"http://{provider.host}"})
    parts = [sdk.types.Part(text=row["query"]), sdk.types.Part.from_bytes(data=picture.data, mime_type=picture.mime)]
    contents = [sdk.types.Content(role="user", parts=parts)]
    client.models.generate_content(model="gemini-x", contents=contents, config=config)
    theirs = provider.calls[1]
    theirs_as_ours = theirs.words.replace('"mime_type"', '"mimeType"').replace('"thinking_budget"', '"thinkingBudget"')
    body = json.loads(theirs_as_ours)  # protobuf's JSON takes either spelling, and of base64 either alphabet
    sent = body["contents"][0]["parts"][1]["inlineData"]
    sent["data"] = sent["data"].translate(str.maketrans("-_", "+/"))
    assert (theirs.path, body) == (call.path, call.body)


@pytest.mark.long
@pytest.mark.parametrize("effort", [None, *EFFORTS])
def test_bedrock_is_sent_what_its_own_sdk_sends(
    provider: Provider, effort: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    thinking: dict[str, Any] = {None: {}, "none": {"thinking": {"type": "disabled"}}}.get(effort, {})
    budget = {"minimal": 1024, "low": 4096, "medium": 8192, "high": 24576}.get(effort or "", 0)
    if budget:
        thinking = {"thinking": {"type": "enabled", "budget_tokens": budget}}
    chosen = {"reasoning_effort": effort} if effort else {}
    name, address = "us.anthropic.claude-x:0", f"http://{provider.host}"
    ask(model_for(provider, provider="bedrock", model=name, base_url=address, **chosen), seed=3)
    ((row,), (call,)) = docs(1), provider.calls
    picture = picture_of(row)
    image = {"format": picture.mime.removeprefix("image/"), "source": {"bytes": picture.data}}
    expected: dict[str, Any] = {"messages": [{"role": "user", "content": [{"text": row["query"]}, {"image": image}]}]}
    expected["inferenceConfig"] = {"maxTokens": 2048 + budget}
    if thinking:
        expected["additionalModelRequestFields"] = thinking
    assert call.path == "/model/us.anthropic.claude-x%3A0/converse"
    sent = json.dumps(expected, default=lambda data: base64.b64encode(data).decode())
    assert call.body == json.loads(sent)
    assert call.headers["authorization"] == "Bearer sk-of-the-server"
    sdk = pytest.importorskip("botocore.session", reason="botocore is not installed: its own body is not compared")
    monkeypatch.setenv("AWS_BEARER_TOKEN_BEDROCK", "sk-of-the-server")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")  # it would ask for a role beside the key
    client = sdk.get_session().create_client("bedrock-runtime", "us-east-1")
    theirs: list[Any] = []

    def catch(request: Any, **_: Any) -> None:
        theirs.append(request)
        raise InterruptedError

    client.meta.events.register("before-send.bedrock-runtime.Converse", catch)  # it sends a key over TLS alone
    with pytest.raises(InterruptedError):
        client.converse(modelId=name, **expected)
    (request,) = theirs
    assert (urlsplit(request.url).path, json.loads(request.body)) == (call.path, call.body)
    assert request.headers["Authorization"].decode() == call.headers["authorization"]


def test_bedrock_is_asked_in_the_region_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_BEARER_TOKEN_BEDROCK", "sk-own")
    for region in ("", "evil.example/"):
        monkeypatch.setenv("AWS_REGION", region)
        with pytest.raises(JudgeSetupError, match="Bedrock is asked in a region"):
            find_model_endpoint("bedrock", "m", None, None, None)
    monkeypatch.setenv("AWS_REGION", "eu-central-1")
    endpoint = find_model_endpoint("bedrock", "m", None, None, None)
    assert (endpoint.base_url, endpoint.key) == ("https://bedrock-runtime.eu-central-1.amazonaws.com", "sk-own")


def test_a_temperature_that_anthropic_has_no_word_for_is_not_dropped(
    provider: Provider, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        ask(model_for(provider, provider="anthropic"), temperature=0.7)
    assert "--gen_kwargs has a temperature or top_p, and Anthropic's API takes none" in capsys.readouterr().err


def test_levels_are_for_models_that_want_a_word(provider: Provider) -> None:
    level = {"effort_as": "level", "reasoning_effort": "medium"}
    ask(model_for(provider, provider="anthropic", **level))
    ask(model_for(provider, provider="gemini", **level))
    claude, gemini = (call.body for call in provider.calls)
    assert (claude["thinking"], claude["output_config"]) == ({"type": "adaptive"}, {"effort": "medium"})
    assert gemini["generationConfig"]["thinkingConfig"] == {"thinkingLevel": "MEDIUM"}


def test_a_gif_goes_to_google_as_png_and_what_the_system_says_stands_apart(provider: Provider) -> None:
    file = io.BytesIO()
    Image.new("RGB", (8, 8), "red").save(file, "GIF")
    gif = StoredImage("0", "image/gif", file.getvalue())
    turns = [PromptTurn("system", ("Be brief.",)), PromptTurn("user", (gif, "Which?"))]
    arguments = read_arguments({"model": "m", "provider": "gemini", "base_url": provider.url})
    endpoint = find_model_endpoint("gemini", "m", provider.url, None, SecretStr("k"))
    google = GeminiWire(endpoint, arguments).request(turns, Sampling(16, 0, None))
    assert google.parameters["systemInstruction"] == {"parts": [{"text": "Be brief."}]}
    assert google.messages[0]["parts"][0]["inlineData"]["mimeType"] == "image/png"
    claude = AnthropicWire(endpoint, arguments).request(turns, Sampling(16, 0, None))
    assert claude.parameters["system"] == "Be brief."
    assert claude.messages[0]["content"][0]["source"]["media_type"] == "image/gif"


def test_what_the_user_sets_is_sent_and_the_tasks_zero_is_not(provider: Provider) -> None:
    ask(model_for(provider, temperature=0, seed=7, max_new_tokens=100, thinking_tokens=11))
    ask(model_for(provider), temperature=0.7, top_p=0.9, seed=3)
    ask(model_for(provider))
    for call in provider.calls:
        del call.body["model"], call.body["messages"]
    sent = [call.body for call in provider.calls]
    assert sent == [
        {"max_tokens": 111, "temperature": 0.0, "seed": 7},
        {"max_tokens": 2048, "temperature": 0.7, "top_p": 0.9, "seed": 3},
        {"max_tokens": 2048},
    ]


def test_other_tasks_ask_with_several_pictures_in_their_places(provider: Provider) -> None:
    red, messages = Image.new("RGB", (8, 8), "red"), []
    parts = [{"type": "image", "url": red}, {"type": "text", "text": "Which?"}, {"type": "image", "url": red}]
    messages.append({"role": "user", "content": parts})
    model = model_for(provider)
    model.task_dict = {"mmmu": {"test": [{}]}}
    args = ("Which?", lambda _: messages, {"max_new_tokens": 16}, 0, "mmmu", "test")
    (answer,) = model.generate_until([SimpleNamespace(task_name="mmmu", doc_id=0, idx=0, args=args)])
    kinds = [part["type"] for part in provider.calls[0].body["messages"][0]["content"]]
    assert kinds == ["image_url", "text", "image_url"]
    assert answer.text == "Take the side door."


# ---- what comes back ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("api", ["chat", "responses"])
def test_an_answer_knows_how_it_was_made(provider: Provider, api: str) -> None:
    provider.script = lambda _: Said(thinking="I weigh it.")
    (answer,) = ask(model_for(provider, api=api, reasoning_effort="high"))
    assert answer.text == "<think>\nI weigh it.\n</think>\n\nTake the side door."
    assert answer.token_counts.to_dict() == {"input_tokens": 1000, "output_tokens": 50, "reasoning_tokens": 30}
    limit, effort = ("max_tokens", {"reasoning_effort": "high"})
    if api == "responses":
        limit, effort = "max_output_tokens", {"reasoning": {"effort": "high"}, "store": False}
    assert answer.text.generation == {
        "api": f"openai {api}",
        "host": provider.url.removesuffix("/v1"),
        "asked_for": "o3",
        "answered_by": "o3",
        "parameters": {limit: 2048 + 24576, **effort},
        "finish_reason": "stop",
        "truncated": False,
        "usage": {"prompt_tokens": 1000, "cached_tokens": 0, "completion_tokens": 50, "reasoning_tokens": 30},
        "usd": pytest.approx((1000 * 2.0 + 50 * 8.0) / 1e6),
    }


@pytest.mark.parametrize(("name", "finish"), [("anthropic", "end_turn"), ("gemini", "STOP")])
def test_answers_of_anthropic_and_google_know_it_too(provider: Provider, name: str, finish: str) -> None:
    provider.script = lambda _: Said(thinking="I weigh it.")
    (answer,) = ask(model_for(provider, provider=name, reasoning_effort="low"))
    assert answer.text == "<think>\nI weigh it.\n</think>\n\nTake the side door."
    cached = 100 if name == "anthropic" else 0
    usage = {"prompt_tokens": 1000, "cached_tokens": cached, "completion_tokens": 50, "reasoning_tokens": 30}
    assert answer.text.generation["usage"] == usage
    assert (answer.text.generation["api"], answer.text.generation["finish_reason"]) == (name, finish)


def test_an_answer_of_bedrock_knows_it_but_for_who_answered_and_tokens_of_thinking(provider: Provider) -> None:
    provider.script = lambda _: Said(thinking="I weigh it.")
    (answer,) = ask(model_for(provider, provider="bedrock", reasoning_effort="low"))
    assert answer.text == "<think>\nI weigh it.\n</think>\n\nTake the side door."
    usage = {"prompt_tokens": 1000, "cached_tokens": 100, "completion_tokens": 50, "reasoning_tokens": 0}
    assert answer.text.generation["usage"] == usage
    assert answer.text.generation["answered_by"] is None
    assert (answer.text.generation["api"], answer.text.generation["finish_reason"]) == ("bedrock", "end_turn")


@pytest.mark.long
@pytest.mark.parametrize("name", ["anthropic", "gemini", "bedrock"])
def test_theirs_are_cut_off_refused_and_empty_likewise(provider: Provider, name: str) -> None:
    model = model_for(provider, provider=name)
    provider.script = lambda _: Said("Take the si", "length")
    (answer,) = ask(model)
    assert (answer.text, answer.text.generation["truncated"]) == ("Take the si", True)
    provider.script = lambda _: Said(None, "length", thinking="I weigh")
    (answer,) = ask(model)
    assert answer.text.startswith("[CROSS_API_FAILED: truncated]")
    provider.script = lambda _: Said(None, refusal="I can't help with that.")
    (answer,) = ask(model)
    assert answer.text == "I can't help with that."
    provider.script = lambda _: Said(None)
    (answer,) = ask(model)
    assert answer.text.startswith("[CROSS_API_FAILED: empty] The model's reply is empty.")


def test_a_prompt_that_google_blocks_is_a_failure() -> None:
    answer = read_gemini({"promptFeedback": {"blockReason": "SAFETY"}, "usageMetadata": {"promptTokenCount": 9}})
    assert isinstance(answer, NoReply)
    assert (answer.reason, answer.finish_reason) == ("refused", "content_filter: SAFETY")


@pytest.mark.parametrize("api", ["chat", "responses"])
def test_a_refusal_in_words_is_an_answer(provider: Provider, api: str) -> None:
    provider.script = lambda _: Said(None, refusal="I can't help with that.")
    (answer,) = ask(model_for(provider, api=api))
    assert answer.text == "I can't help with that."
    assert failed_generation(answer.text) is None
    assert answer.text.generation["finish_reason"] == "refusal"


@pytest.mark.long
@pytest.mark.parametrize("api", ["chat", "responses"])
def test_an_answer_that_was_cut_off_is_marked_and_one_without_words_is_a_failure(provider: Provider, api: str) -> None:
    provider.script = lambda _: Said("Take the si", "length")
    (answer,) = ask(model_for(provider, api=api))
    assert (answer.text, answer.text.generation["truncated"]) == ("Take the si", True)
    provider.script = lambda _: Said(None, "length", thinking="I weigh")
    (answer,) = ask(model_for(provider, api=api))
    assert answer.text.startswith("[CROSS_API_FAILED: truncated] The model's reply was cut off by a token limit")
    assert failed_generation(answer.text) == "cross_api got no answer"


def test_a_filter_is_a_failure_of_that_question_alone(provider: Provider) -> None:
    first = docs(2)[0]["query"]

    def script(call: Call) -> Said:
        if first in call.words:
            return Said(status=400, error="The response was filtered by the content management policy.")
        return Said()

    provider.script = script
    answers = ask(model_for(provider), 2)
    assert [failed_generation(answer.text) is None for answer in answers] == [False, True]
    assert answers[0].text.startswith("[CROSS_API_FAILED: refused]")


# ---- the engine --------------------------------------------------------------------------------------------------


def test_a_temperature_that_is_refused_is_left_out_and_the_record_says_so(provider: Provider) -> None:
    def script(call: Call) -> Said:
        if "temperature" in call.body:
            return Said(status=400, error="Unsupported value: 'temperature' does not support 0.7 with this model.")
        return Said()

    provider.script = script
    (answer,) = ask(model_for(provider, temperature=0.7))
    assert answer.text.generation["parameters"] == {"max_tokens": 2048}
    assert len(provider.calls) == 2
    ask(model_for(provider, temperature=0.7))
    assert len(provider.calls) == 3, "the ledger remembers it"


def test_an_effort_that_is_refused_ends_the_asking_and_is_never_left_out(
    provider: Provider, capsys: pytest.CaptureFixture[str]
) -> None:
    provider.script = lambda _: Said(status=400, error="Unrecognized request argument supplied: reasoning_effort")
    answers = ask(model_for(provider, reasoning_effort="low"), 12)
    assert len(provider.calls) == 1
    assert all(failed_generation(answer.text) for answer in answers)
    assert "Nothing more is asked of the model: " in capsys.readouterr().err


@pytest.mark.long
def test_too_many_requests_are_waited_for_and_answers_keep_their_order(provider: Provider) -> None:
    rows = docs(12)
    refused: set[str] = set()

    def script(call: Call) -> Said:
        (query,) = [row["query"] for row in rows if row["query"] in call.body["messages"][0]["content"][0]["text"]]
        if query not in refused and len(refused) < 3:
            refused.add(query)
            return Said(status=429, error="slow down", headers={"retry-after-ms": "20"})
        return Said(f"Of {query}")

    provider.script = script
    answers = ask(model_for(provider, concurrency=4), 12)
    assert [answer.text for answer in answers] == [f"Of {row['query']}" for row in rows]
    assert provider.most_at_once <= 4
    assert len(provider.calls) == 15


@pytest.mark.long
def test_the_first_call_to_a_new_endpoint_goes_alone_and_later_runs_begin_at_once(provider: Provider) -> None:
    provider.script = lambda _: Said(delay_seconds=0.3)
    ask(model_for(provider, concurrency=4), 1)
    assert provider.most_at_once == 1
    ask(model_for(provider, concurrency=4), 4)
    assert provider.most_at_once == 4


@pytest.mark.long
def test_calls_a_minute_are_spaced(provider: Provider) -> None:
    began = time.monotonic()
    ask(model_for(provider, rpm=1200), 6)
    assert time.monotonic() - began >= 5 * 60 / 1200


def test_a_budget_ends_the_asking_before_it_is_passed(provider: Provider, capsys: pytest.CaptureFixture[str]) -> None:
    provider.script = lambda _: Said(delay_seconds=0.01)
    # a call is set aside as 3605 tokens: some 0.019 dollars, and costs 0.0024
    answers = ask(model_for(provider, budget_usd=0.03, concurrency=1), 12)
    good = [answer for answer in answers if failed_generation(answer.text) is None]
    assert 0 < len(good) < 12
    assert len(provider.calls) == len(good)
    assert "The budget of $0.03 (budget_usd in --model_args) is spent." in capsys.readouterr().err


def test_under_run_each_answer_is_told_at_once_and_a_spent_budget_ends_the_process(
    provider: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CROSS_RUN_ANSWERS", "anywhere")
    model, told = model_for(provider, budget_usd=0.03, concurrency=1), []
    generate = model.generate_until
    monkeypatch.setattr(model, "generate_until", lambda requests: generate(requests, lambda *one: told.append(one)))
    with pytest.raises(SystemExit) as ended:
        ask(model, 12)
    assert ended.value.code == 1
    good = [answer for _, answer in told if failed_generation(answer.text) is None]
    assert len(good) == len(provider.calls)


# ---- arguments ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"api_key": "sk-1"}, "--model_args holds an api_key, which lmms-eval would write into results.json"),
        ({"reasoning_effort": "huge"}, "--model_args has reasoning_effort=huge, but input should be 'none', 'minimal'"),
        ({"top_k": 5}, "--model_args has top_k, which cross_api does not take; it takes model, provider, "),
        ({"model": ""}, "cross_api was not told which model to ask; add --model_args model=NAME."),
        ({"concurrency": 0}, "--model_args has concurrency=0, but input should be greater than or equal to 1"),
        ({"model": "unpriced", "budget_usd": 1}, "budget_usd in --model_args is 1, but unpriced has no price"),
        ({"provider": "gemini", "api": "responses"}, "api=responses is OpenAI's, and gemini has none"),
        ({"provider": "bedrock", "effort_as": "level"}, "effort_as=level is given, and Bedrock is told a budget"),
        ({"provider": "anthropic", "seed": 1}, "seed is given, and this API takes none; leave it away"),
        ({"provider": "anthropic", "temperature": 1}, "temperature is given, and Anthropic's API takes none"),
        ({"provider": "azure", "base_url": None}, "provider=azure wants base_url, the address of the resource"),
    ],
)
def test_a_wrong_argument_ends_with_a_sentence(
    provider: Provider, arguments: dict[str, Any], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        model_for(provider, **arguments)
    assert ended.value.code == 2
    assert said in capsys.readouterr().err


def test_a_server_without_a_key_is_told_of(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-of-openai")
    with pytest.raises(SystemExit):
        CrossApi(model="m", base_url="http://127.0.0.1:1/v1")
    said = capsys.readouterr().err
    assert "CROSS_MODEL_API_KEY is not set, and no other key is ever sent to another server" in said


@pytest.mark.parametrize(
    ("name", "variable", "host"),
    [
        ("openai", "OPENAI_API_KEY", "https://api.openai.com"),
        ("anthropic", "ANTHROPIC_API_KEY", "https://api.anthropic.com"),
        ("gemini", "GOOGLE_API_KEY", "https://generativelanguage.googleapis.com"),
    ],
)
def test_each_provider_is_sent_its_own_key_alone(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], name: str, variable: str, host: str
) -> None:
    with pytest.raises(SystemExit):
        CrossApi(model="m", provider=name)
    assert f"There is no key for m at {name}; set " in capsys.readouterr().err
    monkeypatch.setenv(variable, "sk-own")
    endpoint = find_model_endpoint(name, "m", None, None, None)
    assert (endpoint.key, endpoint.key_from, endpoint.host) == ("sk-own", variable, host)


# ---- a whole run -------------------------------------------------------------------------------------------------

DYING = """
import os, sys
sys.argv = ["lmms_eval", *sys.argv[1:]]
from lmms_eval_cross.harness.kept_answers import KeptAnswers
keep, kept = KeptAnswers.keep, []
def dies(self, answers):
    keep(self, answers)
    kept.append(answers)
    if len(kept) == int(os.environ["DIES_AFTER"]):
        os.kill(os.getpid(), 9)
KeptAnswers.keep = dies
from lmms_eval.__main__ import cli_evaluate
cli_evaluate()
"""


def test_a_run_that_was_killed_asks_for_no_answer_twice_and_its_records_know_effort_and_ending(
    cross: Run, provider: Provider, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("CROSS_JUDGE", "offline")
    monkeypatch.setenv("DIES_AFTER", "5")
    provider.script = lambda _: Said("It is considered rude to t", "length", thinking="I weigh it.")
    dying = tmp_path / "dying.py"
    dying.write_text(DYING, encoding="utf-8")
    given = f"model=o3,base_url={provider.url},reasoning_effort=high,concurrency=1,budget_usd="
    written = ["--tasks", "cross_demo", "--output_path", str(tmp_path / "out")]
    started = ["run", "--", sys.executable, str(dying), "--model", "cross_api", "--model_args"]
    killed = cross(*started, f"{given}1", *written)
    assert killed.returncode == 3, killed.stderr
    assert len(provider.calls) == 5

    monkeypatch.setenv("DIES_AFTER", "100")
    whole = cross(*started, f"{given}2", *written)
    assert whole.returncode == 0, whole.stderr
    assert "5 of 12 answers were kept" in whole.stderr
    assert len(provider.calls) == 12
    records = [sample["cross"] for sample in read_samples(tmp_path / "out")]
    assert {record["response"] for record in records} == {"It is considered rude to t"}
    assert {record["reasoning"] for record in records} == {"<think>\nI weigh it.\n</think>"}
    for record in records:
        assert record["generation"]["truncated"]
        assert record["generation"]["parameters"] == {"reasoning_effort": "high", "max_tokens": 26624}
        assert read_record(record).generation == record["generation"]


def test_rounds_that_were_killed_in_the_second_go_on_from_its_answers(
    cross: Run, provider: Provider, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("CROSS_JUDGE", "offline")
    monkeypatch.setenv("DIES_AFTER", "17")
    provider.script = lambda call: Said(f"It is considered rude, says seed {call.body['seed']}.")
    dying = tmp_path / "dying.py"
    dying.write_text(DYING, encoding="utf-8")
    given = ["--model_args", f"model=o3,base_url={provider.url},temperature=1,concurrency=1", "--tasks", "cross_demo"]
    started = ["run", "--rounds", "3", "--", sys.executable, str(dying), "--model", "cross_api", *given]
    killed = cross(*started, "--output_path", str(tmp_path / "out"))
    assert killed.returncode == 3, killed.stderr
    assert "round 1 of 3: " in killed.stderr
    assert "number 2 has no run; lmms-eval was ended by signal 9" in killed.stderr

    monkeypatch.setenv("DIES_AFTER", "100")
    whole = cross(*started, "--output_path", str(tmp_path / "out"))
    assert whole.returncode == 0, whole.stderr
    assert "5 of 12 answers were kept" in whole.stderr
    assert Counter(call.body["seed"] for call in provider.calls) == {1: 12, 2: 12, 3: 12}
    for number, one in enumerate(load_rounds(tmp_path / "out"), start=1):
        assert {answer.response for answer in one.answers} == {f"It is considered rude, says seed {number}."}
