"""What `--model cross_api` is given in `--model_args`."""

from typing import Annotated, Any, Final, Literal, TypeAlias

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator

from lmms_eval_cross.errors import SettingsError
from lmms_eval_cross.settings import server_address

Effort: TypeAlias = Literal["none", "minimal", "low", "medium", "high"]
THINKING_TOKENS: Final[dict[Effort, int]] = {"none": 0, "minimal": 1024, "low": 4096, "medium": 8192, "high": 24576}
"""Tokens for thinking at each effort, beside those of the answer; ours, for OpenAI's API bounds only their sum."""
_OF_LMMS_EVAL: Final = frozenset({"batch_size", "max_batch_size", "device"})
"""Handed to every model class; an endpoint has no use for them."""


class ApiArguments(BaseModel):
    """Where to ask, what, and how fast."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    model: str = Field(min_length=1)
    provider: Literal["openai", "azure", "anthropic", "gemini", "bedrock"] = "openai"
    api: Literal["chat", "responses"] = "chat"
    base_url: Annotated[str, AfterValidator(server_address)] | None = None
    azure_api_version: str = Field(default="2024-10-21", min_length=1)
    reasoning_effort: Effort | None = None
    thinking_tokens: int | None = Field(default=None, ge=0)
    """Tokens that thinking may take beside the answer's; by default as the effort has it."""
    effort_as: Literal["budget", "level"] = "budget"
    """How Anthropic and Google are told the effort: in tokens, or by a word, as their newer models want it."""
    max_new_tokens: int | None = Field(default=None, ge=1)
    """Of the answer; by default what the task asks for."""
    temperature: float | None = Field(default=None, ge=0, allow_inf_nan=False)
    seed: int | None = None
    concurrency: int = Field(default=16, ge=1)
    rpm: float | None = Field(default=None, gt=0, allow_inf_nan=False)
    timeout: float = Field(default=600, gt=0, allow_inf_nan=False)
    """Seconds that one try may take."""
    patience: float = Field(default=600, gt=0, allow_inf_nan=False)
    """Seconds without any answer after which nothing more is asked."""
    budget_usd: float | None = Field(default=None, gt=0, allow_inf_nan=False)

    @model_validator(mode="after")
    def _azure_has_an_address(self) -> "ApiArguments":
        if self.provider == "azure" and self.base_url is None:
            raise ValueError("provider=azure wants base_url, the address of the resource")
        return self

    @model_validator(mode="after")
    def _provider_has_what_is_asked(self) -> "ApiArguments":
        """What a provider has no word for is refused here, and not left out."""
        if self.api == "responses" and self.provider in {"anthropic", "gemini", "bedrock"}:
            raise ValueError(f"api=responses is OpenAI's, and {self.provider} has none")
        if self.seed is not None and (self.provider in {"anthropic", "bedrock"} or self.api == "responses"):
            raise ValueError("seed is given, and this API takes none; leave it away")
        if self.temperature is not None and self.provider == "anthropic":
            raise ValueError("temperature is given, and Anthropic's API takes none; leave it away")
        if self.effort_as == "level" and self.provider == "bedrock":
            raise ValueError("effort_as=level is given, and Bedrock is told a budget; leave it away")
        if self.effort_as == "level" and self.provider == "anthropic" and self.reasoning_effort == "minimal":
            raise ValueError("Anthropic's levels begin at low; give reasoning_effort=low or effort_as=budget")
        return self

    @property
    def thinking(self) -> int:
        """Tokens set aside for thinking."""
        if self.thinking_tokens is not None:
            return self.thinking_tokens
        return THINKING_TOKENS[self.reasoning_effort or "none"]


def read_arguments(given: dict[str, Any]) -> ApiArguments:
    """The arguments of the model class.

    Raises:
        SettingsError: one is unknown, has a value that it can't have, or is a key.
    """
    arguments = {name: value for name, value in given.items() if name not in _OF_LMMS_EVAL}
    if "api_key" in arguments:
        raise SettingsError(
            "--model_args holds an api_key, which lmms-eval would write into results.json; leave it away and set "
            "OPENAI_API_KEY, or CROSS_MODEL_API_KEY for a server of your own."
        )
    if not arguments.get("model"):
        raise SettingsError("cross_api was not told which model to ask; add --model_args model=NAME.")
    if isinstance(arguments["model"], int | float):
        arguments["model"] = str(arguments["model"])
    try:
        return ApiArguments.model_validate(arguments)
    except ValidationError as error:
        raise SettingsError(_sentence(error)) from None


def refuse_sampling(arguments: ApiArguments, temperature: float | None, top_p: float | None) -> None:
    """Nothing, unless --gen_kwargs ask for what Anthropic's API has no word for.

    Raises:
        SettingsError: they do.
    """
    if arguments.provider == "anthropic" and (temperature is not None or top_p is not None):
        raise SettingsError("--gen_kwargs has a temperature or top_p, and Anthropic's API takes none; leave it away.")


def _sentence(error: ValidationError) -> str:
    first = error.errors(include_url=False)[0]
    name = ".".join(map(str, first["loc"]))
    if first["type"] == "extra_forbidden":
        known = ", ".join(ApiArguments.model_fields)
        return f"--model_args has {name}, which cross_api does not take; it takes {known}."
    rule = first["msg"].removeprefix("Value error, ")
    if not name:
        return f"--model_args: {rule}; correct it (docs/models.md)."
    return f"--model_args has {name}={str(first['input'])[:80]}, but {rule[:1].lower()}{rule[1:]}; correct it."
