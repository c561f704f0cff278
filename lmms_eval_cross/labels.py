"""A task's or group's name in tables, and what keeps its numbers from being a measurement of the whole benchmark."""

from collections.abc import Sequence

from lmms_eval_cross.sample_record import Provenance


def table_label(name: str, provenances: Sequence[Provenance], incomplete: bool = False) -> str:
    """The name and, in brackets, every reservation."""
    notes = [
        *(["OFFLINE JUDGE: not a measurement"] if any(told.judge == "offline" for told in provenances) else []),
        *(["partial data"] if any(told.partial for told in provenances) else []),
        *(["incomplete"] if incomplete else []),
    ]
    return f"{name} ({'; '.join(notes)})" if notes else name
