"""`!function lmms_eval_cross.utils.files.casa_english` in a YAML is the path of that split's Parquet file."""

from pathlib import Path
from typing import Any

from lmms_eval_cross import session
from lmms_eval_cross.benchmark.splits import SPLITS


class DataPath(str):
    """A path that opens like any other, and of which copies show the file's name alone.

    lmms-eval copies the task's configuration into results.json, and that is no place for somebody's home folder.
    """

    def __deepcopy__(self, memo: dict[int, Any]) -> str:
        return Path(self).name


def __getattr__(split: str) -> DataPath:
    """The path, found when a task is built, never when tasks are listed."""
    if split not in SPLITS.values():
        raise AttributeError(split)
    return DataPath(session.data_for(split).parquet(split))
