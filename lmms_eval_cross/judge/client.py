"""Ask an OpenAI-compatible endpoint once; every way to fail becomes a reason, never a score."""

import json
import os
import re
from typing import Any, Final

import httpx2
import openai
from openai import AsyncAzureOpenAI, AsyncOpenAI, Omit
from openai.types.chat import ChatCompletion, ChatCompletionMessage

from lmms_eval_cross.benchmark.records import FailureReason, Usage
from lmms_eval_cross.judge.endpoint import Endpoint
from lmms_eval_cross.judge.quirks import adapt, learn
from lmms_eval_cross.judge.replies import NoReply, Reply
from lmms_eval_cross.judge.request import Request
from lmms_eval_cross.pacing.limits import NOTHING_TOLD, Limits, read_limits

_MAY_PASS: Final = frozenset({408, 409, 425, 429})
_BLIND: Final = re.compile(
    r"image_url.{0,40}(not supported|unsupported|invalid content type|unknown variant)|unknown variant .?image_url"
    r"|(not|n't) support (image|vision|multi-?modal)|not a multi-?modal|text-only|only supports? text",
    re.IGNORECASE | re.DOTALL,
)
"""How endpoints say that a model can't see; a picture that can't be read is complained of in other words."""


class JudgeClient:
    """One endpoint and one model; used from one event loop."""

    def __init__(self, endpoint: Endpoint, model: str, timeout_seconds: float) -> None:
        self.endpoint = endpoint
        self.model = model
        self.quirks: frozenset[str] = frozenset()
        """What this endpoint and model are known not to take."""
        self._timeout = timeout_seconds
        self._client = async_client(endpoint, model, timeout_seconds)

    async def ask(self, request: Request) -> Reply | NoReply:
        """One judge call; sent again at once only when the endpoint refuses a parameter that can be left out."""
        while True:
            known = self.quirks
            parameters = adapt(request.parameters, known)
            try:
                response = await self._client.post(
                    "/chat/completions",
                    cast_to=httpx2.Response,
                    content=request.encode(self.model, parameters),
                    options={"headers": {"Content-Type": "application/json", **call_headers(self.endpoint)}},
                )
            except openai.APIStatusError as error:
                quirk = learn(error.status_code, error.param, error.body, parameters)
                if quirk is None:
                    return status_failure(error, self.endpoint)
                self.quirks |= {quirk}
            except openai.APITimeoutError:
                return NoReply("unavailable", f"No answer within {self._timeout:g} s.", may_pass=True, faltered=True)
            except openai.APIConnectionError as error:
                detail = f"The connection failed ({type(error.__cause__ or error).__name__})."
                return NoReply("unavailable", detail, may_pass=True, faltered=True)
            else:
                return read_response(response)

    async def close(self) -> None:
        """Close the connections."""
        await self._client.close()


def async_client(endpoint: Endpoint, model: str, timeout_seconds: float) -> AsyncOpenAI:
    """The SDK's client, which never tries again by itself."""
    options = client_options(endpoint, timeout_seconds, retries=0)
    if endpoint.azure_api_version is None:
        return AsyncOpenAI(**options)
    del options["base_url"]
    return AsyncAzureOpenAI(
        **options,
        azure_endpoint=endpoint.base_url,
        azure_deployment=model,
        api_version=endpoint.azure_api_version,
    )


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
    if endpoint.key:
        return {}
    return {"Authorization": Omit()}


def _without_users_headers(key: str | None) -> dict[str, Any]:
    """Undo OPENAI_CUSTOM_HEADERS, which the SDK would send along: they belong to the model under test."""
    headers: dict[str, Any] = {}
    for line in os.environ.get("OPENAI_CUSTOM_HEADERS", "").split("\n"):
        name, colon, _ = line.partition(":")
        if colon:
            headers[name.strip()] = Omit()
    for name in headers:
        if key and name.lower() == "authorization":  # to leave it out would leave out our key as well
            headers[name] = f"Bearer {key}"
    return headers


def read_response(response: httpx2.Response) -> Reply | NoReply:
    """The reply in a response of status 200, or why there is none."""
    limits = read_limits(response.headers)
    try:
        body = json.loads(response.content)
    except ValueError:
        return NoReply("unavailable", "The endpoint's answer is not JSON.", limits=limits, may_pass=True)
    if isinstance(body, dict):
        body = ChatCompletion.construct(**body)
    return read_completion(body, limits)


def read_completion(completion: object, limits: Limits = NOTHING_TOLD) -> Reply | NoReply:
    """The reply of a chat completion, or why there is none."""
    if not isinstance(completion, ChatCompletion) or not _has_message(completion):
        detail = "The endpoint's answer is not a chat completion."
        return NoReply("unavailable", detail, limits=limits, may_pass=True)
    choice = completion.choices[0]
    text = choice.message.content
    circumstances = (getattr(completion, "model", None) or "", _usage(completion), limits)
    refusal, finish = getattr(choice.message, "refusal", None), getattr(choice, "finish_reason", None)
    if refusal or finish == "content_filter":
        return NoReply("refused", "The judge refused to answer.", refusal or text, *circumstances)
    if finish == "length":
        return NoReply("truncated", "The judge's reply was cut off by a token limit.", text, *circumstances)
    if not text or not text.strip():
        return NoReply("empty", "The judge's reply is empty.", text, *circumstances)
    return Reply(text, *circumstances)


def _has_message(completion: ChatCompletion) -> bool:
    """Whether a completion that nobody validated is one as far as we read it."""
    choices: object = getattr(completion, "choices", None)
    if not isinstance(choices, list) or not choices:
        return False
    message = getattr(choices[0], "message", None)
    return isinstance(message, ChatCompletionMessage) and isinstance(getattr(message, "content", None), str | None)


def _usage(completion: ChatCompletion) -> Usage:
    """The tokens, 0 where the endpoint does not count them."""
    usage = getattr(completion, "usage", None)
    return Usage(
        prompt_tokens=_count(usage, "prompt_tokens"),
        cached_tokens=_count(getattr(usage, "prompt_tokens_details", None), "cached_tokens"),
        completion_tokens=_count(usage, "completion_tokens"),
        reasoning_tokens=_count(getattr(usage, "completion_tokens_details", None), "reasoning_tokens"),
    )


def _count(holder: object, name: str) -> int:
    value = getattr(holder, name, None)
    if not isinstance(value, int):
        return 0
    return value


def status_failure(error: openai.APIStatusError, endpoint: Endpoint) -> NoReply:
    """What an answer with another status than 200 means for the call, and for all others."""
    status, limits = error.status_code, read_limits(error.response.headers)
    words = error_message(error, endpoint)
    detail = f"The endpoint answered {status}: {words}"
    if status in {400, 413, 415, 422}:
        reason: FailureReason = "rejected"
        if error.code in {"content_filter", "content_policy_violation"}:
            reason = "refused"
        blind = bool(_BLIND.search(words))
        return NoReply(reason, detail, limits=limits, hopeless=blind)
    spent = status == 429 and error.code in {"insufficient_quota", "billing_hard_limit_reached"}
    return NoReply(
        "unavailable",
        detail,
        limits=limits,
        may_pass=(status in _MAY_PASS or status >= 500) and not spent,
        refused=status == 429,
        faltered=status == 503,
        hopeless=spent or status in {401, 403, 404},
    )


def error_message(error: openai.APIStatusError, endpoint: Endpoint) -> str:
    """The endpoint's own words, cut to a line and without the key, should it quote that."""
    text = error.message
    if isinstance(error.body, dict):
        text = str(error.body.get("message") or error.message)
    text = text.replace("\n", " ")
    if endpoint.key:
        text = text.replace(endpoint.key, "***")
    if len(text) > 300:
        return text[:297] + "..."
    return text
