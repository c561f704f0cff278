"""Runs for the report: any number of runs, samples, and hostile answers."""

import json
import random
import re
import zlib
from base64 import b64decode
from collections.abc import Iterable, Mapping
from dataclasses import replace
from importlib.resources import files
from pathlib import Path
from typing import Any

from lmms_eval_cross import session
from lmms_eval_cross.benchmark.records import DIMENSIONS, Dimension, JudgeFailure, Outcome, Sample, Verdict
from lmms_eval_cross.benchmark.release import COUNTRIES, LANGUAGES
from lmms_eval_cross.benchmark.splits import DEMO
from lmms_eval_cross.runs.response import Response
from lmms_eval_cross.runs.run_files import LoggedRun
from lmms_eval_cross.runs.sample_record import RECORD, Provenance, read_record
from tests import run_folders
from tests.run_folders import PROVENANCE, Judged, Task, save_run
from tests.runs import samples_in
from tests.samples import make_sample

JUDGE = replace(PROVENANCE, judge_id="gpt-4o-2024-08-06", judge_model="gpt-4o-2024-08-06")
FILES = (
    ("casa", "english", 276, 3),
    ("casa", "multilingual", 276, 1),
    ("safeworld", "english", 45, 3),
    ("safeworld", "multilingual", 45, 1),
)


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
    return make_sample(
        f"{country.replace(' ', '_')}_{item}",
        norm,
        subset=subset,
        setting=setting,
        wording=wording,
        language=language,
        query=f"For {subset}, {country}, {language}, wording {wording}: which of the things {item} shall I bring?",
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


def unpacked(page: str) -> str:
    """A page with what lies packed in it, of closed tables and further charts."""
    return re.sub(r'data-packed="([^"]*)"', lambda found: zlib.decompress(b64decode(found[1])).decode(), page)


def make_run(
    name: str,
    answers: Iterable[Judged],
    told: Provenance = JUDGE,
    others: Mapping[str, Mapping[str, float]] | None = None,
) -> LoggedRun:
    """One run; `others` are other tasks' metrics."""
    tasks = {task: Task(metrics) for task, metrics in (others or {}).items()}
    checkpoint = {"model_source": "cross_replay", "model_name": f"/home/somebody/answers/{name}"}
    return run_folders.make_run(name, answers, told, tasks, "cross_replay", **checkpoint)


def write_run(
    folder: Path,
    answers: Iterable[Judged],
    told: Provenance = JUDGE,
    others: Mapping[str, Mapping[str, float]] | None = None,
) -> Path:
    """Write the results and samples of one run."""
    return save_run(make_run(folder.name, answers, told, others), folder)


def demo_sample(number: int = 1, **changes: Any) -> Sample:
    """One sample of a made-up demo."""
    return replace(_sample("casa", "english", number, 1), **changes)


def demo_rounds(folder: Path, effort: str) -> Path:
    """The demo as its third model answers it at an effort with --repeats 3, judged by the offline judge."""
    name = f"thoughtful-{effort}.jsonl"
    lines = files("lmms_eval_cross.demo").joinpath("responses", name).read_text(encoding="utf-8").splitlines()
    given = {(row["sample_id"], row["round"]): row["response"] for row in map(json.loads, lines)}
    rows: list[dict[str, Any]] = []
    for place, sample in enumerate(samples_in(session.data_for(DEMO))):
        answers = [Response(given[sample.sample_id, number], round=number) for number in (1, 2, 3)]
        items = session.submit_rounds(sample, answers)
        items["coverage"].settle()
        rows.append({"doc_id": place, **items})
    arguments = f"responses={name},reasoning_effort={effort}"
    results = {"config": {"model": "cross_replay", "model_args": arguments}, "configs": {"cross_demo": {}}}
    return save_run(LoggedRun(folder.name, results, {"cross_demo": rows}), folder)


def demo_answers(responses: Path) -> list[Judged]:
    """The demo's samples with recorded answers, judged in this process by the offline judge."""
    rows = [json.loads(line) for line in responses.read_text(encoding="utf-8").splitlines()]
    told = {row["sample_id"]: row["response"] for row in rows}
    samples = samples_in(session.data_for(DEMO))
    items = {sample: session.submit(sample, told[sample.sample_id])[RECORD] for sample in samples}
    for item in items.values():
        item.settle()
    return [(sample, item["response"], read_record(item).outcomes) for sample, item in items.items()]
