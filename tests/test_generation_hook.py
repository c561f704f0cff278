"""Answers in the order of their requests, one each: lmms-eval's API classes against servers that refuse one request."""

import gc
import json
import urllib.request
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from PIL import Image

from lmms_eval_cross.harness import generation_hook
from lmms_eval_cross.runs.failed_generations import failed_generation
from tests.loopback import LoopbackServer, Reply

QUERIES = [f"Which of the {number} boxes should I take?" for number in range(6)]
REFUSED = QUERIES[3]


class Provider(LoopbackServer):
    """Speaks as OpenAI, Anthropic and Google do: says the query back, and refuses one."""

    def reply(self, method: str, path: str, headers: dict[str, str], data: bytes) -> Reply:
        text = data.decode()
        (query,) = [query for query in QUERIES if query in text]
        if query == REFUSED:
            error = {"message": "not to my liking", "type": "invalid_request_error", "code": 400, "status": "INVALID"}
            return Reply(json.dumps({"type": "error", "error": error}).encode(), 400)
        return Reply(json.dumps(_said(path, f"Of {query}")).encode())


def _said(path: str, text: str) -> dict[str, Any]:
    if path.endswith("/messages"):
        usage = {"input_tokens": 9, "output_tokens": 9}
        content = [{"type": "text", "text": text}]
        return {"id": "m", "type": "message", "role": "assistant", "model": "m", "content": content, "usage": usage}
    if "generateContent" in path:
        candidate = {"content": {"role": "model", "parts": [{"text": text}]}, "finishReason": "STOP"}
        return {"candidates": [candidate], "usageMetadata": {"promptTokenCount": 9, "candidatesTokenCount": 9}}
    choice = {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": text}}
    usage = {"prompt_tokens": 9, "completion_tokens": 9, "total_tokens": 18}
    return {"id": "c", "object": "chat.completion", "created": 1, "model": "m", "choices": [choice], "usage": usage}


@pytest.fixture
def provider() -> Iterator[Provider]:
    with Provider() as server:
        yield server


def messages(doc: dict[str, Any]) -> list[dict[str, Any]]:
    content = [{"type": "text", "text": doc["query"]}, {"type": "image", "url": Image.new("RGB", (40, 40))}]
    return [{"role": "user", "content": content}]


def visual(_: dict[str, Any]) -> list[Image.Image]:
    return [Image.new("RGB", (40, 40))]


def requests_to(model: Any) -> list[Any]:
    """A request a query, as lmms-eval makes them for simple and for chat models."""
    model.task_dict = {"our_task": {"test": [{"query": query} for query in QUERIES]}}
    requests = []
    for place, query in enumerate(QUERIES):
        settings = {"max_new_tokens": 16, "temperature": 0, "until": [], "do_sample": False}
        arguments = (query, settings, visual) if model.is_simple else (query, messages, settings)
        args = (*arguments, place, "our_task", "test")
        requests.append(SimpleNamespace(task_name="our_task", doc_id=place, idx=0, args=args))
    return requests


def answers_of(model: Any) -> list[str]:
    generation_hook.OUR_TASKS.add("our_task")
    given = generation_hook.counting(model.generate_until, type(model).__name__)(requests_to(model))
    return [answer.text for answer in given]


def assert_each_is_at_its_place(answers: list[str]) -> None:
    for query, answer in zip(QUERIES, answers, strict=True):
        if query == REFUSED:
            assert failed_generation(answer)
        else:
            assert answer == f"Of {query}"


@pytest.mark.long
def test_openai_keeps_the_order(provider: Provider) -> None:
    from lmms_eval.models.chat.openai import OpenAICompatible

    arguments = {"base_url": provider.url, "api_key": "none", "max_retries": 1}
    assert_each_is_at_its_place(answers_of(OpenAICompatible(model_version="m", **arguments)))


@pytest.mark.long
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # lmms-eval leaves connections open
def test_async_openai_keeps_the_order(provider: Provider) -> None:
    from lmms_eval.models.chat.async_openai import AsyncOpenAIChat

    arguments = {"base_url": provider.url, "api_key": "none", "max_retries": 1}
    assert_each_is_at_its_place(answers_of(AsyncOpenAIChat(model_version="m", **arguments)))
    gc.collect()  # what it leaves open is closed, and warned of, here and not in a later test


@pytest.mark.long
def test_gemini_keeps_the_order(provider: Provider, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("google.genai", reason="google-genai is not installed: lmms-eval's gemini is not tried")
    from google import genai
    from lmms_eval.models.chat.gemini import Gemini

    monkeypatch.setenv("GOOGLE_API_KEY", "none")
    model = Gemini(model_version="m", max_retries=1)
    model.client = genai.Client(api_key="none", http_options={"base_url": f"http://{provider.host}"})
    assert_each_is_at_its_place(answers_of(model))


class Messages:
    """Of Anthropic's SDK what the class uses; SDKs from 2.0 on no longer take the temperature that it sends."""

    def __init__(self, url: str) -> None:
        self._url = url

    def create(self, **body: Any) -> SimpleNamespace:
        with urllib.request.urlopen(f"{self._url}/messages", json.dumps(body).encode(), timeout=60) as reply:
            said = json.load(reply)
        return SimpleNamespace(content=[SimpleNamespace(text=said["content"][0]["text"])], usage=None)


@pytest.mark.long
def test_claude_answers_twice_after_a_refused_request_and_that_ends_the_run(
    provider: Provider, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from lmms_eval.models.simple import claude

    sdk = SimpleNamespace(Anthropic=lambda: SimpleNamespace(messages=Messages(provider.url)))
    monkeypatch.setattr(claude, "anthropic", sdk, raising=False)
    monkeypatch.setattr(claude, "NUM_SECONDS_TO_SLEEP", 0)
    with pytest.raises(SystemExit) as ended:
        answers_of(claude.Claude(model_version="claude-x"))
    assert ended.value.code == 2
    assert "lmms-eval's Claude gave 7 answers to 6 requests" in capsys.readouterr().err


def test_tasks_of_others_are_left_alone() -> None:
    generation_hook.OUR_TASKS.discard("other_task")
    request = SimpleNamespace(task_name="other_task")
    assert generation_hook.counting(lambda _: ["one", "two"], "Model")([request]) == ["one", "two"]
