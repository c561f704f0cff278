"""OpenAI's Responses API: its request, and its answer read as the chat completion that says the same."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from lmms_eval_cross.judge.client import JudgeClient
from lmms_eval_cross.judge.completion import read_completion
from lmms_eval_cross.judge.replies import NoReply, Reply
from lmms_eval_cross.judge.request import Request
from lmms_eval_cross.pacing.limits import Limits


@dataclass(frozen=True, slots=True)
class ResponsesRequest(Request):
    """`messages` stand under `input`."""

    def encode(self, model: str, parameters: Mapping[str, Any]) -> bytes:
        """The body, with the picture spliced in."""
        return self.filled({"model": model, "input": self.messages, **parameters})


def read_response_object(value: object, limits: Limits, reasons_are_given: bool) -> Reply | NoReply:
    """The reply in a Response object; of another form, it is a failure of the call."""
    if isinstance(value, dict) and isinstance(value.get("output"), list):
        value = _as_completion(value)
    return read_completion(value, limits, reasons_are_given)


class ResponsesClient(JudgeClient):
    """Asks for Response objects."""

    path = "/responses"

    def read_value(self, value: object, limits: Limits, reasons_are_given: bool) -> Reply | NoReply:
        """As of the chat completion that says the same."""
        return read_response_object(value, limits, reasons_are_given)


def _as_completion(response: Mapping[str, Any]) -> dict[str, Any]:
    """Chat completion of a Response object: the texts of its messages, summaries of its reasoning, its usage."""
    parts = list(_parts(response["output"], "message", "content"))
    thoughts = [
        *_parts(response["output"], "reasoning", "summary"),
        *_parts(response["output"], "reasoning", "content"),
    ]
    message = {
        "content": _joined(parts, "output_text", "text"),
        "refusal": _joined(parts, "refusal", "refusal") or None,
        "reasoning": _joined(thoughts, "summary_text", "text") or _joined(thoughts, "reasoning_text", "text"),
    }
    choice = {"finish_reason": _finish_reason(response), "message": message, "error": response.get("error")}
    return {"model": response.get("model"), "choices": [choice], "usage": _usage(response.get("usage"))}


def _parts(output: list[Any], kind: str, name: str) -> Iterator[Mapping[str, Any]]:
    """The parts under a name of all output items of a kind."""
    for item in output:
        if isinstance(item, dict) and item.get("type") == kind:
            yield from filter(lambda part: isinstance(part, dict), item.get(name) or [])


def _joined(parts: list[Mapping[str, Any]], kind: str, name: str) -> str:
    texts = [str(part.get(name) or "") for part in parts if part.get("type") == kind]
    return "".join(texts)


def _finish_reason(response: Mapping[str, Any]) -> object:
    """`stop` of a completed response, the reason of an incomplete one, else its status."""
    status = response.get("status")
    if status == "completed":
        return "stop"
    details = response.get("incomplete_details")
    if isinstance(details, dict) and details.get("reason"):
        return details["reason"]
    return status


def _usage(usage: object) -> object:
    if not isinstance(usage, dict):
        return usage
    return {
        "prompt_tokens": usage.get("input_tokens"),
        "completion_tokens": usage.get("output_tokens"),
        "prompt_tokens_details": usage.get("input_tokens_details"),
        "completion_tokens_details": usage.get("output_tokens_details"),
    }
