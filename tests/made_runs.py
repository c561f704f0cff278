"""Run folders as lmms-eval writes them, with made-up verdicts on the cluster shape of CROSS."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from lmms_eval_cross.records import DIMENSIONS, JudgeFailure, Outcome, Sample, Verdict
from lmms_eval_cross.sample_record import RECORD, Provenance, build_record, metric_items

NORMS = {"casa": (49, 37, 32, 13, 1), "safeworld": (30, 6, 1)}
"""Norms that serve 1, 2, ... items."""
COUNTRIES = ("China", "India", "Iran", "Japan", "Saudi Arabia", "Egypt", "France", "Ethiopia")
LANGUAGES = ("Mandarin", "Hindi", "Persian", "Japanese", "Arabic", "Arabic", "French", "Amharic")
PROVENANCE = Provenance(
    judge="openai",
    judge_id="judge-1",
    judge_model="judge-1",
    rubric="official",
    rubric_sha256="ab" * 32,
    profile="official",
    request={"temperature": 0},
    data_sha256="cd" * 32,
    partial=False,
    versions={"lmms_eval_cross": "0.1.0"},
)
SECRET = "text of the benchmark"
"""Stands for norms and queries: must be in no output."""

Scores = tuple[int | None, ...]


@dataclass(frozen=True)
class Task:
    """What another task of the run measured."""

    metrics: Mapping[str, float]
    samples: Mapping[str, list[Any]]
    """Metric -> what each sample logs for it."""
    n: int
    higher_is_better: Mapping[str, bool]
    config: Mapping[str, Any]


def task(
    value: float,
    samples: list[Any] | None = None,
    n: int = 900,
    metric: str = "acc",
    higher: bool = True,
    **config: Any,
) -> Task:
    logged = {metric: samples} if samples else {}
    return Task({metric: value}, logged, len(samples) if samples else n, {metric: higher}, config)


def cross_samples() -> list[Sample]:
    """1,284 samples of 169 norms: 321 items, three English wordings and one translation each."""
    found = []
    for subset, counts in NORMS.items():
        norms = [size for size, norms in enumerate(counts, start=1) for _ in range(norms)]
        items = [number for number, size in enumerate(norms) for _ in range(size)]
        for place, norm in enumerate(items):
            found += [make_sample(subset, place, norm, "english", wording) for wording in (1, 2, 3)]
            found.append(make_sample(subset, place, norm, "multilingual", 1))
    return found


def make_sample(subset: str, place: int, norm: int, setting: str, wording: int) -> Sample:
    country = COUNTRIES[norm % len(COUNTRIES)]
    item = f"{country.replace(' ', '_')}_{place}"
    return Sample(
        sample_id=f"{subset}/{setting}/{item}/{wording}",
        subset=subset,
        setting=setting,
        item=item,
        wording=wording,
        country=country,
        language="English" if setting == "english" else LANGUAGES[norm % len(COUNTRIES)],
        language_label="",
        norm_id=f"{subset}{norm:04d}",
        norm=SECRET,
        query=SECRET,
        image_sha256="00",
        image_name="x.png",
        original_query=None,
    )


def draw(samples: list[Sample], rate: float, seed: int, drop: float = 0.0, flips: float = 0.0) -> dict[str, Scores]:
    """Scores with the given rate, the seed's difficulty shared by whoever draws with it.

    Args:
        drop: the rate is lower by this.
        flips: share of verdicts drawn anew, by a seed of their own.
    """
    generator = np.random.default_rng(seed)
    norms = {name: generator.random() for name in sorted({each.norm_id for each in samples})}
    uniform = np.array([[(norms[each.norm_id] + generator.random()) / 2 for _ in DIMENSIONS] for each in samples])
    cut = float(np.quantile(uniform, rate - drop))
    again = np.random.default_rng(seed + 1000 + int(1e6 * flips))
    anew = np.where(again.random(uniform.shape) < flips, again.random(uniform.shape) < rate - drop, uniform < cut)
    return {each.sample_id: tuple(int(score) for score in row) for each, row in zip(samples, anew, strict=True)}


def with_failures(scores: Mapping[str, Scores], share: float, seed: int = 0) -> dict[str, Scores]:
    """The same, but for a share of verdicts that failed."""
    generator = np.random.default_rng(seed)
    return {name: tuple(None if generator.random() < share else s for s in row) for name, row in scores.items()}


def outcome(name: Any, score: int | None, model: str) -> Outcome:
    if score is None:
        return JudgeFailure(name, "unparsable", "The reply has no score.", "Hm.")
    return Verdict(name, score, f"Because. Score: {score}", model)


def write_run(
    folder: Path,
    samples: list[Sample],
    scores: Mapping[str, Scores],
    answered_by: str | None = None,
    tasks: Mapping[str, Task] | None = None,
    responses: Mapping[str, str] | None = None,
    model: str = "some_model",
    **provenance: Any,
) -> Path:
    """Write results and samples of a run; samples without scores are left out."""
    folder.mkdir(parents=True, exist_ok=True)
    origin = replace(PROVENANCE, **provenance)
    by_task: dict[str, list[dict[str, Any]]] = {}
    for each in samples:
        if each.sample_id not in scores:
            continue
        pairs = zip(DIMENSIONS, scores[each.sample_id], strict=True)
        outcomes = {name: outcome(name, score, answered_by or origin.judge_model) for name, score in pairs}
        record = build_record(each, (responses or {}).get(each.sample_id, "An answer."), origin, outcomes)
        rows = by_task.setdefault(f"cross_{each.subset}_{each.setting}", [])
        rows.append({"doc_id": len(rows), **metric_items(record), RECORD: record})
    results = _results(model, by_task, tasks or {})
    for name, told in (tasks or {}).items():
        logged = next(iter(told.samples.values()), [])
        by_task[name] = [
            {"doc_id": i, "input": "q", "target": "t", **{metric: values[i] for metric, values in told.samples.items()}}
            for i in range(len(logged))
        ]
    (folder / "20260101_000000_results.json").write_text(json.dumps(results))
    for name, rows in by_task.items():
        lines = "".join(json.dumps(row) + "\n" for row in rows)
        (folder / f"20260101_000000_samples_{name}.jsonl").write_text(lines)
    return folder


def _results(model: str, ours: Mapping[str, Any], tasks: Mapping[str, Task]) -> dict[str, Any]:
    return {
        "results": {
            **{name: {"alias": name, "compliance,none": 50.0} for name in ours},
            **{
                name: {f"{metric},none": value for metric, value in told.metrics.items()}
                for name, told in tasks.items()
            },
        },
        "configs": {**{name: {} for name in ours}, **{name: dict(told.config) for name, told in tasks.items()}},
        "higher_is_better": {name: dict(told.higher_is_better) for name, told in tasks.items()},
        "n-samples": {name: {"original": told.n, "effective": told.n} for name, told in tasks.items()},
        "config": {"model": model},
        "date": "20260101_000000",
    }
