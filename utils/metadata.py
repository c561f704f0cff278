"""`!function lmms_eval_cross.utils.metadata.casa_english` in a YAML is what results.json says of the split."""

from typing import Any

from lmms_eval_cross import session
from lmms_eval_cross.benchmark.splits import SPLITS
from lmms_eval_cross.harness.table_labels import task_metadata


def __getattr__(split: str) -> dict[str, Any]:
    """Judge, rubric, data hash and versions, under `configs.<task>.metadata` of the results."""
    if split not in SPLITS.values():
        raise AttributeError(split)
    return task_metadata(session.provenance_for(split))
