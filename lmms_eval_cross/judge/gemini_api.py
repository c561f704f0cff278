"""Google's generateContent: its request, and its answer read as the chat completion that says the same.

Names of fields, reasons and counts are those of google-genai 3.6.1 for the Gemini API (`GenerationConfig`, `Part`,
`FinishReason`, `BlockedReason`, `GenerateContentResponseUsageMetadata`), whose own version of the API is v1. There
`responseFormat` is to follow `responseSchema`, and is not supported by the Gemini API yet.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from openai import Omit

from lmms_eval_cross.data.images import StoredImage, as_png, open_image, upright_rgb
from lmms_eval_cross.judge.client import TWO_JUDGES, JudgeClient
from lmms_eval_cross.judge.completion import read_completion
from lmms_eval_cross.judge.endpoint import Endpoint
from lmms_eval_cross.judge.replies import NoReply, Reply
from lmms_eval_cross.judge.request import IMAGE, Request, as_json, limit_of, schema_of, spoken, system_words
from lmms_eval_cross.pacing.limits import NOTHING_TOLD, Limits

_ROLES: Final = {"user": "user", "assistant": "model"}


@dataclass(frozen=True, slots=True)
class GeminiRequest(Request):
    """`messages` stand under `contents`; the model stands in the address."""

    def encode(self, model: str, parameters: Mapping[str, Any]) -> bytes:
        """The body."""
        return as_json({"contents": self.messages, **parameters})


@dataclass(frozen=True, slots=True)
class GeminiChat(Request):
    """A call that is laid out as a chat completion, sent as contents; parameters have OpenAI's names until then."""

    def encode(self, model: str, parameters: Mapping[str, Any]) -> bytes:
        """The body, with the picture spliced in."""
        system, schema = system_words(self.messages), schema_of(parameters)
        settings = {"temperature": parameters.get("temperature"), "maxOutputTokens": limit_of(parameters)}
        if schema is not None:
            settings |= {"responseMimeType": "application/json", "responseJsonSchema": schema}
        body: dict[str, Any] = {
            "contents": [
                {"role": _ROLES[turn["role"]], "parts": list(map(self._part, turn["content"]))}
                for turn in spoken(self.messages)
            ],
            "generationConfig": {name: value for name, value in settings.items() if value is not None},
        }
        if system:
            body["systemInstruction"] = {"parts": [{"text": system}]}
        return self.spliced(body)

    def _part(self, part: Mapping[str, Any]) -> dict[str, Any]:
        return inline_data(self.mime, IMAGE) if part["type"] == "image_url" else {"text": part["text"]}


def inline_data(mime: str, data: str) -> dict[str, Any]:
    """A picture's part; `data` is its base64."""
    return {"inlineData": {"mimeType": mime, "data": data}}


def picture_for_google(picture: StoredImage) -> StoredImage:
    """The picture; a GIF, which Google does not take, as PNG."""
    if picture.mime != "image/gif":
        return picture
    with open_image(picture.data) as image:
        return as_png(upright_rgb(image))


class GeminiClient(JudgeClient):
    """Asks for contents."""

    def __init__(self, endpoint: Endpoint, model: str, timeout_seconds: float, two_models: str = TWO_JUDGES) -> None:
        super().__init__(endpoint, model, timeout_seconds, two_models)
        self.path = f"/models/{model.removeprefix('models/')}:generateContent"

    def headers(self) -> dict[str, Any]:
        """The key in a header of its own."""
        return {"Authorization": Omit(), "x-goog-api-key": self.endpoint.key or "none"}

    def read_value(self, value: object, limits: Limits, reasons_are_given: bool) -> Reply | NoReply:
        """The reply in the first candidate; a prompt that was blocked has none."""
        return read_gemini(value, limits, reasons_are_given)


def read_gemini(value: object, limits: Limits = NOTHING_TOLD, reasons_are_given: bool = True) -> Reply | NoReply:
    """The reply in a generateContent answer, as of the chat completion that says the same."""
    if isinstance(value, dict) and (value.get("candidates") or value.get("promptFeedback")):
        value = _as_completion(value)
    return read_completion(value, limits, reasons_are_given)


def _as_completion(answer: Mapping[str, Any]) -> dict[str, Any]:
    """Chat completion of a generateContent answer: texts, thoughts, finish reason, usage."""
    candidate = _first(answer.get("candidates"))
    parts = list(_parts(candidate.get("content")))
    said = {"content": _joined(parts, thought=False), "reasoning": _joined(parts, thought=True)}
    finish = candidate.get("finishReason") if candidate else _block(answer.get("promptFeedback"))
    choice = {"finish_reason": finish, "message": said}
    return {"model": answer.get("modelVersion"), "choices": [choice], "usage": _usage(answer.get("usageMetadata"))}


def _block(feedback: object) -> str:
    """The finish reason of a prompt that was blocked, with Google's word for why."""
    why = feedback.get("blockReason") if isinstance(feedback, dict) else None
    return f"content_filter: {why}" if isinstance(why, str) else "content_filter"


def _first(candidates: object) -> Mapping[str, Any]:
    if isinstance(candidates, list) and candidates and isinstance(candidates[0], dict):
        return candidates[0]
    return {}


def _parts(content: object) -> Iterator[Mapping[str, Any]]:
    if isinstance(content, dict) and isinstance(content.get("parts"), list):
        yield from filter(lambda part: isinstance(part, dict), content["parts"])


def _joined(parts: list[Mapping[str, Any]], thought: bool) -> str:
    texts = [str(part.get("text") or "") for part in parts if bool(part.get("thought")) == thought]
    return "".join(texts)


def _usage(usage: object) -> object:
    """As we count: thoughts, which Google counts apart, are part of the completion."""
    if not isinstance(usage, dict):
        return usage
    thoughts, words = usage.get("thoughtsTokenCount") or 0, usage.get("candidatesTokenCount") or 0
    is_counted = isinstance(thoughts, int) and isinstance(words, int)
    return {
        "prompt_tokens": usage.get("promptTokenCount"),
        "prompt_tokens_details": {"cached_tokens": usage.get("cachedContentTokenCount")},
        "completion_tokens": thoughts + words if is_counted else 0,
        "completion_tokens_details": {"reasoning_tokens": thoughts},
    }
