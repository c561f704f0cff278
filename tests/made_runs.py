"""Runs with made-up verdicts on the cluster shape of CROSS."""

from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from lmms_eval_cross.benchmark.records import DIMENSIONS, Sample, data_hash
from lmms_eval_cross.benchmark.splits import TASKS, split_of
from tests.run_folders import PROVENANCE, Task, make_run, outcome, save_run
from tests.samples import make_sample

NORMS = {"casa": (49, 37, 32, 13, 1), "safeworld": (30, 6, 1)}
"""Norms that serve 1, 2, ... items."""
COUNTRIES = ("China", "India", "Iran", "Japan", "Saudi Arabia", "Egypt", "France", "Ethiopia")
LANGUAGES = ("Mandarin", "Hindi", "Persian", "Japanese", "Arabic", "Arabic", "French", "Amharic")
SECRET = "text of the benchmark"
"""Stands for norms and queries: must be in no output."""

Scores = tuple[int | None, ...]


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
            found += [_sample(subset, place, norm, "english", wording) for wording in (1, 2, 3)]
            found.append(_sample(subset, place, norm, "multilingual", 1))
    return found


def _sample(subset: str, place: int, norm: int, setting: str, wording: int) -> Sample:
    country = COUNTRIES[norm % len(COUNTRIES)]
    return make_sample(
        f"{country.replace(' ', '_')}_{place}",
        f"{SECRET} {subset}{norm:04d}",
        subset=subset,
        setting=setting,
        wording=wording,
        language="English" if setting == "english" else LANGUAGES[norm % len(COUNTRIES)],
        query=SECRET,
    )


def draw(samples: list[Sample], rate: float, seed: int, drop: float = 0.0, flips: float = 0.0) -> dict[str, Scores]:
    """Scores with the given rate, the seed's difficulty shared by whoever draws with it.

    Args:
        drop: the rate is lower by this.
        flips: share of verdicts drawn anew, by a seed of their own.
    """
    generator = np.random.default_rng(seed)
    norms = {name: generator.random() for name in sorted({each.norm for each in samples})}
    uniform = np.array([[(norms[each.norm] + generator.random()) / 2 for _ in DIMENSIONS] for each in samples])
    cut = float(np.quantile(uniform, rate - drop))
    again = np.random.default_rng(seed + 1000 + int(1e6 * flips))
    anew = np.where(again.random(uniform.shape) < flips, again.random(uniform.shape) < rate - drop, uniform < cut)
    return {each.sample_id: tuple(int(score) for score in row) for each, row in zip(samples, anew, strict=True)}


def with_failures(scores: Mapping[str, Scores], share: float, seed: int = 0) -> dict[str, Scores]:
    """The same, but for a share of verdicts that failed."""
    generator = np.random.default_rng(seed)
    return {name: tuple(None if generator.random() < share else s for s in row) for name, row in scores.items()}


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
    origin = replace(PROVENANCE, **provenance)
    answers = [
        (
            each,
            (responses or {}).get(each.sample_id, "An answer."),
            {
                name: outcome(name, score, answered_by or origin.judge_model)
                for name, score in zip(DIMENSIONS, scores[each.sample_id], strict=True)
            },
        )
        for each in samples
        if each.sample_id in scores
    ]
    return save_run(make_run(folder.name, answers, origin, tasks, model, _data_hashes()), folder)


@cache
def _data_hashes() -> dict[str, str]:
    """Task -> the data hash of its made-up samples."""
    by_task: dict[str, list[Sample]] = {}
    for each in cross_samples():
        by_task.setdefault(TASKS[split_of(each)], []).append(each)
    return {task: data_hash(samples) for task, samples in by_task.items()}
