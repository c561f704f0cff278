"""How each kind of endpoint is asked: the body, and what it calls the settings."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from lmms_eval_cross.data.images import StoredImage
from lmms_eval_cross.judge.client import JudgeClient
from lmms_eval_cross.judge.endpoint import Endpoint
from lmms_eval_cross.judge.request import Request, image_url
from lmms_eval_cross.judge.responses_api import ResponsesClient, ResponsesRequest
from lmms_eval_cross.models.api_arguments import ApiArguments, Effort
from lmms_eval_cross.models.prompt import Part, PromptTurn

TWO_MODELS = "that is two models under one name; ask for one snapshot."


@dataclass(frozen=True, slots=True)
class Sampling:
    """How one answer is to be made; what is None is not sent."""

    max_new_tokens: int
    thinking: int
    effort: Effort | None
    temperature: float | None = None
    top_p: float | None = None
    seed: int | None = None


class Wire(Protocol):
    """One way to ask."""

    client: JudgeClient

    def request(self, turns: Sequence[PromptTurn], sampling: Sampling) -> Request:
        """The call."""
        ...


class ChatWire:
    """Chat completions, of OpenAI, Azure, and every server that speaks as they do."""

    def __init__(self, endpoint: Endpoint, arguments: ApiArguments) -> None:
        self.client = JudgeClient(endpoint, arguments.model, arguments.timeout, TWO_MODELS)
        is_openai = endpoint.is_openai or arguments.provider == "azure"
        # others know the older name; one that wants the newer says so in its refusal, and then gets it
        self._limit = "max_completion_tokens" if is_openai else "max_tokens"

    def request(self, turns: Sequence[PromptTurn], sampling: Sampling) -> Request:
        """Parts in their order, pictures as data URLs; the limit counts thinking too."""
        messages = [{"role": turn.role, "content": [_chat_part(part) for part in turn.parts]} for turn in turns]
        limit = sampling.max_new_tokens + sampling.thinking
        settings = {
            "reasoning_effort": sampling.effort,
            self._limit: limit,
            "temperature": sampling.temperature,
            "top_p": sampling.top_p,
            "seed": sampling.seed,
        }
        return Request(messages, given(settings), b"")


class ResponsesWire:
    """OpenAI's Responses API, which has no seed, and keeps nothing."""

    def __init__(self, endpoint: Endpoint, arguments: ApiArguments) -> None:
        self.client: JudgeClient = ResponsesClient(endpoint, arguments.model, arguments.timeout, TWO_MODELS)

    def request(self, turns: Sequence[PromptTurn], sampling: Sampling) -> Request:
        """The same in its words."""
        messages = [{"role": turn.role, "content": [_response_part(part) for part in turn.parts]} for turn in turns]
        settings = {
            "reasoning": {"effort": sampling.effort} if sampling.effort else None,
            "max_output_tokens": sampling.max_new_tokens + sampling.thinking,
            "temperature": sampling.temperature,
            "top_p": sampling.top_p,
            "store": False,
        }
        return ResponsesRequest(messages, given(settings), b"")


def given(settings: dict[str, Any]) -> dict[str, Any]:
    """What is set."""
    return {name: value for name, value in settings.items() if value is not None}


def _chat_part(part: Part) -> dict[str, Any]:
    if isinstance(part, StoredImage):
        return {"type": "image_url", "image_url": {"url": image_url(part).decode()}}
    return {"type": "text", "text": part}


def _response_part(part: Part) -> dict[str, Any]:
    if isinstance(part, StoredImage):
        return {"type": "input_image", "image_url": image_url(part).decode(), "detail": "auto"}
    return {"type": "input_text", "text": part}
