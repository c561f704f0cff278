"""Anthropic's Messages API: its request, its headers, and its answer read as the chat completion that says the same.

Names of fields, blocks, stop reasons and counts are those of anthropic 2.14.0 (`MessageCreateParams`,
`OutputConfigParam`, `Message`, `StopReason`, `Usage`).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from openai import Omit

from lmms_eval_cross.judge.client import JudgeClient
from lmms_eval_cross.judge.completion import read_completion
from lmms_eval_cross.judge.replies import NoReply, Reply
from lmms_eval_cross.judge.request import IMAGE, Request, limit_of, schema_of, spoken, system_words
from lmms_eval_cross.pacing.limits import Limits

_VERSION: Final = "2026-10-21"
"""As anthropic 2.14.0 sends it; this version has neither temperature nor top_p."""


@dataclass(frozen=True, slots=True)
class AnthropicRequest(Request):
    """A call that is laid out as a chat completion, sent as Messages; parameters have OpenAI's names until then."""

    def encode(self, model: str, parameters: Mapping[str, Any]) -> bytes:
        """The body, with the picture spliced in."""
        turns = [
            {"role": turn["role"], "content": list(map(self._block, turn["content"]))} for turn in spoken(self.messages)
        ]
        body: dict[str, Any] = {"model": model, "messages": turns, "max_tokens": limit_of(parameters)}
        system, schema = system_words(self.messages), schema_of(parameters)
        if system:
            body["system"] = system
        if schema is not None:
            body["output_config"] = {"format": {"type": "json_schema", "schema": schema}}
        return self.spliced(body)

    def _block(self, part: Mapping[str, Any]) -> dict[str, Any]:
        return image_block(self.mime, IMAGE) if part["type"] == "image_url" else dict(part)


def image_block(mime: str, data: str) -> dict[str, Any]:
    """A picture's block; `data` is its base64."""
    return {"type": "image", "source": {"type": "base64", "media_type": mime, "data": data}}


class AnthropicClient(JudgeClient):
    """Asks for Messages; the request is laid out as for a chat completion."""

    path = "/messages"

    def headers(self) -> dict[str, Any]:
        """The key in a header of its own."""
        return {"Authorization": Omit(), "x-api-key": self.endpoint.key or "none", "anthropic-version": _VERSION}

    def read_value(self, value: object, limits: Limits, reasons_are_given: bool) -> Reply | NoReply:
        """The reply in a Message."""
        if isinstance(value, dict) and isinstance(value.get("content"), list):
            value = _as_completion(value)
        return read_completion(value, limits, reasons_are_given)


def _as_completion(message: Mapping[str, Any]) -> dict[str, Any]:
    """Chat completion of a Message: its texts, its thinking, its stop reason, its usage."""
    said = {"content": _joined(message, "text"), "reasoning": _joined(message, "thinking")}
    choice = {"finish_reason": message.get("stop_reason"), "message": said}
    return {"model": message.get("model"), "choices": [choice], "usage": _usage(message.get("usage"))}


def _joined(message: Mapping[str, Any], kind: str) -> str:
    blocks = [block for block in message["content"] if isinstance(block, dict) and block.get("type") == kind]
    return "".join(str(block.get(kind) or "") for block in blocks)


def _usage(usage: object) -> object:
    """As we count: what was read from the cache, or written to it, is part of the prompt."""
    if not isinstance(usage, dict):
        return usage
    cached = usage.get("cache_read_input_tokens") or 0
    prompt = [usage.get("input_tokens") or 0, cached, usage.get("cache_creation_input_tokens") or 0]
    details = usage.get("output_tokens_details")
    thought = details.get("thinking_tokens") if isinstance(details, dict) else None
    return {
        "prompt_tokens": sum(prompt) if all(isinstance(count, int) for count in prompt) else 0,
        "prompt_tokens_details": {"cached_tokens": cached},
        "completion_tokens": usage.get("output_tokens"),
        "completion_tokens_details": {"reasoning_tokens": thought},
    }
