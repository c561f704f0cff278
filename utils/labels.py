"""`!function lmms_eval_cross.utils.labels.cross_casa` in a YAML is the task's name in lmms-eval's tables."""

from lmms_eval_cross import session
from lmms_eval_cross.labels import task_label
from lmms_eval_cross.plugin import SPLITS


def __getattr__(task: str) -> str:
    """The task's name, and what keeps its numbers from being a measurement of the whole benchmark."""
    if task not in SPLITS:
        raise AttributeError(task)
    return task_label(task, session.provenance_for(SPLITS[task]))
