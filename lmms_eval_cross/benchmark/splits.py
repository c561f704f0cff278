"""Our tasks, splits and groups, written once: plugin, hooks, checks and tests read them here."""

import importlib
from pathlib import Path
from typing import Final

from lmms_eval_cross.benchmark.records import Sample

DEMO: Final = "demo"
SPLITS: Final = {
    "cross_casa": "casa_english",
    "cross_safeworld": "safeworld_english",
    "cross_casa_multilingual": "casa_multilingual",
    "cross_safeworld_multilingual": "safeworld_multilingual",
    "cross_demo": DEMO,
}
"""Our tasks and the split that each reads."""
TASKS: Final = {split: task for task, split in SPLITS.items()}
"""The splits and the task that reads each."""
GROUPS: Final = {
    "cross": ("cross_casa", "cross_safeworld", "cross_casa_multilingual", "cross_safeworld_multilingual"),
    "cross_english": ("cross_casa", "cross_safeworld"),
    "cross_multilingual": ("cross_casa_multilingual", "cross_safeworld_multilingual"),
}
"""Our groups and their tasks, as the YAMLs name them."""
CAPABILITY: Final = "cross_capability"
"""Our group that also holds a task of lmms-eval's that needs a Hub login."""
TASK_VERSION: Final = "1.0"
"""Raised when a change to a task changes its numbers."""


def split_of(sample: Sample) -> str:
    """The split that a sample belongs to: `casa_english`, or `demo`."""
    if sample.subset == DEMO:
        return DEMO
    return f"{sample.subset}_{sample.setting}"


def tasks_folder() -> Path:
    """The folder with our task YAMLs, wherever the package was installed from."""
    return Path(importlib.import_module("lmms_eval_cross.tasks").__path__[0]).resolve()
