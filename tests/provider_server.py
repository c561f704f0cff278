"""Providers on the loopback: each speaks its own way, and keeps what it was asked."""

import base64
import json
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from tests.loopback import LoopbackServer, Reply


@dataclass
class Call:
    """A request as it came."""

    path: str
    headers: dict[str, str]
    body: dict[str, Any]

    @property
    def words(self) -> str:
        """All that it holds, as one text."""
        return json.dumps(self.body, ensure_ascii=False)


@dataclass
class Said:
    """What a provider says, in no provider's words."""

    text: str | None = "Take the side door."
    finish: str = "stop"
    refusal: str | None = None
    thinking: str | None = None
    status: int = 200
    error: str = ""
    headers: dict[str, str] = field(default_factory=dict)
    delay_seconds: float = 0


Script = Callable[[Call], Said]


class Provider(LoopbackServer):
    """Answers as OpenAI's two APIs, Anthropic, Google and Amazon do, by the path that it is asked on."""

    def __init__(self, script: Script = lambda _: Said()) -> None:
        super().__init__()
        self.script = script
        self.calls: list[Call] = []
        self.most_at_once = 0
        self._at_once = 0
        self._lock = threading.Lock()

    def reply(self, method: str, path: str, headers: dict[str, str], data: bytes) -> Reply:
        call = Call(path, headers, json.loads(data))
        with self._lock:
            self.calls.append(call)
            self._at_once += 1
            self.most_at_once = max(self.most_at_once, self._at_once)
        said = self.script(call)
        time.sleep(said.delay_seconds)
        with self._lock:
            self._at_once -= 1
        if said.status != 200:
            return Reply(json.dumps({"error": {"message": said.error}}).encode(), said.status, said.headers)
        return Reply(json.dumps(body_of(call, said)).encode(), 200, said.headers)


def body_of(call: Call, said: Said) -> dict[str, Any]:
    """The answer in the words of the API that was asked."""
    if call.path.partition("?")[0].endswith("/responses"):
        return _response(call, said)
    if call.path.endswith("/messages"):
        return _message(call, said)
    if call.path.endswith(":generateContent"):
        return _candidate(call, said)
    if call.path.endswith("/converse"):
        return _converse(said)
    return _completion(call, said)


def _completion(call: Call, said: Said) -> dict[str, Any]:
    message = {"role": "assistant", "content": said.text, "refusal": said.refusal, "reasoning_content": said.thinking}
    choice = {"index": 0, "message": message, "finish_reason": said.finish, "logprobs": None}
    details = {"reasoning_tokens": 30 if said.thinking else 0}
    usage = {"prompt_tokens": 1000, "completion_tokens": 50, "total_tokens": 1050, "completion_tokens_details": details}
    head = {"id": "c", "object": "chat.completion", "created": 1, "model": call.body.get("model", "deployed")}
    return {**head, "choices": [choice], "usage": usage}


def _response(call: Call, said: Said) -> dict[str, Any]:
    content: list[dict[str, Any]] = []
    if said.text:
        content.append({"type": "output_text", "text": said.text, "annotations": []})
    if said.refusal:
        content.append({"type": "refusal", "refusal": said.refusal})
    reasoning = {"id": "r", "type": "reasoning", "summary": [{"type": "summary_text", "text": said.thinking or ""}]}
    message = {"id": "m", "type": "message", "role": "assistant", "status": "completed", "content": content}
    usage = {
        "input_tokens": 1000,
        "input_tokens_details": {"cached_tokens": 0, "cache_write_tokens": 0},
        "output_tokens": 50,
        "output_tokens_details": {"reasoning_tokens": 30 if said.thinking else 0},
        "total_tokens": 1050,
    }
    is_whole = said.finish == "stop"
    details = None if is_whole else {"reason": "max_output_tokens"}
    return {
        **{"id": "x", "object": "response", "created_at": 1, "model": call.body["model"], "error": None},
        **{"status": "completed" if is_whole else "incomplete", "incomplete_details": details},
        **{"output": [reasoning, message], "usage": usage},
    }


def _message(call: Call, said: Said) -> dict[str, Any]:
    content: list[dict[str, Any]] = []
    if said.thinking:
        content.append({"type": "thinking", "thinking": said.thinking, "signature": "s"})
    if said.refusal or said.text:
        content.append({"type": "text", "text": said.refusal or said.text})
    finish = {"stop": "end_turn", "length": "max_tokens"}[said.finish]
    details = {"thinking_tokens": 30 if said.thinking else 0}
    usage = {"input_tokens": 900, "cache_read_input_tokens": 100, "output_tokens": 50, "output_tokens_details": details}
    return {
        **{"id": "m", "type": "message", "role": "assistant", "model": call.body["model"], "content": content},
        **{"stop_reason": "refusal" if said.refusal else finish, "stop_sequence": None, "usage": usage},
    }


def _candidate(call: Call, said: Said) -> dict[str, Any]:
    parts: list[dict[str, Any]] = []
    if said.thinking:
        parts.append({"text": said.thinking, "thought": True})
    if said.refusal or said.text:
        parts.append({"text": said.refusal or said.text})
    finish = {"stop": "STOP", "length": "MAX_TOKENS"}[said.finish]
    candidate = {"content": {"role": "model", "parts": parts}, "finishReason": finish, "index": 0}
    thoughts = 30 if said.thinking else 0
    usage = {"promptTokenCount": 1000, "candidatesTokenCount": 50 - thoughts, "thoughtsTokenCount": thoughts}
    return {
        "candidates": [candidate],
        "usageMetadata": usage,
        "modelVersion": call.path.split("/")[-1].partition(":")[0],
    }


def _converse(said: Said) -> dict[str, Any]:
    content: list[dict[str, Any]] = []
    if said.thinking:
        content.append({"reasoningContent": {"reasoningText": {"text": said.thinking, "signature": "s"}}})
    if said.refusal or said.text:
        content.append({"text": said.refusal or said.text})
    finish = {"stop": "end_turn", "length": "max_tokens"}[said.finish]
    usage = {"inputTokens": 900, "cacheReadInputTokens": 100, "outputTokens": 50, "totalTokens": 950}
    return {
        **{"output": {"message": {"role": "assistant", "content": content}}, "metrics": {"latencyMs": 1}},
        **{"stopReason": "content_filtered" if said.refusal else finish, "usage": usage},
    }


def data_url(mime: str, data: bytes) -> str:
    """A file as a data URL."""
    return f"data:{mime};base64,{base64.b64encode(data).decode()}"
