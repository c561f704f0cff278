"""Every setting, in one class: environment variables that start with `CROSS_`."""

import difflib
import os
import re
from collections.abc import Mapping
from functools import cache, lru_cache
from pathlib import Path
from typing import Annotated, Final, Literal, NamedTuple
from urllib.parse import urlsplit

from platformdirs import user_cache_path
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr, ValidationError

from lmms_eval_cross.errors import SettingsError
from lmms_eval_cross.files import with_home
from lmms_eval_cross.say import tell

PREFIX: Final = "CROSS_"
PANEL_PREFIX: Final = "CROSS_PANEL_"
"""Of what a member of a panel has of its own: CROSS_PANEL_NAME_MODEL is CROSS_JUDGE_MODEL for the member NAME alone."""
NO_KEY: Final = "none"
"""The value of CROSS_JUDGE_API_KEY that stands for a server without keys."""
MASK: Final = "********"
_LIKENESS: Final = 0.75
"""Of difflib: a letter or two missing, added or swapped."""

RubricName = Literal["official", "native"]
ProfileName = Literal["official", "cached", "joint"]
Provider = Literal["openai", "anthropic", "gemini"]


def _absolute(path: Path) -> Path:
    return with_home(path).absolute()


def server_address(url: str) -> str:
    """`url`, if it is an address and nothing more: what it holds is shown, and the key has a variable of its own."""
    if not re.match(r"https?://[^/?#]", url):
        raise ValueError("must be an address such as http://localhost:8000/v1")
    parts = urlsplit(url)
    if "@" in parts.netloc or parts.query or parts.fragment:
        raise ValueError("must hold no password and no query; a key goes to the variable that ends in _API_KEY")
    if not parts.hostname or parts.port == 0:
        raise ValueError("must name a server and, if any, a port from 1 to 65535")
    return url


def _postgres_address(url: str) -> str:
    """`url`, if it is libpq's; it may hold a password, so it is never shown whole."""
    if not re.match(r"postgres(ql)?://", url):
        raise ValueError("must be an address such as postgresql://user@host/database")
    server, _, database = re.split(r"[?#]", url.partition("://")[2])[0].partition("/")
    if server.count("@") > 1 or "@" in database:  # libpq would take the rest of a password for a host, and show it
        raise ValueError("must have one @ at most; write %40, %2F, %3F for @, / and ? in a password")
    return url


def _percent(number: float) -> float:
    """`number`, unless it reads as a share: 0.99 would ask for one verdict in a hundred, and no gate would say so."""
    if 0 < number <= 1:
        raise ValueError("must be in percent, so 99 and not 0.99")
    return number


def _sendable_key(key: SecretStr) -> SecretStr:
    if not re.fullmatch(r"[!-~]+", key.get_secret_value()):
        raise ValueError("must be printable ASCII without spaces, as an HTTP header can carry it")
    return key


class Settings(BaseModel):
    """What a run may choose; `lmms-eval-cross config` prints what is in force."""

    model_config = ConfigDict(frozen=True, validate_default=True, str_strip_whitespace=True)

    home: Annotated[Path, AfterValidator(_absolute)] = Field(default_factory=lambda: user_cache_path("lmms-eval-cross"))
    """Where prepared data, downloads and the ledger live."""
    source: str | None = Field(default=None, min_length=1, repr=False)
    """The copy of CROSS that tasks prepare from when nothing is prepared: a folder or a base URL."""
    judge: Literal["openai", "offline"] = "openai"
    """`openai`: an OpenAI-compatible endpoint. `offline`: a few rules without a network, no measurement."""
    judge_panel: "tuple[Member, ...]" = ()
    """Judges of which the majority decides, by names that their own settings bear: CROSS_PANEL_NAME_MODEL, ..."""
    judge_model: str = Field(default="gpt-4o-2024-08-06", min_length=1)
    """The model that the endpoint is asked for; the default pins the paper's GPT-4o."""
    judge_provider: Provider = "openai"
    """In whose words the endpoint is asked: OpenAI's, as most servers and Azure are, or Anthropic's or Google's own."""
    judge_base_url: Annotated[str, AfterValidator(server_address)] | None = None
    """The endpoint, as far as `/v1`; without it, OpenAI's own address."""
    judge_api_key: Annotated[SecretStr, AfterValidator(_sendable_key)] | None = None
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
    judge_concurrency: int = Field(default=32, ge=1)
    """Judge calls in flight at the most, shared out over the ranks of a run; fewer where the endpoint wants it."""
    judge_timeout: float = Field(default=60, gt=0, allow_inf_nan=False)
    """Seconds that one try of a judge call may take."""
    judge_patience: float = Field(default=120, gt=0, allow_inf_nan=False)
    """Seconds without one answer of the endpoint after which no more is asked; more than a slow judge's latency."""
    judge_sees: Literal["ask", "assume"] = "ask"
    """`ask`: before a judge's first verdict it reads a word in a picture; `assume`: it does not have to."""
    judge_budget_usd: float | None = Field(default=None, gt=0, allow_inf_nan=False)
    """US dollars that the judge calls of a run may cost over all its ranks."""
    judge_prices: Path | None = None
    """A YAML file of prices that go before the packaged ones."""
    teacher: Literal["openai", "offline"] = "openai"
    """Who writes training data in `align build`; `offline`: templates for the demo, unfit for training."""
    teacher_model: str = Field(default="gpt-4o-2024-08-06", min_length=1)
    """The model that the teacher's endpoint is asked for."""
    teacher_base_url: Annotated[str, AfterValidator(server_address)] | None = None
    """The teacher's endpoint, as far as `/v1`; without it, OpenAI's own address."""
    teacher_api_key: Annotated[SecretStr, AfterValidator(_sendable_key)] | None = None
    """The teacher's key, with the rules of the judge's."""
    teacher_max_tokens: int = Field(default=1000, ge=1)
    """Tokens that a text of the teacher may have."""
    teacher_temperature: float = Field(default=0.7, ge=0, allow_inf_nan=False)
    """Of the teacher's texts; kept replies are of one temperature."""
    teacher_concurrency: int = Field(default=16, ge=1)
    """Examples that are made at a time, and teacher calls in flight at the most."""
    teacher_timeout: float = Field(default=120, gt=0, allow_inf_nan=False)
    """Seconds that one try of a teacher call may take."""
    tuning_base_url: Annotated[str, AfterValidator(server_address)] | None = None
    """Where `align openai` hands jobs in, as far as `/v1`; without it, OpenAI's own address."""
    tuning_api_key: Annotated[SecretStr, AfterValidator(_sendable_key)] | None = None
    """That server's key; OPENAI_API_KEY is sent to OpenAI's own address alone."""
    model_api_key: Annotated[SecretStr, AfterValidator(_sendable_key)] | None = None
    """The key of the server that `--model cross_api` asks, with the rules of the judge's; part of no command line."""
    min_coverage: Annotated[float, AfterValidator(_percent)] = Field(default=99, ge=0, le=100)
    """Percent of answers that need a verdict on every dimension; with fewer, results say `incomplete`."""
    share_samples: Literal["no", "yes"] = "no"
    """Whether lmms-eval may upload samples of CROSS, to the Hub or to Weights & Biases; means it may always."""
    ledger: Literal["auto", "shared", "host"] = "auto"
    """`shared`: one ledger file; `host`: one a host, for network file systems; `auto` looks at the file system."""
    ledger_url: Annotated[str, AfterValidator(_postgres_address)] | None = Field(default=None, repr=False)
    """A team's ledger, `postgresql://user@host/database`, in place of a file; its password belongs into ~/.pgpass."""

    @property
    def judges(self) -> "tuple[Settings, ...]":
        """The settings of every judge in force: of a panel its members', in the order of CROSS_JUDGE_PANEL."""
        return tuple(member.settings for member in self.judge_panel) or (self,)


class Member(NamedTuple):
    """A judge of a panel."""

    name: str
    """As CROSS_JUDGE_PANEL has it, in lower case."""
    settings: Settings
    """What is in force for it alone; its own panel is empty."""


Settings.model_rebuild()
_ADDRESS: Final = ("judge_provider", "judge_base_url", "judge_azure_api_version")
"""A member that has one of these of its own takes neither address nor key from CROSS_JUDGE_..."""
_OF_A_MEMBER: Final = (
    *(
        "judge_model",
        "judge_provider",
        "judge_base_url",
        "judge_api_key",
        "judge_id",
        "judge_profile",
        "judge_azure_api_version",
    ),
    *("judge_max_tokens", "judge_concurrency", "judge_timeout", "judge_patience", "judge_sees"),
)
"""Fields that a member may have of its own; but for `_NEVER_SHARED` it else has what the panel has."""
_NEVER_SHARED: Final = ("judge_model", "judge_id")
_PLACES: Final = frozenset({"HOME", "XDG_CACHE_HOME", "USERPROFILE", "LOCALAPPDATA"})
"""Variables by which the cache folder is found where CROSS_HOME is not set."""


def load_settings() -> Settings:
    """The settings in force.

    Raises:
        SettingsError: a value breaks its rule or is empty, or a `CROSS_JUDGE...` or `CROSS_TEACHER...` variable
            is none of ours.
    """
    decides = tuple(
        (name, value) for name, value in os.environ.items() if name.upper().startswith(PREFIX) or name in _PLACES
    )
    return _settings_of(decides, os.getcwd())


@lru_cache(maxsize=8)
def _settings_of(decides: tuple[tuple[str, str], ...], folder: str) -> Settings:
    """The settings, read once for each environment: a run asks for them with every sample, some milliseconds each.

    Args:
        decides: the variables that they depend on.
        folder: from which a relative path counts.
    """
    _look_at_unknown_variables()
    _refuse_empty_variables(list(map(variable, Settings.model_fields)))
    variables = {field: variable(field) for field in Settings.model_fields}
    given = _given(variables)
    panel = given.pop("judge_panel", None)
    settings = _validated(given, variables)
    if panel is None:
        return settings
    return settings.model_copy(update={"judge_panel": _members(panel, given)})


def _given(variables: Mapping[str, str]) -> dict[str, str]:
    """Field -> what its variable holds, whether its name is written in upper or in lower case."""
    given = {name.upper(): value for name, value in os.environ.items()}
    return {field: given[name] for field, name in variables.items() if name in given}


def _validated(given: Mapping[str, str], variables: Mapping[str, str]) -> Settings:
    """The settings of some values; `variables` name each field's, for the sentence."""
    try:
        return Settings.model_validate(given)
    except ValidationError as error:
        raise SettingsError(_sentence(error, variables)) from None


def _members(panel: str, shared: Mapping[str, str]) -> tuple[Member, ...]:
    """The members that CROSS_JUDGE_PANEL names, in its order.

    Args:
        panel: the variable's value.
        shared: field -> value of the other variables.

    Raises:
        SettingsError: the names are none, something is set that no panel has, or a member lacks its model.
    """
    names = _panel_names(panel)
    for field in ("judge_model", "judge_id"):
        if field in shared:
            raise SettingsError(
                f"{variable(field)} is set beside CROSS_JUDGE_PANEL, whose members have their own, such as "
                f"{member_variable(names[0], field)}; unset one of the two."
            )
    if shared.get("judge", "").strip() == "offline":
        raise SettingsError("CROSS_JUDGE is offline, which sits on no panel; unset it or CROSS_JUDGE_PANEL.")
    _look_at_unknown_members(names)
    return tuple(Member(name, _member_settings(name, shared)) for name in names)


def _panel_names(panel: str) -> list[str]:
    names = [name.strip().lower() for name in panel.split(",")]
    rule = ""
    if not all(re.fullmatch("[a-z][a-z0-9]{0,31}", name) for name in names):
        rule = "must hold names of letters and digits, separated by commas"
    elif len(names) < 2:
        rule = "must name two judges or more"
    elif len(set(names)) < len(names):
        rule = "must name each judge once"
    if rule:
        raise SettingsError(f"CROSS_JUDGE_PANEL {rule}, got {panel!r}; set another value or unset it.")
    return names


def _member_settings(name: str, shared: Mapping[str, str]) -> Settings:
    """What is in force for a member: its own variables, and of the panel's all that it has not of its own."""
    variables = {field: member_variable(name, field) for field in _OF_A_MEMBER}
    _refuse_empty_variables(list(variables.values()))
    own = _given(variables)
    if "judge_model" not in own:
        raise SettingsError(
            f"CROSS_JUDGE_PANEL names {name}, but {variables['judge_model']} is not set; set it to the model's name."
        )
    left_out = {*own, *_NEVER_SHARED}
    if any(field in own for field in _ADDRESS):
        left_out |= {*_ADDRESS, "judge_api_key"}
    of_panel = {field: value for field, value in shared.items() if field not in left_out}
    names = {**{field: variable(field) for field in of_panel}, **variables}
    return _validated({**of_panel, **own}, names)


def member_variable(name: str, field: str) -> str:
    """The environment variable of a settings field of a panel's member."""
    return f"{PANEL_PREFIX}{name.upper()}_{field.removeprefix('judge_').upper()}"


def in_words_of(member: Member, sentence: str) -> str:
    """A sentence on what is wrong with a judge's settings, with the member's variables in it."""
    for field in _OF_A_MEMBER:
        sentence = re.sub(rf"\b{variable(field)}\b", member_variable(member.name, field), sentence)
    return f"The panel's {member.name}: {sentence}"


def _look_at_unknown_members(names: list[str]) -> None:
    """Refuse variables of no member, and of members' settings that there are not."""
    known = [member_variable(name, field) for name in names for field in _OF_A_MEMBER]
    for name in sorted(os.environ):
        if name.upper().startswith(PANEL_PREFIX) and name.upper() not in known:
            near = difflib.get_close_matches(name, known, n=1)
            hint = f"did you mean {near[0]}?" if near else "docs/judging.md has what a member may have."
            raise SettingsError(f"{name} is set, but CROSS_JUDGE_PANEL names no judge with such a setting; {hint}")


def variable(field: str) -> str:
    """The environment variable of a settings field."""
    return PREFIX + field.upper()


def _look_at_unknown_variables() -> None:
    """Refuse unknown `CROSS_JUDGE...` and `CROSS_TEACHER...` variables, and say of others that they look misspelt."""
    known = [variable(field) for field in Settings.model_fields]
    for name in sorted(os.environ):
        if not name.startswith(PREFIX) or name in known or name.startswith(PANEL_PREFIX):
            continue
        if name.startswith((f"{PREFIX}JUDGE", f"{PREFIX}TEACHER")):
            near = difflib.get_close_matches(name, known, n=1)
            hint = f"did you mean {near[0]}?" if near else "`lmms-eval-cross config` lists the settings."
            raise SettingsError(f"{name} is set, but there is no such setting; {hint}")
        _warn_of_misspelling(name)


@cache
def _warn_of_misspelling(name: str) -> None:
    """Say once that a variable looks like a setting; what looks like none may be another program's."""
    fields = [field.upper() for field in Settings.model_fields]
    near = difflib.get_close_matches(name.removeprefix(PREFIX), fields, n=1, cutoff=_LIKENESS)
    if near:
        tell(f"{name} is set, but there is no such setting, so it changes nothing; did you mean {PREFIX}{near[0]}?")


def _refuse_empty_variables(names: list[str]) -> None:
    """An empty variable is mostly a secret or a template that was not filled in; nothing is guessed from it."""
    for name in names:
        if name in os.environ and not os.environ[name].strip():
            raise SettingsError(f"{name} is set, but empty; give it a value or unset it.")


def _sentence(error: ValidationError, variables: Mapping[str, str]) -> str:
    first = error.errors(include_url=False)[0]
    name = variables[str(first["loc"][0])]
    is_secret = "KEY" in name or name == variable("ledger_url") or re.search("[@?]", str(first["input"]))
    shown = "(hidden)" if is_secret else repr(first["input"])
    rule = re.sub(r"^Value error, (must )?|^(\w+) should ", "", first["msg"])
    return f"{name} must {rule}, got {shown}; set another value or unset it."


def check_postgres_url(url: str) -> str:
    """A URL of PostgreSQL that was typed.

    Raises:
        SettingsError: it is none; it is not quoted, for it may hold a password.
    """
    try:
        return _postgres_address(url)
    except ValueError as error:
        raise SettingsError(f"The ledger's address {error}.") from None


def describe_settings(settings: Settings) -> str:
    """One line a setting: variable, value in force, and whether it was set; keys masked. Members' settings last."""
    lines = [_described(variable(field), field, settings) for field in Settings.model_fields]
    for member in settings.judge_panel:
        lines += [_described(member_variable(member.name, field), field, member.settings) for field in _OF_A_MEMBER]
    fallback = MASK if os.environ.get("OPENAI_API_KEY") else "(unset)"
    lines.append(f"{'OPENAI_API_KEY':30} {fallback:40} used without CROSS_JUDGE_BASE_URL and CROSS_JUDGE_API_KEY only")
    return "\n".join(lines)


def _described(name: str, field: str, settings: Settings) -> str:
    value = getattr(settings, field)
    if isinstance(value, tuple):
        value = ",".join(member.name for member in value) or None
    shown = "(unset)" if value is None else MASK if isinstance(value, SecretStr) else masked(str(value))
    return f"{name:30} {shown:40} {'set' if field in settings.model_fields_set else 'default'}"


def masked(text: str) -> str:
    """`text` without what could be a secret in a URL: user and password, and the query."""
    if re.match(r"postgres(ql)?://", text):  # a password that was not percent-encoded may hold anything
        text = re.sub(r"^(\w+://).*@", rf"\1{MASK}@", text, flags=re.DOTALL)
    without_query = re.sub(r"^(\w+://[^?#]*)[?#].*", rf"\1?{MASK}", text)
    return re.sub(r"^(https?://)[^/?#]*@", rf"\1{MASK}@", without_query)
