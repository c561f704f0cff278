"""The model under test and how it generated, as results.json tells: what a comparison names, and rounds must share."""

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from lmms_eval_cross.runs.run_files import our_tasks
from lmms_eval_cross.settings import MASK, masked
from lmms_eval_cross.text import canonical_json

_CHECKPOINT: Final = ("pretrained", "model", "model_version", "responses")
"""The arguments of lmms-eval's classes, and of ours, that name what answers; the first one given is shown."""
_NO_MATTER: Final = frozenset(
    "responses seed base_url api_key api_base device device_map batch_size max_batch_size num_concurrent concurrency "
    "num_cpus timeout max_retries retry_backoff_s rpm budget_usd host port tensor_parallel_size data_parallel_size "
    "patience gpu_memory_utilization attn_implementation adaptive_concurrency prefix_aware_queue".split()
)
"""Arguments that rounds of one model may differ in: where and how fast it runs, its seed, and recorded answers."""
_SPEED: Final = frozenset({"concurrency", "rpm", "timeout", "patience", "budget_usd"})
"""Arguments of `cross_api` that change no answer, and may differ when a run goes on."""
_EFFORT: Final = frozenset({"reasoning_effort", "thinking_tokens", "max_new_tokens"})
_SECRET: Final = re.compile(r"api_?key|secret|password|passwd|(^|[_-])(key|token|auth|credentials?|headers?)$", re.I)
"""Names of arguments whose values are nobody's business."""
_NAME: Final = re.compile(r"[\w.-]+")
_SHOWN: Final = ("temperature", "top_p", "max_new_tokens")
_BEYOND_ANY: Final = 1e12
"""A number that is no setting, from a file that was edited; a whole one of 400 digits can't be shown as others are."""
_UNSHOWN: Final = frozenset(_CHECKPOINT) | _NO_MATTER


@dataclass(frozen=True, slots=True)
class ModelUnderTest:
    """Who answered, and how."""

    name: str
    """Class and checkpoint, without the folders above it: `openai gpt-4o`."""
    settings: tuple[str, ...]
    """What it was given beside: `reasoning_effort high`, `temperature 0`."""
    identity: str
    """A hash of all that may change its answers, but its seed."""
    effort: str = ""
    """The reasoning effort that was asked for; empty where none was."""
    family: str = ""
    """A hash of the same without the effort and the tokens that go with it: runs of one model at several efforts."""

    def __str__(self) -> str:
        return ", ".join([self.name, *self.settings])


def model_under_test(results: Mapping[str, Any]) -> ModelUnderTest | None:
    """The model of a run; None where results.json does not name it."""
    config = results.get("config", {})
    kind = str(config.get("model") or "")
    if not kind:
        return None
    arguments = _arguments(config.get("model_args"))
    generation = _generation(results)
    checkpoint = without_folders(masked(_checkpoint(arguments)))
    name = f"{kind} {checkpoint}".strip().removesuffix(".jsonl")  # of replayed answers
    matters = {key: value for key, value in arguments.items() if key not in _NO_MATTER}
    others = [{key: value for key, value in given.items() if key not in _EFFORT} for given in (matters, generation)]
    identity, family = _digest([kind, matters, generation]), _digest([kind, *others])
    return ModelUnderTest(
        name, tuple(_settings(arguments, generation)), identity, arguments.get("reasoning_effort", ""), family
    )


def _digest(told: list[Any]) -> str:
    finite = json.loads(json.dumps(told), parse_constant=str)  # Python writes NaN into JSON, where hashes have none
    return hashlib.sha256(canonical_json(finite).encode()).hexdigest()[:12]


def _checkpoint(arguments: Mapping[str, str]) -> str:
    for name in _CHECKPOINT:
        if arguments.get(name):
            return arguments[name]
    return ""


def _settings(arguments: Mapping[str, str], generation: Mapping[str, Any]) -> Iterator[str]:
    for name, value in arguments.items():
        if name not in _UNSHOWN and _NAME.fullmatch(name):  # what is no name is a part of a value that has commas
            yield f"{name} {MASK if _SECRET.search(name) else without_folders(masked(value))}"
    for name in _SHOWN:
        number = generation.get(name)
        if isinstance(number, int | float) and abs(number) < _BEYOND_ANY:
            yield f"{name} {number:g}"


def _arguments(given: Any) -> dict[str, str]:
    """Name and value of each model argument, from lmms-eval's `key=value,key=value` or an object."""
    if isinstance(given, Mapping):
        return {str(name): str(value) for name, value in given.items()}
    return settings_of(str(given or ""))


def settings_of(value: str | None) -> dict[str, str]:
    """Name and value of each of `key=value,key=value`."""
    settings: dict[str, str] = {}
    for part in (value or "").split(","):
        name, _, setting = part.partition("=")
        if name.strip():
            settings[name.strip()] = setting.strip()
    return settings


def without_speed(model_args: str) -> str:
    """`cross_api`'s arguments less those that change no answer: a budget may be raised, and the run goes on."""
    parts = [part for part in model_args.split(",") if part.partition("=")[0].strip() not in _SPEED]
    return ",".join(parts)


def _generation(results: Mapping[str, Any]) -> Mapping[str, Any]:
    """The generation settings of our first task: the YAML's with the command line's `--gen_kwargs` in them."""
    for config in our_tasks(results).values():
        if isinstance(config.get("generation_kwargs"), Mapping):
            return {name: value for name, value in config["generation_kwargs"].items() if name not in _NO_MATTER}
    return {}


def without_folders(value: str) -> str:
    """A name of the Hub as it is, of a path or an address its last part alone."""
    if value.startswith((".", "/", "~")) or value.count("/") > 1 or "\\" in value:
        return value.replace("\\", "/").rstrip("/").rsplit("/", 1)[-1]
    return value
