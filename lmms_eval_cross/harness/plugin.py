"""The entry point that lmms-eval calls when it starts: our model, our task folder, our checks.

lmms-eval 0.7.3 has an entry-point group for models and none for tasks. So the models' entry point also teaches
`TaskManager`, which has indexed nothing yet at that time, two things: our folder is among those that it searches,
and when our tasks are selected, everything is checked before a model is made.
"""

import functools
import inspect
import os
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, Final

from lmms_eval_cross.benchmark.splits import CAPABILITY, SPLITS, tasks_folder
from lmms_eval_cross.errors import ending_with_a_sentence
from lmms_eval_cross.harness.known_bad import refuse_known_bad
from lmms_eval_cross.harness.last_error import record_errors
from lmms_eval_cross.harness.lmms_eval_arguments import refuse_commas
from lmms_eval_cross.models import AVAILABLE_MODELS

_HOOKED: Final = "_hooked_by_lmms_eval_cross"


def register() -> list[Any]:
    """Model manifests for lmms-eval; called once, when it starts."""
    from lmms_eval.models.registry_v2 import ModelManifest

    record_errors()
    if "CROSS_RUN_CHUNK" in os.environ:
        try:
            hook_generation()
        except (ImportError, AttributeError) as error:
            print(
                f"lmms-eval-cross can't keep answers while this lmms-eval generates ({error}); a crash costs them all.",
                file=sys.stderr,
            )
    try:
        hook_task_manager()
    except (ImportError, AttributeError, TypeError) as error:
        print(
            f"lmms-eval-cross can't add its tasks to this lmms-eval by itself ({error}); "
            'name them with --include_path "$(lmms-eval-cross tasks)".',
            file=sys.stderr,
        )
    return [
        ModelManifest(model_id=name, simple_class_path=f"lmms_eval_cross.models.{name}.{cls}")
        for name, cls in AVAILABLE_MODELS.items()
    ]


def hook_task_manager() -> None:
    """Wrap the three methods of `TaskManager` through which our tasks are found and selected.

    Raises:
        ImportError, AttributeError, TypeError: lmms-eval's inside is not what it was; nothing is wrapped then.
    """
    from lmms_eval.tasks import TaskManager

    if getattr(TaskManager, _HOOKED, False):
        return
    index, match, load = TaskManager.initialize_tasks, TaskManager.match_tasks, TaskManager.load_task_or_group
    inspect.signature(index).bind(None, include_path=None)
    inspect.signature(match).bind(None, [])
    inspect.signature(load).bind(None, [])
    inspect.getattr_static(TaskManager, "task_index")
    TaskManager.initialize_tasks = _searching_our_folder(index)
    TaskManager.match_tasks = _checking_the_selection(match)
    TaskManager.load_task_or_group = _checking_what_is_loaded(load)
    setattr(TaskManager, _HOOKED, True)


def _searching_our_folder(index: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(index)
    def initialize_tasks(self: Any, include_path: Any = None, *args: Any, **kwargs: Any) -> Any:
        with ending_with_a_sentence():
            refuse_commas(sys.argv)
        return index(self, with_our_folder(include_path), *args, **kwargs)

    return initialize_tasks


def _checking_the_selection(match: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(match)
    def match_tasks(self: Any, task_list: Any) -> Any:
        with ending_with_a_sentence():
            refuse_known_bad()
        selected = match(self, task_list)
        check_or_exit(our_splits(self.task_index, selected), hub_login=CAPABILITY in selected)
        return selected

    return match_tasks


def _checking_what_is_loaded(load: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(load)
    def load_task_or_group(self: Any, task_list: Any = None, *args: Any, **kwargs: Any) -> Any:
        check_once(our_splits(self.task_index, _as_list(task_list)))
        return load(self, task_list, *args, **kwargs)

    return load_task_or_group


def hook_generation() -> None:
    """Have every model that the command line makes keep its answers (`lmms-eval-cross run`)."""
    from lmms_eval.api.model import lmms

    from lmms_eval_cross.harness import kept_answers

    make = lmms.create_from_arg_string.__func__
    size, folder = int(os.environ[kept_answers.CHUNK]), Path(os.environ[kept_answers.FOLDER])

    @functools.wraps(make)
    def create_from_arg_string(cls: type, arg_string: str, *args: Any, **kwargs: Any) -> Any:
        model = make(cls, arg_string, *args, **kwargs)
        generate, identity = model.generate_until, kept_answers.model_identity(cls, arg_string)
        kept = kept_answers.KeptAnswers(folder)

        def generate_until(requests: list[Any]) -> list[Any]:
            return kept_answers.generate_in_chunks(generate, requests, kept, identity, size)

        model.generate_until = generate_until
        return model

    lmms.create_from_arg_string = classmethod(create_from_arg_string)


def _as_list(values: str | Iterable[Any] | None) -> list[Any]:
    """What lmms-eval takes as one, several or none."""
    if isinstance(values, str):
        return [values]
    return list(values or [])


def with_our_folder(include_path: str | Iterable[str] | None) -> list[str]:
    """The folders to search, ours last and once."""
    folders: list[str] = _as_list(include_path)
    ours = tasks_folder()
    if not any(Path(folder).resolve() == ours for folder in folders):
        folders.append(str(ours))
    return folders


def our_splits(index: dict[str, dict[str, Any]], selected: Iterable[Any]) -> frozenset[str]:
    """The splits of our tasks among the selected tasks, groups and tags, groups of others' included."""
    seen: set[str] = set()
    waiting = [name for name in selected if isinstance(name, str)]
    while waiting:
        name = waiting.pop()
        if name not in seen and name in index:
            seen.add(name)
            waiting += _members(index[name])
    return frozenset(SPLITS[name] for name in seen & SPLITS.keys())


def _members(entry: dict[str, Any]) -> list[str]:
    """The names below a group or tag."""
    from lmms_eval.utils import load_yaml_config

    members = entry.get("task", [])
    if entry["type"] == "group" and members == -1:
        members = load_yaml_config(entry["yaml_path"], mode="simple")["task"]
    if not isinstance(members, list):
        return []
    names: list[str] = []
    for member in members:
        if isinstance(member, dict):  # a task with settings of its own
            member = str(member.get("task"))
        names.append(member)
    return names


_checked: set[frozenset[str]] = set()


def check_once(splits: frozenset[str]) -> None:
    """Check what these splits need unless the command line's selection has been checked already.

    Raises:
        CrossError: the first thing that is wrong.
    """
    from lmms_eval_cross.harness import preflight

    if splits and splits not in _checked:
        preflight.check(splits, judged="--predict_only" not in sys.argv)


def check_or_exit(splits: frozenset[str], hub_login: bool = False) -> None:
    """The same for the command line: what is wrong ends the process with a sentence and exit code 2."""
    from lmms_eval_cross.harness import preflight

    with ending_with_a_sentence():
        if hub_login:
            preflight.check_hub_login()
        check_once(splits)
    _checked.add(splits)
