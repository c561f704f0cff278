"""Our tasks, splits and groups, all made from the release's files: plugin, hooks, checks and tests read them here."""

import importlib
from pathlib import Path
from typing import Final, get_args

from lmms_eval_cross.benchmark.records import Sample, Setting
from lmms_eval_cross.benchmark.release import FILES

DEMO: Final = "demo"
_OF_SETTING: Final = {setting: [file for file in FILES if file.setting == setting] for setting in get_args(Setting)}
_IN_ORDER: Final = [file for files in _OF_SETTING.values() for file in files]
"""The English files first, as lmms-eval runs them."""
SPLITS: Final = {**{file.task: file.name for file in _IN_ORDER}, "cross_demo": DEMO}
"""Our tasks and the split that each reads."""
TASKS: Final = {split: task for task, split in SPLITS.items()}
"""The splits and the task that reads each."""
GROUPS: Final[dict[str, tuple[str, ...]]] = {
    "cross": tuple(file.task for file in _IN_ORDER),
    **{f"cross_{setting}": tuple(file.task for file in files) for setting, files in _OF_SETTING.items()},
}
"""Our groups and their tasks, as the YAMLs name them."""
CAPABILITY: Final = "cross_capability"
"""Our group that also holds a task of lmms-eval's that needs a Hub login."""
TASK_VERSION: Final = "1.0"
"""Raised when a change to a task changes its numbers."""


def split_of(sample: Sample) -> str:
    """The split that a sample belongs to: `casa_english`, or `demo`."""
    return split_name(sample.subset, sample.setting)


def split_name(subset: str, setting: str) -> str:
    """The split of a subset and a setting; the demo is one split whatever the setting."""
    if subset == DEMO:
        return DEMO
    return f"{subset}_{setting}"


def tasks_folder() -> Path:
    """The folder with our task YAMLs, wherever the package was installed from."""
    return Path(importlib.import_module("lmms_eval_cross.tasks").__path__[0]).resolve()
