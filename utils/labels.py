"""`!function lmms_eval_cross.utils.labels.cross_casa` in a YAML is the name in lmms-eval's tables, of task or group."""

from lmms_eval_cross import session
from lmms_eval_cross.plugin import GROUPS, SPLITS


def __getattr__(name: str) -> str:
    """The name, and what keeps its numbers from being a measurement of the whole benchmark."""
    if name not in {*SPLITS, *GROUPS}:
        raise AttributeError(name)
    told = [session.provenance_for(SPLITS[task]) for task in GROUPS.get(name, (name,))]
    notes = [
        *(["OFFLINE JUDGE: not a measurement"] if any(each.judge == "offline" for each in told) else []),
        *(["partial data"] if any(each.partial for each in told) else []),
    ]
    return f"{name} ({'; '.join(notes)})" if notes else name
