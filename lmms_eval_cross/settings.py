"""Every setting, in one class: environment variables that start with `CROSS_`."""

import difflib
import os
from pathlib import Path
from typing import Final, Literal

from platformdirs import user_cache_path
from pydantic import Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from lmms_eval_cross.errors import SettingsError

PREFIX: Final = "CROSS_"
NO_KEY: Final = "none"
"""The value of CROSS_JUDGE_API_KEY that stands for a server without keys."""

RubricName = Literal["official", "native"]
ProfileName = Literal["official", "cached", "joint"]


class Settings(BaseSettings):
    """What a run may choose; `lmms-eval-cross config` prints what is in force."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, extra="ignore", frozen=True, validate_default=True)

    home: Path = Field(default_factory=lambda: user_cache_path("lmms-eval-cross"))
    """Where prepared data, downloads and the ledger live."""
    source: str | None = None
    """The copy of CROSS that tasks prepare from when nothing is prepared: a folder or a base URL."""
    judge: Literal["openai", "offline"] = "openai"
    """`openai`: an OpenAI-compatible endpoint. `offline`: a few rules without a network, no measurement."""
    judge_model: str = Field(default="gpt-4o-2024-08-06", min_length=1)
    """The model that the endpoint is asked for; the default pins the paper's GPT-4o."""
    judge_base_url: str | None = Field(default=None, pattern=r"^https?://")
    """The endpoint, as far as `/v1`; without it, OpenAI's own address."""
    judge_api_key: SecretStr | None = None
    """The endpoint's key. Only without a base URL does OPENAI_API_KEY stand in; `none` is a server without keys."""
    judge_id: str | None = Field(default=None, min_length=1)
    """A name for the judge, by default the model's: verdicts of one id are one judge's, whatever the host."""
    judge_rubric: RubricName | None = None
    """`official`: the user's `code/evaluation.py`; `native`: ours. By default official, native for `cross_demo`."""
    judge_profile: ProfileName = "official"
    """How a judge call is laid out: `official` as released, `cached` for prefix caching, `joint` in one call."""
    judge_azure_api_version: str | None = Field(default=None, min_length=1)
    """The API version of an Azure OpenAI resource that CROSS_JUDGE_BASE_URL names; set, it means Azure."""
    judge_max_tokens: int | None = Field(default=None, ge=1)
    """Tokens that a reply may have, sent with every call; unset, as released, the endpoint decides."""
    judge_concurrency: int = Field(default=64, ge=1)
    """Judge calls in flight at the most, shared out over the ranks of a run; fewer where the endpoint wants it."""
    judge_timeout: float = Field(default=60, gt=0)
    """Seconds that one try of a judge call may take."""
    judge_patience: float = Field(default=120, gt=0)
    """Seconds without one answer of the endpoint after which no more is asked; more than a slow judge's latency."""
    judge_budget_usd: float | None = Field(default=None, gt=0)
    """US dollars that the judge calls of a run may cost over all its ranks."""
    judge_prices: Path | None = None
    """A YAML file of prices that go before the packaged ones."""


def load_settings() -> Settings:
    """The settings in force.

    Raises:
        SettingsError: a value breaks its rule, or a `CROSS_JUDGE_...` variable is none of ours.
    """
    _refuse_unknown_judge_variables()
    try:
        return Settings()
    except ValidationError as error:
        raise SettingsError(_sentence(error)) from None


def variable(field: str) -> str:
    """The environment variable of a settings field."""
    return PREFIX + field.upper()


def _refuse_unknown_judge_variables() -> None:
    known = [variable(field) for field in Settings.model_fields]
    for name in sorted(os.environ):
        if name.startswith(f"{PREFIX}JUDGE") and name not in known:
            near = difflib.get_close_matches(name, known, n=1)
            hint = f"did you mean {near[0]}?" if near else "`lmms-eval-cross config` lists the settings."
            raise SettingsError(f"{name} is set, but there is no such setting; {hint}")


def _sentence(error: ValidationError) -> str:
    first = error.errors(include_url=False)[0]
    name = variable(str(first["loc"][0]))
    shown = "(hidden)" if "KEY" in name else repr(first["input"])
    rule = first["msg"].removeprefix("Input should be ").replace("Input should", "should")
    return f"{name} must be {rule}, got {shown}; set another value or unset it."


def describe_settings(settings: Settings) -> str:
    """One line a setting: variable, value in force, and whether it was set; keys masked."""
    lines = []
    for field in Settings.model_fields:
        value = getattr(settings, field)
        shown = "(unset)" if value is None else "********" if isinstance(value, SecretStr) else str(value)
        lines.append(f"{variable(field):30} {shown:40} {'set' if field in settings.model_fields_set else 'default'}")
    fallback = "********" if os.environ.get("OPENAI_API_KEY") else "(unset)"
    lines.append(f"{'OPENAI_API_KEY':30} {fallback:40} used without CROSS_JUDGE_BASE_URL and CROSS_JUDGE_API_KEY only")
    return "\n".join(lines)
