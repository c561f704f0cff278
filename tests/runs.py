"""Helpers for tests that run lmms-eval: recorded answers, prepared data, and reading back what was written."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from lmms_eval_cross.benchmark.records import Sample
from lmms_eval_cross.data.prepared import Prepared

TASKS = ("cross_casa", "cross_safeworld", "cross_casa_multilingual", "cross_safeworld_multilingual")
METRICS = ("awareness", "education", "compliance", "helpfulness", "coverage")


def rows_of(prepared: Prepared, *splits: str) -> list[dict[str, Any]]:
    """The sample rows of prepared data: all, or those of some splits."""
    files = [prepared.parquet(split) for split in splits or prepared.manifest.rows]
    return [row for file in files for row in pq.read_table(file).to_pylist()]


def samples_in(prepared: Prepared, *splits: str) -> list[Sample]:
    """The same as samples."""
    return [Sample.from_row(row) for row in rows_of(prepared, *splits)]


def answer_for(sample_id: str) -> str:
    """An answer that is another for every sample."""
    return f"For {sample_id} I would choose the plain one, and ask the hosts first."


def write_responses(path: Path, sample_ids: Iterable[str]) -> Path:
    """Recorded answers for cross_replay."""
    rows = [{"sample_id": sample_id, "response": answer_for(sample_id)} for sample_id in sample_ids]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def read_results(folder: Path) -> dict[str, Any]:
    """The one results.json below a folder."""
    (file,) = folder.rglob("*_results.json")
    results: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    return results


def read_samples(folder: Path) -> list[dict[str, Any]]:
    """The logged samples of all tasks below a folder."""
    files = folder.rglob("*_samples_*.jsonl")
    return [json.loads(line) for file in files for line in file.read_text(encoding="utf-8").split("\n") if line]
