"""What results say of a task or group beside its numbers: its name in tables, and where the numbers come from."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from lmms_eval_cross.benchmark.splits import TASK_VERSION
from lmms_eval_cross.runs.sample_record import Provenance


def task_metadata(provenance: Provenance) -> dict[str, Any]:
    """Version, judge, rubric and data hash, as results.json has them under `configs.<task>.metadata`."""
    return {"version": TASK_VERSION, **asdict(provenance)}


def table_label(name: str, provenances: Sequence[Provenance], incomplete: bool = False) -> str:
    """The name and, in brackets, all that keeps its numbers from being a measurement of the whole benchmark."""
    notes = [
        *(["OFFLINE JUDGE: not a measurement"] if any(told.judge == "offline" for told in provenances) else []),
        *(["partial data"] if any(told.partial for told in provenances) else []),
        *(["incomplete"] if incomplete else []),
    ]
    return f"{name} ({'; '.join(notes)})" if notes else name
