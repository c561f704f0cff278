"""The entry point that lmms-eval calls when it starts: our model, our task folder, our checks.

lmms-eval 0.7.3 has an entry-point group for models and none for tasks. So the models' entry point also teaches
`TaskManager`, which has indexed nothing yet at that time, two things: our folder is among those that it searches,
and when our tasks are selected, everything is checked before a model is made.
"""

import functools
import inspect
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from lmms_eval_cross.benchmark.splits import tasks_folder
from lmms_eval_cross.errors import ending_with_a_sentence
from lmms_eval_cross.harness.hooked import is_hooked, mark_hooked
from lmms_eval_cross.harness.known_bad import refuse_known_bad
from lmms_eval_cross.harness.last_error import record_errors
from lmms_eval_cross.harness.lmms_eval_arguments import refuse_commas
from lmms_eval_cross.harness.lmms_eval_parts import lmms_eval_part
from lmms_eval_cross.models import API_CLASS, AVAILABLE_MODELS
from lmms_eval_cross.say import say


def register() -> list[Any]:
    """Model manifests for lmms-eval; called once, when it starts."""
    manifest = lmms_eval_part("lmms_eval.models.registry_v2:ModelManifest")
    record_errors()
    try:
        hook_task_manager()
    except (ImportError, AttributeError, TypeError) as error:
        say(
            f"lmms-eval-cross can't add its tasks to this lmms-eval by itself ({error}); "
            'name them with --include_path "$(lmms-eval-cross tasks)".',
            err=True,
        )
    manifests: list[Any] = []
    for name, cls in AVAILABLE_MODELS.items():
        kind = "chat_class_path" if cls == API_CLASS else "simple_class_path"
        manifests.append(manifest(model_id=name, **{kind: f"lmms_eval_cross.models.{name}.{cls}"}))
    return manifests


def hook_task_manager() -> None:
    """Wrap the three methods of `TaskManager` through which our tasks are found and selected.

    Raises:
        ImportError, AttributeError, TypeError: lmms-eval's inside is not what it was; nothing is wrapped then.
    """
    tasks = lmms_eval_part("lmms_eval.tasks:TaskManager")
    if is_hooked(tasks):
        return
    index, match, load = tasks.initialize_tasks, tasks.match_tasks, tasks.load_task_or_group
    inspect.signature(index).bind(None, include_path=None)
    inspect.signature(match).bind(None, [])
    inspect.signature(load).bind(None, [])
    inspect.getattr_static(tasks, "task_index")
    tasks.initialize_tasks = _searching_our_folder(index)
    tasks.match_tasks = _checking_the_selection(match)
    tasks.load_task_or_group = _checking_what_is_loaded(load)
    mark_hooked(tasks)


def _searching_our_folder(index: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(index)
    def initialize_tasks(self: Any, include_path: Any = None, *args: Any, **kwargs: Any) -> Any:
        with ending_with_a_sentence():
            refuse_commas(sys.argv)
        _checks().hook_run()
        return index(self, with_our_folder(include_path), *args, **kwargs)

    return initialize_tasks


def _checking_the_selection(match: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(match)
    def match_tasks(self: Any, task_list: Any) -> Any:
        with ending_with_a_sentence():
            refuse_known_bad()
            selected = match(self, task_list)
            _checks().refuse_groups_by_pattern(_as_list(task_list), selected)
        return selected

    return match_tasks


def _checking_what_is_loaded(load: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(load)
    def load_task_or_group(self: Any, task_list: Any = None, *args: Any, **kwargs: Any) -> Any:
        _checks().check_loaded(self.task_index, _as_list(task_list))
        return load(self, task_list, *args, **kwargs)

    return load_task_or_group


def _checks() -> Any:
    """Our checks, which import the judge: only when tasks are looked for, as lmms-eval's other commands never do."""
    from lmms_eval_cross.harness import run_checks

    return run_checks


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
