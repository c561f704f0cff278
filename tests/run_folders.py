"""Run folders in lmms-eval's layout, written without lmms-eval: from answers and the verdicts on them."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from lmms_eval_cross.benchmark.records import Dimension, JudgeFailure, Outcome, Sample, Verdict
from lmms_eval_cross.runs.run_files import LoggedRun
from lmms_eval_cross.runs.sample_record import RECORD, Provenance, build_record, metric_items

STAMP = "20260501_120000"
MADE_UP = "d" * 64
PROVENANCE = Provenance(
    judge="openai",
    judge_id="judge-1",
    judge_model="judge-1",
    rubric="official",
    rubric_sha256="a" * 64,
    profile="official",
    request={"temperature": 0},
    data_sha256=MADE_UP,
    partial=False,
    versions={"lmms_eval_cross": "0.1.0"},
)

Judged = tuple[Sample, str, Mapping[Dimension, Outcome]]
"""A sample, an answer, and what the judge said of it."""


@dataclass(frozen=True)
class Task:
    """What another task of the run measured."""

    metrics: Mapping[str, float]
    samples: Mapping[str, list[Any]] = field(default_factory=dict)
    """Metric -> what each sample logs for it."""
    n: int = 900
    higher_is_better: Mapping[str, bool] = field(default_factory=dict)
    config: Mapping[str, Any] = field(default_factory=dict)


def outcome(dimension: Dimension, score: Any, model: str, reason: str = "Because.") -> Outcome:
    """A verdict, or a failed one where there is no score."""
    if score is None:
        return JudgeFailure(dimension, "unparsable", "The reply has no score.", "It depends.", model)
    number = 1 - score if dimension == "compliance" else score  # the official rubric scores a violation
    return Verdict(dimension, score, f"{reason}\nScore: {number}", model)


def make_run(
    name: str,
    answers: Iterable[Judged],
    told: Provenance = PROVENANCE,
    tasks: Mapping[str, Task] | None = None,
    model: str = "some_model",
    data_hashes: Mapping[str, str] | None = None,
    **results: Any,
) -> LoggedRun:
    """The run as it would be read back; `results` are more of what results.json says."""
    ours: dict[str, list[dict[str, Any]]] = {}
    for sample, response, outcomes in answers:
        origin = told
        if told.data_sha256 == MADE_UP and data_hashes:
            origin = replace(told, data_sha256=data_hashes.get(_task_of(sample), MADE_UP))
        record = build_record(sample, response, origin, outcomes)
        rows = ours.setdefault(_task_of(sample), [])
        rows.append({"doc_id": len(rows), **metric_items(record), RECORD: record})
    others = tasks or {}
    measured = {**{task: Task({"compliance": 50.0}, n=len(rows)) for task, rows in ours.items()}, **others}
    logged = {task: _logged(each) for task, each in others.items() if each.samples}
    return LoggedRun(name, _results(measured) | {"config": {"model": model}} | results, ours | logged)


def save_run(run: LoggedRun, folder: Path) -> Path:
    """Write the results and samples of a run."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{STAMP}_results.json").write_text(json.dumps(run.results), encoding="utf-8")
    for task, rows in run.samples.items():
        write_rows(samples_file(folder, task), rows)
    return folder


def predicted_rows(answers: Iterable[tuple[Sample, str]]) -> list[dict[str, Any]]:
    """The logged samples of a task run with --predict_only, but for what is never read."""
    return [
        {"doc_id": number, "target": sample.norm, "filtered_resps": response, "input": sample.query}
        for number, (sample, response) in enumerate(answers)
    ]


def samples_file(folder: Path, task: str) -> Path:
    """Where a task's logged samples are."""
    return folder / f"{STAMP}_samples_{task}.jsonl"


def write_rows(file: Path, rows: Iterable[Mapping[str, Any]]) -> Path:
    """Write a line of JSON a row."""
    file.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return file


def _task_of(sample: Sample) -> str:
    multilingual = sample.setting == "multilingual" and sample.subset != "demo"
    return f"cross_{sample.subset}" + ("_multilingual" if multilingual else "")


def _logged(task: Task) -> list[dict[str, Any]]:
    logs = zip(*task.samples.values(), strict=True)
    return [
        {"doc_id": number, "input": "q", "target": "t", **dict(zip(task.samples, values, strict=True))}
        for number, values in enumerate(logs)
    ]


def _results(tasks: Mapping[str, Task]) -> dict[str, Any]:
    return {
        "results": {
            name: {"alias": name, **{f"{metric},none": value for metric, value in task.metrics.items()}}
            for name, task in tasks.items()
        },
        "configs": {name: {"task": name, **task.config} for name, task in tasks.items()},
        "higher_is_better": {name: dict(task.higher_is_better) for name, task in tasks.items()},
        "n-samples": {name: {"original": task.n, "effective": task.n} for name, task in tasks.items()},
        "date": STAMP,
    }
