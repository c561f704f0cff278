"""Ask an OpenAI-compatible endpoint; every way to fail becomes a reason, never a score."""

import json
import os
from dataclasses import dataclass
from typing import Any, Final

import openai
from openai import AsyncOpenAI, Omit
from openai.types.chat import ChatCompletion, ChatCompletionMessage

from lmms_eval_cross.judge.endpoint import Endpoint
from lmms_eval_cross.judge.messages import Message
from lmms_eval_cross.records import FailureReason, Usage

TRIES: Final = 5
"""How often one call is tried, the first time counted in."""
REQUEST: Final[dict[str, Any]] = {"temperature": 0}
"""What the released script sets, and all of it."""


@dataclass(frozen=True, slots=True)
class Reply:
    """What the judge said."""

    text: str
    model: str
    usage: Usage


@dataclass(frozen=True, slots=True)
class NoReply:
    """Why the judge said nothing of use."""

    reason: FailureReason
    detail: str
    text: str | None = None
    model: str | None = None
    usage: Usage = Usage()


class JudgeClient:
    """One endpoint and one model; used from one event loop."""

    def __init__(self, endpoint: Endpoint, model: str, timeout_seconds: float) -> None:
        self.endpoint = endpoint
        self.model = model
        self._timeout = timeout_seconds
        self._client = AsyncOpenAI(**client_options(endpoint, timeout_seconds, TRIES - 1))

    async def ask(self, messages: list[Message]) -> Reply | NoReply:
        """One judge call, retried on errors that may pass."""
        try:
            completion = await self._client.chat.completions.create(
                model=self.model,
                messages=messages,  # type: ignore[arg-type]
                extra_headers=call_headers(self.endpoint),
                **REQUEST,
            )
        except openai.APIStatusError as error:
            return _status_failure(error, self.endpoint)
        except openai.APITimeoutError:
            return NoReply("unavailable", f"No answer within {self._timeout:g} s, {TRIES} times.")
        except openai.APIConnectionError as error:
            return NoReply("unavailable", f"The connection failed {TRIES} times ({_cause(error)}).")
        except (openai.APIResponseValidationError, json.JSONDecodeError):
            return NoReply("unavailable", "The endpoint's answer is not JSON.")
        return read_completion(completion)

    async def close(self) -> None:
        """Close the connections."""
        await self._client.close()


def client_options(endpoint: Endpoint, timeout_seconds: float, retries: int) -> dict[str, Any]:
    """Arguments for an SDK client that sends the endpoint's key there and nothing of the user's account elsewhere."""
    headers: dict[str, Any] = {}
    if not endpoint.is_openai:
        headers |= {"OpenAI-Organization": Omit(), "OpenAI-Project": Omit(), **_without_users_headers(endpoint.key)}
    return {
        "api_key": endpoint.key or "none",
        "base_url": endpoint.base_url,
        "timeout": timeout_seconds,
        "max_retries": retries,
        "default_headers": headers,
    }


def call_headers(endpoint: Endpoint) -> dict[str, Any]:
    """Headers of a single call: the SDK leaves the key out only where each call says so."""
    return {} if endpoint.key else {"Authorization": Omit()}


def _without_users_headers(key: str | None) -> dict[str, Any]:
    """Undo OPENAI_CUSTOM_HEADERS, which the SDK would send along: they belong to the model under test."""
    lines = os.environ.get("OPENAI_CUSTOM_HEADERS", "").split("\n")
    names = [line.partition(":")[0].strip() for line in lines if ":" in line]
    return {name: f"Bearer {key}" if key and name.lower() == "authorization" else Omit() for name in names}


def read_completion(completion: object) -> Reply | NoReply:
    """The reply of a chat completion, or why there is none."""
    if not isinstance(completion, ChatCompletion) or not _has_message(completion):
        return NoReply("unavailable", "The endpoint's answer is not a chat completion.")
    choice = completion.choices[0]
    text, usage = choice.message.content, _usage(completion)
    refusal = getattr(choice.message, "refusal", None)
    if refusal or choice.finish_reason == "content_filter":
        return NoReply("refused", "The judge refused to answer.", refusal or text, completion.model, usage)
    if choice.finish_reason == "length":
        return NoReply("truncated", "The judge's reply was cut off by a token limit.", text, completion.model, usage)
    if not text or not text.strip():
        return NoReply("empty", "The judge's reply is empty.", text, completion.model, usage)
    return Reply(text, completion.model, usage)


def _has_message(completion: ChatCompletion) -> bool:
    """The SDK checks no types: whatever the endpoint sent stands in the fields."""
    first = completion.choices[0] if isinstance(completion.choices, list) and completion.choices else None
    return isinstance(getattr(first, "message", None), ChatCompletionMessage)


def _usage(completion: ChatCompletion) -> Usage:
    usage = completion.usage
    if usage is None:
        return Usage()
    prompt, output = usage.prompt_tokens_details, usage.completion_tokens_details
    return Usage(
        prompt_tokens=usage.prompt_tokens or 0,
        cached_tokens=(prompt.cached_tokens or 0) if prompt else 0,
        completion_tokens=usage.completion_tokens or 0,
        reasoning_tokens=(output.reasoning_tokens or 0) if output else 0,
    )


def _status_failure(error: openai.APIStatusError, endpoint: Endpoint) -> NoReply:
    said = f"The endpoint answered {error.status_code}: {error_message(error, endpoint)}"
    if error.status_code in {400, 413, 422}:
        refused = error.code in {"content_filter", "content_policy_violation"}
        return NoReply("refused" if refused else "rejected", said)
    return NoReply("unavailable", said)


def error_message(error: openai.APIStatusError, endpoint: Endpoint) -> str:
    """The endpoint's own words, cut to a line and without the key, should it quote that."""
    said = error.body.get("message") if isinstance(error.body, dict) else None
    text = str(said or error.message).replace("\n", " ")
    if endpoint.key:
        text = text.replace(endpoint.key, "***")
    return text if len(text) <= 300 else text[:297] + "..."


def _cause(error: BaseException) -> str:
    return type(error.__cause__ or error).__name__
