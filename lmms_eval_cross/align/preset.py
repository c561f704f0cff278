"""Presets: how to tune, as a YAML file that a person reads, with TRL's own names for what TRL does."""

import difflib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any, Final

import yaml
from pydantic import BaseModel, ConfigDict, Field, PositiveFloat, PositiveInt, ValidationError

from lmms_eval_cross.align.examples import Kind
from lmms_eval_cross.errors import SettingsError, listing
from lmms_eval_cross.outside import depth_told, read_text

SHIPPED: Final = files("lmms_eval_cross.align") / "presets"
OURS: Final[Mapping[str, str]] = {
    "output_dir": "it is -o",
    "gradient_accumulation_steps": "it follows from batch_size",
    "resume_from_checkpoint": "a run in the same -o goes on by itself",
    "logging_first_step": "the first step is always logged, for it is checked",
    "remove_unused_columns": "the pictures would be removed",
    "push_to_hub": "nothing is pushed from here",
    "packing": "TRL can't pack pictures",
    "padding_free": "TRL can't leave out the padding of pictures",
    "precompute_ref_log_probs": "TRL can't precompute with pictures",
}
"""TRL's names that a preset must not set, and why."""
_NUMBER: Final = re.compile(r"[-+]?(\d+\.?\d*|\.\d+)[eE][-+]?\d+$")
_BOOLEAN: Final = re.compile(r"(true|True|TRUE|false|False|FALSE)$")


class _Yaml(yaml.SafeLoader):
    """Scalars as in YAML 1.2: 1.1 takes `1e-4` for text, and the `no` of `save_strategy: no` for false."""


_IS_BOOLEAN: Final = "tag:yaml.org,2002:bool"
_Yaml.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != _IS_BOOLEAN]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
_Yaml.add_implicit_resolver(_IS_BOOLEAN, _BOOLEAN, list("tTfF"))
_Yaml.add_implicit_resolver("tag:yaml.org,2002:float", _NUMBER, list("-+.0123456789"))


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Lora(_Strict):
    """What PEFT's LoraConfig is given, by its names."""

    r: PositiveInt
    lora_alpha: PositiveInt
    lora_dropout: float = Field(default=0.0, ge=0, lt=1)
    target_modules: str | list[str] = "all-linear"
    exclude_modules: str | list[str] | None = None


class Recipe(_Strict):
    """How one stage is tuned."""

    batch_size: PositiveInt
    """Examples of a step, over all processes and accumulated batches."""
    max_pixels: PositiveInt | None = None
    """Larger pictures are scaled down to this area, where the model's processor can."""
    lora: Lora | None = None
    """None: all weights are trained."""
    trl: dict[str, Any] = Field(default_factory=dict)
    """For TRL's SFTConfig or DPOConfig."""


class HostedJob(_Strict):
    """What a hosted fine-tuning job is asked for; `tune` does not run it."""

    model: str
    n_epochs: PositiveInt
    batch_size: PositiveInt
    learning_rate_multiplier: PositiveFloat | None = None
    beta: PositiveFloat | None = None


class PresetFile(_Strict):
    """A preset as it is written; `shared` lies under both stages."""

    about: str
    notes: list[str] = Field(default_factory=list)
    shared: dict[str, Any] = Field(default_factory=dict)
    sft: dict[str, Any] | None = None
    dpo: dict[str, Any] | None = None
    hosted: dict[Kind, HostedJob] = Field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Preset:
    """A preset for one stage, with what `--set` changed."""

    name: str
    about: str
    notes: tuple[str, ...]
    recipe: Recipe


def shipped_presets() -> list[str]:
    """The names of the presets in the package."""
    return sorted(entry.name.removesuffix(".yml") for entry in SHIPPED.iterdir() if entry.name.endswith(".yml"))


def load_preset(name: str, stage: Kind, changes: Sequence[str] = ()) -> Preset:
    """The preset of a name, or of a file; `changes` are KEY=VALUE with dots, such as `trl.learning_rate=1e-5`.

    Raises:
        SettingsError: there is no such preset, or it or a change breaks the schema.
    """
    written = read_preset(name)
    own = getattr(written, stage)
    if own is None:
        raise SettingsError(_absent(name, stage, written))
    values = _merged(written.shared, own)
    for change in changes:
        values = _merged(values, _as_mapping(change))
    recipe = _validated(Recipe, values, f"preset {name}, {stage}")
    for key in OURS.keys() & recipe.trl.keys():
        raise SettingsError(f"preset {name}: trl.{key} can't be set, {OURS[key]}; take it out.")
    return Preset(name, written.about, tuple(written.notes), recipe)


def read_preset(name: str) -> PresetFile:
    """A preset whole, as written.

    Raises:
        SettingsError: there is no such preset, or it breaks the schema.
    """
    path = Path(name)
    if path.suffix in {".yml", ".yaml"}:
        if not path.is_file():
            raise SettingsError(f"preset {name}: there is no such file; presets with a name: {_names()}.")
        text = _text(path, name)
    elif name in shipped_presets():
        text = (SHIPPED / f"{name}.yml").read_text(encoding="utf-8")
    else:
        raise SettingsError(f"preset {name} is unknown: take one of {_names()}, or name a .yml file.")
    written: PresetFile = _validated(PresetFile, _parsed(text, name), f"preset {name}")
    return written


def _text(path: Path, name: str) -> str:
    try:
        return read_text(path)
    except (OSError, ValueError) as error:
        raise SettingsError(f"preset {name} can't be read ({error}); name another file.") from None


def check_trl_names(given: Mapping[str, Any], known: Mapping[str, Any], preset: str) -> None:
    """Refuse what TRL does not know, naming the nearest that it does, and words where it takes true or false.

    Args:
        given: the preset's part for TRL.
        known: name -> type of TRL's settings.
        preset: its name.

    Raises:
        SettingsError: a name is not in `known`, or a word stands for a truth value.
    """
    for key in given:
        if key not in known:
            near = difflib.get_close_matches(key, known, 1)
            hint = f"did you mean {near[0]}?" if near else "see the fields of its SFTConfig and DPOConfig."
            raise SettingsError(f"preset {preset}: TRL has no setting {key}; {hint}")
        if known[key] in (bool, bool | None) and isinstance(given[key], str):
            raise SettingsError(f"preset {preset}: trl.{key} takes true or false, got {given[key]!r}.")


def _absent(name: str, stage: Kind, written: PresetFile) -> str:
    if stage in written.hosted:
        return f"preset {name} describes a hosted job that can't run here; take another one of {_names()}."
    return f"preset {name} has no part {stage}; take another one of {_names()}, or add it."


def _names() -> str:
    return listing(shipped_presets())


def _parsed(text: str, name: str) -> Any:
    try:
        with depth_told():
            return yaml.load(text, _Yaml)
    except (yaml.YAMLError, ValueError) as error:
        raise SettingsError(f"preset {name} is not YAML: {' '.join(str(error).split())}") from error


def _validated(kind: type[Any], values: Any, where: str) -> Any:
    try:
        return kind.model_validate(values)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"])) or "the file"
        raise SettingsError(f"{where}: {place}: {first['msg']}, got {first['input']!r}.") from error


def _as_mapping(change: str) -> dict[str, Any]:
    """`a.b=1` as {a: {b: 1}}."""
    key, equals, text = change.partition("=")
    if not equals or not key:
        raise SettingsError(f"--set takes KEY=VALUE, such as trl.learning_rate=1e-5, got {change!r}.")
    value = _parsed(text, f"--set {key}")
    for part in reversed(key.split(".")):
        value = {part: value}
    return dict(value)


def _merged(under: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    result = dict(under)
    for key, value in over.items():
        below = result.get(key)
        both = isinstance(below, dict) and isinstance(value, dict)
        result[key] = _merged(below, value) if both else value  # type: ignore[arg-type]
    return result
