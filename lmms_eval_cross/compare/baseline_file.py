"""The baseline file: what a comparison needs of one side, small enough to commit and to read in a diff."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from math import isnan, nan
from pathlib import Path
from typing import Any, Final

from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError

from lmms_eval_cross.benchmark.records import DIMENSIONS
from lmms_eval_cross.compare.rounds import Judging, Round, SampleFacts, Scores, Side
from lmms_eval_cross.compare.task_metrics import TaskMetric
from lmms_eval_cross.errors import RunError
from lmms_eval_cross.runs.sample_record import Provenance

SCHEMA: Final = "cross-baseline/1"
FAILED: Final = "-"
_MARK_OF: Final = {1.0: "1", 0.0: "0"}
_SCORE_OF: Final = {"1": 1.0, "0": 0.0, FAILED: nan}


class _Task(BaseModel):
    model_config = ConfigDict(extra="forbid")
    value: float
    n: int
    higher_is_better: bool


class _Round(BaseModel):
    model_config = ConfigDict(extra="forbid")
    name: str
    model: str
    date: str
    answered_by: dict[str, tuple[str, ...]]
    provenance: dict[str, dict[str, Any]]
    tasks: dict[str, _Task]


class _Baseline(BaseModel):
    model_config = ConfigDict(extra="forbid", populate_by_name=True)
    dimensions: tuple[str, ...]
    rounds: list[_Round]
    samples: dict[str, tuple[str, str, str, str]]


def write_baseline(side: Side) -> str:
    """The baseline file of a side: a header, then one line a sample, in the order of their ids.

    Runs with the same verdicts give files that differ in name and date alone. No text of the benchmark and no path
    is in it.
    """
    header = {"schema": SCHEMA, "dimensions": DIMENSIONS, "rounds": [_told_round(each) for each in side.rounds]}
    head = json.dumps(header, indent=1, sort_keys=False, allow_nan=False)
    lines = ",\n".join(f"  {json.dumps(name)}: {json.dumps(row)}" for name, row in _rows(side))
    return f'{head[:-2]},\n "samples": {{\n{lines}\n }}\n}}\n'


def _told_round(each: Round) -> dict[str, Any]:
    splits = sorted(each.judging.items())
    return {
        "name": each.name,
        "model": each.model,
        "date": each.date,
        "answered_by": {split: judging.answered_by for split, judging in splits},
        "provenance": {split: asdict(judging.provenance) for split, judging in splits},
        "tasks": {
            name: {"value": task.value, "n": task.n, "higher_is_better": task.higher_is_better}
            for name, task in sorted(each.tasks.items())
        },
    }


def _rows(side: Side) -> Iterator[tuple[str, list[str]]]:
    """Norm, country, language and, round by round, the scores: `1101 110-`."""
    for name, facts in sorted(side.facts.items()):
        marks = " ".join(_marks(each.scores.get(name)) for each in side.rounds)
        yield name, [facts.norm_id, facts.country, facts.language, marks]


def _marks(scores: Scores | None) -> str:
    if scores is None:
        return FAILED * len(DIMENSIONS)
    return "".join(FAILED if isnan(score) else _MARK_OF[score] for score in scores)


def is_baseline(path: Path) -> bool:
    """Whether a path is that of a baseline file, by its name: `.json`, but not a results file."""
    return path.suffix == ".json" and not path.name.endswith("_results.json")


def read_baseline(path: Path) -> tuple[Round, ...]:
    """The rounds in a baseline file.

    Raises:
        RunError: the file is missing, damaged or of another schema.
    """
    told = _checked(path)
    facts = {name: SampleFacts(name, *row[:3]) for name, row in told.samples.items()}
    return tuple(_round(path, each, facts, dict(_scores(path, told, i))) for i, each in enumerate(told.rounds))


def _checked(path: Path) -> _Baseline:
    try:
        raw = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise RunError(f"{path.name} can't be read as a baseline file ({error}); write it anew.") from None
    schema = raw.pop("schema", None) if isinstance(raw, dict) else None
    if schema != SCHEMA:
        raise RunError(f"{path.name} has schema {schema!r}, a baseline file {SCHEMA!r}; write it anew from its run.")
    try:
        told = _Baseline.model_validate(raw)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        place = ".".join(map(str, first["loc"]))
        raise RunError(f"{path.name} is damaged at {place} ({first['msg']}); write it anew from its run.") from None
    if told.dimensions != DIMENSIONS or not told.rounds or not told.samples:
        raise RunError(f"{path.name} has no rounds, no samples or other dimensions; write it anew from its run.")
    return told


def _scores(path: Path, told: _Baseline, number: int) -> Iterator[tuple[str, Scores]]:
    for name, (*_, marks) in told.samples.items():
        rounds = marks.split()
        known = len(rounds) == len(told.rounds) and all(len(each) == len(DIMENSIONS) for each in rounds)
        if not known or set(marks) - {*_SCORE_OF, " "} or name.count("/") != 3:
            raise RunError(f"{path.name} has scores {marks!r} for {name}; write it anew from its run.")
        yield name, tuple(_SCORE_OF[mark] for mark in rounds[number])


def _round(path: Path, told: _Round, facts: Mapping[str, SampleFacts], scores: Mapping[str, Scores]) -> Round:
    provenance = {
        split: _provenance(path, values) for split, values in told.provenance.items() if split in told.answered_by
    }
    tasks = {name: TaskMetric(name, each.value, each.n, each.higher_is_better, {}) for name, each in told.tasks.items()}
    missing = {each.split for each in facts.values()} - set(provenance)
    if missing:
        raise RunError(f"{path.name} does not say who judged {', '.join(sorted(missing))}; write it anew from its run.")
    judging = {split: Judging(value, told.answered_by[split]) for split, value in provenance.items()}
    return Round(told.name, told.model, told.date, judging, facts, scores, tasks)


def _provenance(path: Path, values: Mapping[str, Any]) -> Provenance:
    try:
        return TypeAdapter(Provenance).validate_python(values)
    except ValidationError as error:
        raise RunError(f"{path.name} has a damaged provenance ({error.error_count()} errors); write it anew.") from None
