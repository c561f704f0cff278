"""Amazon Bedrock's Converse: its request, and its answer read as the chat completion that says the same.

Asked with a key (AWS_BEARER_TOKEN_BEDROCK); requests that are signed instead are not made.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from lmms_eval_cross.judge.client import JudgeClient
from lmms_eval_cross.judge.completion import read_completion
from lmms_eval_cross.judge.endpoint import Endpoint
from lmms_eval_cross.judge.replies import NoReply, Reply
from lmms_eval_cross.judge.request import Request, as_json
from lmms_eval_cross.pacing.limits import NOTHING_TOLD, Limits


@dataclass(frozen=True, slots=True)
class BedrockRequest(Request):
    """The model stands in the address."""

    def encode(self, model: str, parameters: Mapping[str, Any]) -> bytes:
        """The body."""
        return as_json({"messages": self.messages, **parameters})


class BedrockClient(JudgeClient):
    """Asks Converse; the key goes as everywhere, behind `Bearer`."""

    def __init__(self, endpoint: Endpoint, model: str, timeout_seconds: float, two_models: str) -> None:
        super().__init__(endpoint, model, timeout_seconds, two_models)
        self.path = f"/model/{quote(model, safe='')}/converse"

    def read_value(self, value: object, limits: Limits, reasons_are_given: bool) -> Reply | NoReply:
        """The reply in the message."""
        return read_bedrock(value, limits, reasons_are_given)


def read_bedrock(value: object, limits: Limits = NOTHING_TOLD, reasons_are_given: bool = True) -> Reply | NoReply:
    """The reply in Converse's answer, as of the chat completion that says the same."""
    if isinstance(value, dict) and isinstance(value.get("output"), dict):
        value = _as_completion(value)
    return read_completion(value, limits, reasons_are_given)


def _as_completion(answer: Mapping[str, Any]) -> dict[str, Any]:
    """Chat completion of Converse's answer, which does not say which model answered."""
    blocks = list(_blocks(answer["output"].get("message")))
    thoughts = [_thought(block.get("reasoningContent")) for block in blocks]
    texts = [str(block.get("text") or "") for block in blocks]
    said = {"content": "".join(texts), "reasoning": "".join(thoughts)}
    choice = {"finish_reason": answer.get("stopReason"), "message": said}
    return {"choices": [choice], "usage": _usage(answer.get("usage"))}


def _blocks(message: object) -> Iterator[Mapping[str, Any]]:
    if isinstance(message, dict) and isinstance(message.get("content"), list):
        yield from filter(lambda block: isinstance(block, dict), message["content"])


def _thought(reasoning: object) -> str:
    """The words of a reasoning block; one that is redacted has none."""
    told = reasoning.get("reasoningText") if isinstance(reasoning, dict) else None
    return str(told.get("text") or "") if isinstance(told, dict) else ""


def _usage(usage: object) -> object:
    """As we count: what was read from the cache, or written to it, is part of the prompt; thinking has no count."""
    if not isinstance(usage, dict):
        return usage
    cached = usage.get("cacheReadInputTokens") or 0
    prompt = [usage.get("inputTokens") or 0, cached, usage.get("cacheWriteInputTokens") or 0]
    return {
        "prompt_tokens": sum(prompt) if all(isinstance(count, int) for count in prompt) else 0,
        "prompt_tokens_details": {"cached_tokens": cached},
        "completion_tokens": usage.get("outputTokens"),
    }
