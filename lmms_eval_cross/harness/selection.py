"""What a selection of tasks needs from us, told by the hooks that their YAMLs name, whatever the tasks are called."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from lmms_eval_cross.benchmark.splits import SPLITS
from lmms_eval_cross.harness.lmms_eval_parts import lmms_eval_part

_JUDGING: Final = "lmms_eval_cross.utils.judging.process_results"
"""The hook of a task whose answers we judge."""
_ALL_ROUNDS: Final = "lmms_eval_cross.utils.answers.AllRounds"
"""The filter that leaves all answers of --repeats."""
_FILES: Final = "lmms_eval_cross.utils.files."
"""What the hooks begin with that give a split's file."""


@dataclass(frozen=True, slots=True)
class Selection:
    """Of the selected tasks, those that use our judging hook."""

    tasks: frozenset[str]
    splits: frozenset[str]
    """What they read, such as `casa_english`."""
    of_one_answer: frozenset[str] = frozenset()
    """Those whose filters leave one of the answers of --repeats."""


def read_selection(index: Mapping[str, Mapping[str, Any]], selected: Iterable[Any]) -> Selection:
    """Our tasks among what is selected: tasks, groups, tags and configurations, groups of others' included.

    Args:
        index: lmms-eval's, name -> type, members and YAML.
        selected: names, or a configuration as lmms-eval loads it from a YAML that the command line names.
    """
    tasks: set[str] = set()
    splits: set[str] = set()
    of_one_answer: set[str] = set()
    for name, config in _configs(index, selected):
        hooks = set(_hooks(config))
        if _JUDGING in hooks:
            tasks.add(name)
            if _ALL_ROUNDS not in hooks:
                of_one_answer.add(name)
            splits.update(hook.removeprefix(_FILES) for hook in hooks if hook.startswith(_FILES))
    return Selection(frozenset(tasks), frozenset(splits & set(SPLITS.values())), frozenset(of_one_answer))


def _configs(index: Mapping[str, Mapping[str, Any]], selected: Iterable[Any]) -> Iterator[tuple[str, Any]]:
    """Each selected task's name and configuration, once."""
    seen: set[str] = set()
    waiting = list(selected)
    while waiting:
        entry = waiting.pop()
        if isinstance(entry, dict):
            name = str(entry.get("task"))
            yield name, entry
        elif entry in index and entry not in seen:
            seen.add(entry)
            waiting += _members(index[entry])
            if index[entry]["type"] == "task":
                yield entry, _yaml(index[entry])


def _members(entry: Mapping[str, Any]) -> list[str]:
    """The names below a group or tag."""
    members = entry.get("task", [])
    if entry["type"] == "group" and members == -1:
        members = _yaml(entry)["task"]
    if not isinstance(members, list):
        return []
    names: list[str] = []
    for member in members:
        if isinstance(member, dict):  # a task with settings of its own
            member = str(member.get("task"))
        names.append(member)
    return names


def _yaml(entry: Mapping[str, Any]) -> Any:
    """A task's or group's YAML with what it includes, the functions as they are written there."""
    load = lmms_eval_part("lmms_eval.utils:load_yaml_config")
    return load(entry["yaml_path"], mode="simple")


def _hooks(value: Any) -> Iterator[str]:
    """The functions that a configuration names; of one that is loaded already, also the splits of our files."""
    if isinstance(value, Mapping):
        for part in value.values():
            yield from _hooks(part)
    elif isinstance(value, list):
        for part in value:
            yield from _hooks(part)
    elif callable(value):
        yield f"{value.__module__}.{getattr(value, '__qualname__', '')}"
    elif isinstance(value, str):
        yield _FILES + Path(value).stem
    else:
        yield str(getattr(value, "value", ""))  # PyYAML's node
