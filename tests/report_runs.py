"""Run folders in lmms-eval's layout, written without lmms-eval: any number of runs, samples, and hostile answers."""

import json
import random
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from lmms_eval_cross import session
from lmms_eval_cross.data.official import norm_id
from lmms_eval_cross.data.release import COUNTRIES, LANGUAGES
from lmms_eval_cross.records import DIMENSIONS, Dimension, JudgeFailure, Outcome, Sample, Verdict
from lmms_eval_cross.runs import Run
from lmms_eval_cross.sample_record import RECORD, Provenance, build_record, metric_items, read_record
from tests.runs import rows_of

JUDGE = Provenance(
    judge="openai",
    judge_id="gpt-4o-2024-08-06",
    judge_model="gpt-4o-2024-08-06",
    rubric="official",
    rubric_sha256="a1" * 32,
    profile="official",
    request={"temperature": 0},
    data_sha256="d1" * 32,
    partial=False,
    versions={"lmms_eval_cross": "0.1.0"},
)
TASKS = {"casa": "cross_casa", "safeworld": "cross_safeworld"}
FILES = (
    ("casa", "english", 276, 3),
    ("casa", "multilingual", 276, 1),
    ("safeworld", "english", 45, 3),
    ("safeworld", "multilingual", 45, 1),
)
Judged = tuple[Sample, str, Mapping[Dimension, Outcome]]


def samples_of(items: int | None = None) -> list[Sample]:
    """All 1,284 samples of a made-up CROSS, or the first `items` items of each file."""
    return [
        _sample(subset, setting, item, wording)
        for subset, setting, most, wordings in FILES
        for wording in range(1, wordings + 1)
        for item in range(min(most, items or most))
    ]


def _sample(subset: Any, setting: Any, item: int, wording: int) -> Sample:
    country = sorted(COUNTRIES)[item // 2 % 16]
    language = "English" if setting == "english" else sorted(LANGUAGES - {"English"})[item % 13]
    norm = f"Custom {item // 2} of {subset}: in {country}, thing {item // 2} is not given to a host."
    name = f"{country.replace(' ', '_')}_{item}"
    return Sample(
        sample_id=f"{subset}/{setting}/{name}/{wording}",
        subset=subset,
        setting=setting,
        item=name,
        wording=wording,
        country=country,
        language=language,
        language_label=language,
        norm_id=norm_id(norm),
        norm=norm,
        query=f"For {subset}, {country}, {language}, wording {wording}: which of the things {item} shall I bring?",
        image_sha256=norm_id(name),
        image_name=f"{name}.png",
        original_query=None,
    )


def verdict(name: Dimension, score: Any, words: str = "") -> Verdict:
    """A verdict with a reason."""
    return Verdict(name, score, words or f"The answer was read for {name}. Score: {score}", "gpt-4o-2024-08-06")


def judged(samples: Iterable[Sample], rate: float, seed: int = 0, words: int = 20) -> list[Judged]:
    """Answers with random verdicts, good at `rate`, and some that failed."""
    chance = random.Random(seed)

    def outcome(name: Dimension) -> Outcome:
        if chance.random() < 0.004:
            return JudgeFailure(name, "unparsable", "The judge's reply holds no score.", "I can't say.")
        return verdict(name, int(chance.random() < rate), f"{name}: " + "reason " * words)

    return [
        (
            sample,
            f"Answer {seed} to {sample.sample_id}: " + "bring flowers " * words,
            {d: outcome(d) for d in DIMENSIONS},
        )
        for sample in samples
    ]


def make_run(
    name: str,
    answers: Iterable[Judged],
    told: Provenance = JUDGE,
    others: Mapping[str, Mapping[str, float]] | None = None,
) -> Run:
    """One run; `others` are other tasks' metrics."""
    rows: dict[str, list[dict[str, Any]]] = {}
    for sample, response, outcomes in answers:
        task = _task_of(sample)
        record = build_record(sample, response, told, outcomes)
        rows.setdefault(task, []).append({"doc_id": len(rows.get(task, [])), RECORD: record, **metric_items(record)})
    return Run(name, _results(name, rows, others or {}), rows)


def write_run(
    folder: Path,
    answers: Iterable[Judged],
    told: Provenance = JUDGE,
    others: Mapping[str, Mapping[str, float]] | None = None,
) -> Path:
    """Write the results and samples of one run."""
    run = make_run(folder.name, answers, told, others)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "20260501_120000_results.json").write_text(json.dumps(run.results), encoding="utf-8")
    for task, lines in run.samples.items():
        text = "".join(json.dumps(line) + "\n" for line in lines)
        (folder / f"20260501_120000_samples_{task}.jsonl").write_text(text, encoding="utf-8")
    return folder


def _task_of(sample: Sample) -> str:
    if sample.subset == "demo":
        return "cross_demo"
    return TASKS[sample.subset] + ("" if sample.setting == "english" else "_multilingual")


def _results(name: str, tasks: Iterable[str], others: Mapping[str, Mapping[str, float]]) -> dict[str, Any]:
    ours = {task: {"alias": task} for task in tasks}
    theirs = {
        task: {"alias": task, **{f"{name},none": value for name, value in told.items()}}
        for task, told in others.items()
    }
    return {
        "results": {**ours, **theirs},
        "configs": {task: {"task": task} for task in (*ours, *theirs)},
        "n-samples": {task: {"effective": 900} for task in theirs},
        "config": {"model": "cross_replay"},
        "model_source": "cross_replay",
        "model_name": f"/home/somebody/answers/{name}",
        "date": "20260501_120000",
    }


def demo_sample(number: int = 1, **changes: Any) -> Sample:
    """One sample of a made-up demo."""
    return replace(_sample("casa", "english", number, 1), **changes)


def demo_answers(responses: Path) -> list[Judged]:
    """The demo's samples with recorded answers, judged in this process by the offline judge."""
    rows = [json.loads(line) for line in responses.read_text(encoding="utf-8").splitlines()]
    told = {row["sample_id"]: row["response"] for row in rows}
    samples = [Sample.from_row(row) for row in rows_of(session.data_for(session.DEMO))]
    items = {sample: session.submit(sample, told[sample.sample_id])[RECORD] for sample in samples}
    for item in items.values():
        item.settle()
    return [(sample, item["response"], read_record(item).outcomes) for sample, item in items.items()]
