"""How Anthropic, Google and Amazon are asked, each in its own words."""

import base64
from collections.abc import Iterable, Sequence
from typing import Any

from lmms_eval_cross.data.images import StoredImage
from lmms_eval_cross.judge.anthropic_api import AnthropicClient, image_block
from lmms_eval_cross.judge.bedrock_api import BedrockClient, BedrockRequest
from lmms_eval_cross.judge.client import JudgeClient
from lmms_eval_cross.judge.endpoint import Endpoint
from lmms_eval_cross.judge.gemini_api import GeminiClient, GeminiRequest, inline_data, picture_for_google
from lmms_eval_cross.judge.request import Request
from lmms_eval_cross.models.api_arguments import ApiArguments
from lmms_eval_cross.models.prompt import Part, PromptTurn
from lmms_eval_cross.models.wires import TWO_MODELS, Sampling, given


class AnthropicWire:
    """Messages; the effort is a budget of tokens, or a level of adaptive thinking, which newer models want.

    The API has no temperature; one that is asked for was refused before (`api_arguments.refuse_sampling`).
    """

    def __init__(self, endpoint: Endpoint, arguments: ApiArguments) -> None:
        self.client: JudgeClient = AnthropicClient(endpoint, arguments.model, arguments.timeout, TWO_MODELS)
        self._by_level = arguments.effort_as == "level"

    def request(self, turns: Sequence[PromptTurn], sampling: Sampling) -> Request:
        """Parts in their order; what the system says stands apart. The limit counts thinking too."""
        messages = [{"role": turn.role, "content": list(map(_block, turn.parts))} for turn in _spoken(turns)]
        settings = {
            "max_tokens": sampling.max_new_tokens + sampling.thinking,
            "system": _system(turns) or None,
            **self._thinking(sampling),
        }
        return Request(messages, given(settings), b"")

    def _thinking(self, sampling: Sampling) -> dict[str, Any]:
        if self._by_level and sampling.effort not in (None, "none"):
            return {"thinking": {"type": "adaptive"}, "output_config": {"effort": sampling.effort}}
        return _budget(sampling)


class GeminiWire:
    """generateContent; the effort is a budget of tokens, or a level, which models from Gemini 3 on want."""

    def __init__(self, endpoint: Endpoint, arguments: ApiArguments) -> None:
        self.client: JudgeClient = GeminiClient(endpoint, arguments.model, arguments.timeout, TWO_MODELS)
        self._by_level = arguments.effort_as == "level"

    def request(self, turns: Sequence[PromptTurn], sampling: Sampling) -> Request:
        """The same in Google's words; its limit counts thinking too."""
        roles = {"assistant": "model"}
        contents = [
            {"role": roles.get(turn.role, turn.role), "parts": list(map(_google_part, turn.parts))}
            for turn in _spoken(turns)
        ]
        settings = {
            "maxOutputTokens": sampling.max_new_tokens + sampling.thinking,
            "temperature": sampling.temperature,
            "topP": sampling.top_p,
            "seed": sampling.seed,
            "thinkingConfig": self._thinking(sampling),
        }
        system = _system(turns)
        parameters = {
            "systemInstruction": {"parts": [{"text": system}]} if system else None,
            "generationConfig": given(settings),
        }
        return GeminiRequest(contents, given(parameters), b"")

    def _thinking(self, sampling: Sampling) -> dict[str, Any] | None:
        if sampling.effort is None:
            return None
        if self._by_level and sampling.effort != "none":
            return {"thinkingLevel": sampling.effort.upper()}
        return {"thinkingBudget": sampling.thinking}


class BedrockWire:
    """Converse; the effort is Claude's budget of tokens, for Converse itself has no word for one, and no seed."""

    def __init__(self, endpoint: Endpoint, arguments: ApiArguments) -> None:
        self.client: JudgeClient = BedrockClient(endpoint, arguments.model, arguments.timeout, TWO_MODELS)

    def request(self, turns: Sequence[PromptTurn], sampling: Sampling) -> Request:
        """Parts in their order; what the system says stands apart. The limit counts thinking too."""
        messages = [{"role": turn.role, "content": list(map(_converse_block, turn.parts))} for turn in _spoken(turns)]
        settings = {
            "maxTokens": sampling.max_new_tokens + sampling.thinking,
            "temperature": sampling.temperature,
            "topP": sampling.top_p,
        }
        system = _system(turns)
        parameters = {
            "system": [{"text": system}] if system else None,
            "inferenceConfig": given(settings),
            "additionalModelRequestFields": _budget(sampling) or None,
        }
        return BedrockRequest(messages, given(parameters), b"")


def _budget(sampling: Sampling) -> dict[str, Any]:
    """Claude's `thinking` by the effort, in tokens."""
    if sampling.effort is None:
        return {}
    if sampling.effort == "none":
        return {"thinking": {"type": "disabled"}}
    return {"thinking": {"type": "enabled", "budget_tokens": sampling.thinking}}


def _spoken(turns: Iterable[PromptTurn]) -> list[PromptTurn]:
    """The turns of user and model."""
    return [turn for turn in turns if turn.role != "system"]


def _system(turns: Iterable[PromptTurn]) -> str:
    """What the system says."""
    texts = [part for turn in turns if turn.role == "system" for part in turn.parts if isinstance(part, str)]
    return "\n\n".join(texts)


def _block(part: Part) -> dict[str, Any]:
    if isinstance(part, StoredImage):
        return image_block(part.mime, base64.b64encode(part.data).decode())
    return {"type": "text", "text": part}


def _converse_block(part: Part) -> dict[str, Any]:
    """Bedrock's name of a format is the MIME type's last word."""
    if isinstance(part, str):
        return {"text": part}
    data = base64.b64encode(part.data).decode()
    return {"image": {"format": part.mime.removeprefix("image/"), "source": {"bytes": data}}}


def _google_part(part: Part) -> dict[str, Any]:
    if isinstance(part, str):
        return {"text": part}
    picture = picture_for_google(part)
    return inline_data(picture.mime, base64.b64encode(picture.data).decode())
