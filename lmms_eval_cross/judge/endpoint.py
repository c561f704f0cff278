"""Where the judge is asked, in whose words, and with which key: address and key fall back together."""

import os
import re
from dataclasses import dataclass, field, replace
from typing import Final
from urllib.parse import urlsplit

from pydantic import SecretStr

from lmms_eval_cross.errors import JudgeSetupError
from lmms_eval_cross.settings import NO_KEY, Settings

OPENAI_URL: Final = "https://api.openai.com/v1"
PROVIDERS: Final = {
    "openai": (OPENAI_URL, ("OPENAI_API_KEY",)),
    "anthropic": ("https://api.anthropic.com/v1", ("ANTHROPIC_API_KEY",)),
    "bedrock": ("", ("AWS_BEARER_TOKEN_BEDROCK",)),
    "gemini": ("https://generativelanguage.googleapis.com/v1", ("GEMINI_API_KEY", "GOOGLE_API_KEY")),
}
"""The address of each provider, and the variables that its own tools read a key from."""
_REGION: Final = re.compile(r"[a-z]{2,4}(-[a-z]+)+-\d")


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A server, OpenAI-compatible unless its provider is another."""

    base_url: str
    key: str | None = field(repr=False)
    """None for a server without keys."""
    key_from: str
    """The variable that the key came from."""
    is_openai: bool
    """OpenAI's own address, by default and not by a base URL."""
    azure_api_version: str | None = None
    """Set for a resource of Azure OpenAI, whose deployments bear the models' names."""
    provider: str = "openai"
    """In whose words it is asked: a key of `PROVIDERS`."""

    @property
    def host(self) -> str:
        """Scheme, name and port: what a ledger may know of the address."""
        parts = urlsplit(self.base_url)
        host = f"{parts.scheme}://{parts.hostname}"
        if parts.port:
            host += f":{parts.port}"
        return host


def find_endpoint(settings: Settings) -> Endpoint:
    """The endpoint in force.

    OPENAI_API_KEY is used at OpenAI's own address only; OPENAI_BASE_URL, which people set for the model under
    test, is never used.

    Raises:
        JudgeSetupError: there is no key for the address.
    """
    own = ""
    if settings.judge_api_key:
        own = settings.judge_api_key.get_secret_value()
    if settings.judge_provider != "openai":
        return _native_endpoint(settings, own)
    if settings.judge_base_url is not None:
        return _at_base_url(settings.judge_base_url, own, settings.judge_azure_api_version)
    if settings.judge_azure_api_version is not None:
        raise JudgeSetupError(
            f"CROSS_JUDGE_AZURE_API_VERSION is {settings.judge_azure_api_version}, but CROSS_JUDGE_BASE_URL names no "
            "Azure resource; set it to the resource's address."
        )
    key, source = own, "CROSS_JUDGE_API_KEY"
    if not own:
        key, source = os.environ.get("OPENAI_API_KEY", ""), "OPENAI_API_KEY"
    if not key or key == NO_KEY:
        raise JudgeSetupError(
            f"There is no key for the judge {settings.judge_model} at OpenAI; set OPENAI_API_KEY or "
            "CROSS_JUDGE_API_KEY, or point CROSS_JUDGE_BASE_URL at another server."
        )
    return Endpoint(OPENAI_URL, key, source, True)


def _at_base_url(base_url: str, own: str, azure_api_version: str | None) -> Endpoint:
    if not own:
        raise JudgeSetupError(
            "CROSS_JUDGE_BASE_URL is set, but CROSS_JUDGE_API_KEY is not, and OPENAI_API_KEY is never sent to "
            "another server; set CROSS_JUDGE_API_KEY, to `none` if the server takes no key."
        )
    key = None if own == NO_KEY else own
    return Endpoint(base_url, key, "CROSS_JUDGE_API_KEY", False, azure_api_version)


def _native_endpoint(settings: Settings, own: str) -> Endpoint:
    """Anthropic's or Google's, at their own address with the keys of their own tools, or at a base URL."""
    provider, model = settings.judge_provider, settings.judge_model
    if settings.judge_azure_api_version is not None:
        raise JudgeSetupError(
            f"CROSS_JUDGE_PROVIDER is {provider}, and CROSS_JUDGE_AZURE_API_VERSION is Azure's; unset one of the two."
        )
    if settings.judge_base_url is not None:
        return replace(_at_base_url(settings.judge_base_url, own, None), provider=provider)
    found = _at_own_address(provider, "CROSS_JUDGE_API_KEY", own)
    if found is None:
        raise JudgeSetupError(
            f"There is no key for the judge {model} at {provider}; set {_keys_of(provider, 'CROSS_JUDGE_API_KEY')}, or "
            "point CROSS_JUDGE_BASE_URL at another server."
        )
    return found


def _at_own_address(provider: str, variable: str, own: str) -> Endpoint | None:
    """A provider at its own address with the first key that there is; None without one."""
    address, variables = PROVIDERS[provider]
    keys = {variable: own, **{name: os.environ.get(name, "") for name in variables}}
    source = next((name for name, key in keys.items() if key and key != NO_KEY), None)
    if source is None:
        return None
    return Endpoint(address or _bedrock_url(), keys[source], source, provider == "openai", provider=provider)


def _keys_of(provider: str, variable: str) -> str:
    """The variables that a provider's key is looked for in."""
    return " or ".join([*PROVIDERS[provider][1], variable])


def find_tuning_endpoint(settings: Settings) -> Endpoint:
    """Where hosted fine-tuning jobs are handed in.

    Raises:
        JudgeSetupError: there is no key for the address.
    """
    lacking = "There is no key for OpenAI; set OPENAI_API_KEY or CROSS_TUNING_API_KEY."
    return _endpoint_of("TUNING", settings.tuning_base_url, settings.tuning_api_key, lacking)


def find_teacher_endpoint(settings: Settings) -> Endpoint:
    """Where the teacher of `align build` is asked.

    Raises:
        JudgeSetupError: there is no key for the address.
    """
    lacking = (
        f"There is no key for the teacher {settings.teacher_model} at OpenAI; set OPENAI_API_KEY or "
        "CROSS_TEACHER_API_KEY, point CROSS_TEACHER_BASE_URL at another server, or try things with "
        "CROSS_TEACHER=offline."
    )
    return _endpoint_of("TEACHER", settings.teacher_base_url, settings.teacher_api_key, lacking)


def find_model_endpoint(
    provider: str, model: str, base_url: str | None, azure_api_version: str | None, secret: SecretStr | None
) -> Endpoint:
    """Where `--model cross_api` asks the model under test.

    Args:
        provider: a key of `PROVIDERS`, or one that wants a base URL.
        model: for the sentence.
        base_url: of another server than the provider's own.
        azure_api_version: where that is Azure.
        secret: CROSS_MODEL_API_KEY.

    Raises:
        JudgeSetupError: there is no key for the address.
    """
    own, variable = secret.get_secret_value() if secret else "", "CROSS_MODEL_API_KEY"
    if base_url is not None:
        if not own:
            raise JudgeSetupError(
                f"--model_args has a base_url, but {variable} is not set, and no other key is ever sent to another "
                f"server; set {variable}, to `none` if the server takes no key."
            )
        return Endpoint(base_url, None if own == NO_KEY else own, variable, False, azure_api_version)
    found = _at_own_address(provider, variable, own)
    if found is None:
        raise JudgeSetupError(
            f"There is no key for {model} at {provider}; set {_keys_of(provider, variable)}, or give the base_url of "
            "another server in --model_args."
        )
    return found


def _bedrock_url() -> str:
    """The address of the region that AWS's own tools would take.

    Raises:
        JudgeSetupError: there is none, or it is no name of a region.
    """
    region = os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION") or ""
    if not _REGION.fullmatch(region):
        raise JudgeSetupError(f"AWS_REGION is {region!r}, and Bedrock is asked in a region; set it, such as us-east-1.")
    return f"https://bedrock-runtime.{region}.amazonaws.com"


def _endpoint_of(who: str, base_url: str | None, secret: SecretStr | None, lacking: str) -> Endpoint:
    """Address and key of CROSS_`who`_..., which fall back together as the judge's do."""
    own, variable = secret.get_secret_value() if secret else "", f"CROSS_{who}_API_KEY"
    if base_url is not None:
        if not own:
            raise JudgeSetupError(
                f"CROSS_{who}_BASE_URL is set, but {variable} is not, and OPENAI_API_KEY is never sent to "
                f"another server; set {variable}, to `none` if the server takes no key."
            )
        return Endpoint(base_url, None if own == NO_KEY else own, variable, False)
    key, source = (own, variable) if own else (os.environ.get("OPENAI_API_KEY", ""), "OPENAI_API_KEY")
    if not key or key == NO_KEY:
        raise JudgeSetupError(lacking)
    return Endpoint(OPENAI_URL, key, source, True)
