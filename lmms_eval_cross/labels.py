"""A task's name in tables, and what keeps its numbers from being a measurement of the whole benchmark."""

from lmms_eval_cross.sample_record import Provenance


def task_label(task: str, provenance: Provenance, incomplete: bool = False) -> str:
    """The name and, in brackets, every reservation."""
    notes = [
        *(["OFFLINE JUDGE: not a measurement"] if provenance.judge == "offline" else []),
        *(["partial data"] if provenance.partial else []),
        *(["incomplete"] if incomplete else []),
    ]
    return f"{task} ({'; '.join(notes)})" if notes else task
