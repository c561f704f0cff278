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
    notes: list[str] = []
    if any(provenance.judge == "offline" for provenance in provenances):
        notes.append("OFFLINE JUDGE: not a measurement")
    if any(provenance.versions.get("sight") == "assumed" for provenance in provenances):
        notes.append("that the judge sees is assumed")
    if any(provenance.partial for provenance in provenances):
        notes.append("partial data")
    if incomplete:
        notes.append("incomplete")
    if not notes:
        return name
    return f"{name} ({'; '.join(notes)})"
