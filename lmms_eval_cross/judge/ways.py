"""The ways to ask a judge: in OpenAI's words, as most servers are, or in Anthropic's and Google's own."""

from typing import Final

from lmms_eval_cross.data.images import StoredImage
from lmms_eval_cross.judge.anthropic_api import AnthropicClient, AnthropicRequest
from lmms_eval_cross.judge.client import JudgeClient
from lmms_eval_cross.judge.endpoint import Endpoint
from lmms_eval_cross.judge.gemini_api import GeminiChat, GeminiClient, picture_for_google
from lmms_eval_cross.judge.request import Request, image_url

_CLIENTS: Final[dict[str, type[JudgeClient]]] = {"anthropic": AnthropicClient, "gemini": GeminiClient}
_REQUESTS: Final[dict[str, type[Request]]] = {"anthropic": AnthropicRequest, "gemini": GeminiChat}


def client_for(endpoint: Endpoint, model: str, timeout_seconds: float) -> JudgeClient:
    """Who asks the endpoint in its words."""
    return _CLIENTS.get(endpoint.provider, JudgeClient)(endpoint, model, timeout_seconds)


def as_sent(endpoint: Endpoint, request: Request) -> Request:
    """A call as it goes to the endpoint; `api`, which stands in keys and records, is sent nowhere."""
    parameters = {name: value for name, value in request.parameters.items() if name != "api"}
    return _REQUESTS.get(endpoint.provider, Request)(request.messages, parameters, request.image)


def url_for(endpoint: Endpoint, picture: StoredImage) -> bytes:
    """The picture as a data URL, of a type that the endpoint takes."""
    return image_url(picture_for_google(picture) if endpoint.provider == "gemini" else picture)
