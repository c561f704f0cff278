"""Ask the endpoint, before any GPU works, whether it knows the key and the model."""

import json
import re
from datetime import date, datetime, timezone
from typing import Any, Final
from urllib.parse import urlsplit

import openai
from openai import AzureOpenAI, OpenAI
from openai.types.chat import ChatCompletion

from lmms_eval_cross.errors import JudgeSetupError
from lmms_eval_cross.judge.client import error_message
from lmms_eval_cross.judge.endpoint import Endpoint, find_endpoint
from lmms_eval_cross.judge.error_body import read_error
from lmms_eval_cross.judge.hopeless import is_hopeless, may_be_its_own, refuses_key
from lmms_eval_cross.judge.sdk_clients import call_headers, model_options
from lmms_eval_cross.judge.sight import check_sight
from lmms_eval_cross.judge.unreachable import reaching
from lmms_eval_cross.judge.ways import client_for
from lmms_eval_cross.ledger.store import Ledger
from lmms_eval_cross.say import tell
from lmms_eval_cross.settings import Settings

TIMEOUT_SECONDS: Final = 20
_TOKEN_LIMITS: Final[tuple[dict[str, Any], ...]] = ({"max_tokens": 1}, {"max_completion_tokens": 16})
_VERSION: Final = re.compile(r"/v\d")
WARN_DAYS: Final = 90
"""How long before a model's shutdown every run says so."""
_passed: set[tuple[Endpoint, str]] = set()


def was_probed(endpoint: Endpoint, model: str) -> bool:
    """Whether this process has found the endpoint's key and model good."""
    return (endpoint, model) in _passed


def check_endpoint(settings: Settings, ledger: Ledger) -> None:
    """Find out whether the judge in force can judge: key, model, and whether it sees.

    Raises:
        JudgeSetupError: it can't.
    """
    endpoint = find_endpoint(settings)
    probe(endpoint, settings.judge_model)
    check_sight(settings, endpoint, ledger)


def probe(endpoint: Endpoint, model: str) -> None:
    """Ask for the model; where that is closed, send one chat of one token.

    Raises:
        JudgeSetupError: unreachable, wrong key, unknown model, or a refusal.
    """
    _refuse_full_path(endpoint)
    with reaching(endpoint), _client(endpoint, model) as client:
        try:
            if endpoint.provider != "openai":
                _look_up(client, endpoint, model)
            elif endpoint.azure_api_version is not None or not _is_listed(client, model, call_headers(endpoint)):
                _chat(client, model, call_headers(endpoint))
        except openai.APIStatusError as error:
            raise JudgeSetupError(_refusal(error, endpoint, model)) from None
        except ValueError:
            raise JudgeSetupError(
                f"The judge's endpoint {endpoint.host} answered a chat with something else than a chat completion; "
                "mend CROSS_JUDGE_BASE_URL, which goes as far as /v1."
            ) from None
    _passed.add((endpoint, model))


def _refuse_full_path(endpoint: Endpoint) -> None:
    path = urlsplit(endpoint.base_url).path.rstrip("/")
    if path.endswith(("/completions", "/models", "/responses", "/messages")):
        below = {"anthropic": "messages", "gemini": "models"}.get(endpoint.provider, "chat/completions")
        raise JudgeSetupError(
            f"CROSS_JUDGE_BASE_URL ends in {path}, and calls go to {path}/{below}; it goes as far as /v1."
        )


def _refusal(error: openai.APIStatusError, endpoint: Endpoint, model: str) -> str:
    words = error_message(error, endpoint)
    if isinstance(error, openai.AuthenticationError) or refuses_key(read_error(error.response.content)):
        return (
            f"The judge's endpoint {endpoint.host} refuses the key in {endpoint.key_from} ({words}); set a valid one."
        )
    if isinstance(error, openai.NotFoundError) and _is_of_the_path(error, endpoint, model):
        path = urlsplit(endpoint.base_url).path.rstrip("/")
        return (
            f"The judge's endpoint {endpoint.host} knows no {path}/chat/completions ({words}); mend "
            "CROSS_JUDGE_BASE_URL, which goes as far as /v1."
        )
    if isinstance(error, openai.NotFoundError):
        return (
            f"The judge's endpoint {endpoint.host} has no model {model!r} ({words}); "
            "set CROSS_JUDGE_MODEL to one that it serves."
        )
    asked = "a one-token chat with" if endpoint.provider == "openai" else "the question for"
    return (
        f"The judge's endpoint {endpoint.host} answered {error.status_code} to {asked} {model!r} "
        f"({words}); mend the judge's setup or try again later."
    )


def _is_of_the_path(error: openai.APIStatusError, endpoint: Endpoint, model: str) -> bool:
    """Whether a 404 is of an address without a version in it, and not of the model."""
    said = read_error(error.response.content)
    if endpoint.azure_api_version is not None or _VERSION.search(urlsplit(endpoint.base_url).path):
        return False
    return "model" not in f"{said.code} {said.words}".lower() and model not in said.words


def _client(endpoint: Endpoint, model: str) -> OpenAI:
    kind = OpenAI if endpoint.azure_api_version is None else AzureOpenAI
    return kind(**model_options(endpoint, model, TIMEOUT_SECONDS, retries=1))


def shutdown_warning(model: str, shutdown_date: object, today: date) -> str | None:
    """What to say of a model that is shut down soon, None otherwise.

    Args:
        model: the judge's.
        shutdown_date: as the endpoint has it: an ISO date or time, or seconds of the epoch; None if it has none.
        today: to count from.
    """
    end = _date(shutdown_date)
    if end is None or (end - today).days > WARN_DAYS:
        return None
    if end < today:
        return f"The judge {model} was to be shut down on {end}; choose its successor in CROSS_JUDGE_MODEL."
    return (
        f"The judge {model} will be shut down on {end}, in {(end - today).days} days; verdicts that are in the ledger "
        "stay, new ones will need another CROSS_JUDGE_MODEL."
    )


def _date(value: object) -> date | None:
    try:
        if isinstance(value, int | float):
            return datetime.fromtimestamp(value, timezone.utc).date()
        if isinstance(value, str):
            return date.fromisoformat(value[:10])
    except (ValueError, OverflowError, OSError):
        return None
    return None


def _is_listed(client: OpenAI, model: str, headers: dict[str, Any]) -> bool:
    """Whether the endpoint says that it has the model; False where it does not tell."""
    try:
        answer = client.models.retrieve(model, extra_headers=headers)
    except openai.AuthenticationError as error:
        if error.code == "invalid_api_key":
            raise
        return False  # a key may be good for chats alone
    except openai.NotFoundError as error:
        if error.code == "model_not_found":
            raise
        return _is_in_list(client, model, headers)
    except (openai.APIStatusError, json.JSONDecodeError):
        return False
    if not isinstance(getattr(answer, "id", None), str):
        return False
    warning = shutdown_warning(model, getattr(answer, "shutdown_date", None), datetime.now(timezone.utc).date())
    if warning:
        tell(warning)
    return True


def _look_up(client: OpenAI, endpoint: Endpoint, model: str) -> None:
    """Ask Anthropic or Google for the model, with headers of their own; who does not tell is found out by a picture."""
    headers = client_for(endpoint, model, TIMEOUT_SECONDS).headers()
    try:
        client.get(f"/models/{model.removeprefix('models/')}", cast_to=object, options={"headers": headers})
    except openai.APIStatusError as error:
        said = read_error(error.response.content)
        if is_hopeless(error.status_code, said) and not may_be_its_own(error.status_code, said):
            raise


def _is_in_list(client: OpenAI, model: str, headers: dict[str, Any]) -> bool:
    """For servers that list their models but don't show one, such as vLLM."""
    try:
        answer = client.get("/models", cast_to=object, options={"headers": headers})
    except (openai.APIStatusError, json.JSONDecodeError):
        return False
    if not isinstance(answer, dict) or not isinstance(answer.get("data"), list):
        return False
    return any(isinstance(entry, dict) and entry.get("id") == model for entry in answer["data"])


def _chat(client: OpenAI, model: str, headers: dict[str, Any]) -> None:
    """Send a chat of one token; ValueError where something else than a completion comes back."""
    for last, limit in enumerate(_TOKEN_LIMITS, start=1):
        try:
            answer: object = client.chat.completions.create(
                model=model,
                messages=[{"role": "user", "content": "Reply with 1."}],
                extra_headers=headers,
                **limit,
            )
        except openai.BadRequestError:
            if last == len(_TOKEN_LIMITS):
                raise
        else:
            if not isinstance(answer, ChatCompletion):
                raise ValueError("no chat completion")
            return
