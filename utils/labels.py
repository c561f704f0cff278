"""`!function lmms_eval_cross.utils.labels.cross_casa` in a YAML is the name in lmms-eval's tables, of task or group."""

from lmms_eval_cross import session
from lmms_eval_cross.benchmark.splits import GROUPS, SPLITS
from lmms_eval_cross.harness.table_labels import table_label


def __getattr__(name: str) -> str:
    """The name, and what keeps its numbers from being a measurement of the whole benchmark."""
    if name not in {*SPLITS, *GROUPS}:
        raise AttributeError(name)
    return table_label(name, [session.provenance_for(SPLITS[task]) for task in GROUPS.get(name, (name,))])
