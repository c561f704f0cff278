"""The baseline file: what a comparison needs of one side, small enough to commit and to read in a diff."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, replace
from math import isnan, nan
from pathlib import Path
from typing import Any, Final

from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError

from lmms_eval_cross.benchmark.records import DIMENSIONS
from lmms_eval_cross.compare.rounds import UNJUDGED, Judging, Round, SampleFacts, Scores, Side
from lmms_eval_cross.compare.task_metrics import TaskMetric
from lmms_eval_cross.errors import RunError
from lmms_eval_cross.outside import parse_strict_json, read_text
from lmms_eval_cross.runs.made_at import in_utc
from lmms_eval_cross.runs.sample_record import Provenance
from lmms_eval_cross.trust.sealed import SEAL, seal_of

SCHEMA: Final = "cross-baseline/2"
WITHOUT_HASHES: Final = "cross-baseline/1"
"""Of release 0.1's first builds; still read, but no bridge can stand on it."""
_COLUMNS: Final = {WITHOUT_HASHES: 4, SCHEMA: 6}
"""Of a sample."""
FAILED: Final = "-"
UNANSWERED: Final = "-"
_MARK_OF: Final = {1.0: "1", 0.0: "0"}
_HASH: Final = re.compile("[0-9a-f]{16}|-")
_MOST_BYTES: Final = 64 * 2**20
_SCORE_OF: Final = {"1": 1.0, "0": 0.0, FAILED: nan}


class _TaskEntry(BaseModel):
    model_config = ConfigDict(extra="forbid", defer_build=True)
    value: float
    n: int
    higher_is_better: bool


class _RoundEntry(BaseModel):
    model_config = ConfigDict(extra="forbid", defer_build=True)
    name: str
    model: str
    date: str
    """UTC; in files of 0.1 as lmms-eval stamps runs, which is Singapore's time."""
    answered_by: dict[str, tuple[str, ...]]
    provenance: dict[str, dict[str, Any]]
    tasks: dict[str, _TaskEntry]
    made_by: str = ""


class _BaselineFile(BaseModel):
    model_config = ConfigDict(extra="forbid", defer_build=True, populate_by_name=True)
    dimensions: tuple[str, ...]
    rounds: list[_RoundEntry]
    samples: dict[str, tuple[str, ...]]
    """Norm, country, language, the scores of each round and, but in the first schema, the hashes of its answers and of
    what the sample shows."""

    @property
    def is_sealed(self) -> bool:
        """Whether it is of a schema that has a seal, and samples of as many columns."""
        return len(next(iter(self.samples.values()))) == _COLUMNS[SCHEMA]


def write_baseline(side: Side) -> str:
    """The baseline file of a side: a header, then one line a sample, in the order of their ids.

    Runs with the same verdicts give files that differ in name, date and seal alone. It has no text of the benchmark
    and no path.
    """
    for fault in (fault for one in side.rounds for fault in one.faults):
        raise RunError(f"{fault} A baseline is made of the samples that a run wrote.")
    header = {"schema": SCHEMA, "dimensions": DIMENSIONS, "rounds": [_round_entry(one) for one in side.rounds]}
    head = json.dumps(header, indent=1, sort_keys=False, allow_nan=False)
    lines = ",\n".join(_sample_lines(side))
    body = f'{head[:-2]},\n "samples": {{\n{lines}\n }}'
    return f'{body},\n "{SEAL}": "{seal_of(json.loads(body + "}"))}"\n}}\n'


def _round_entry(one: Round) -> dict[str, Any]:
    answered_by: dict[str, tuple[str, ...]] = {}
    provenance: dict[str, dict[str, Any]] = {}
    tasks: dict[str, dict[str, Any]] = {}
    for split, judging in sorted(one.judging.items()):
        answered_by[split] = judging.answered_by
        provenance[split] = asdict(judging.provenance)
    for name, task in sorted(one.tasks.items()):
        tasks[name] = {"value": task.value, "n": task.n, "higher_is_better": task.higher_is_better}
    names = {"name": one.name, "model": one.model, "date": one.date}
    told = {**names, "answered_by": answered_by, "provenance": provenance, "tasks": tasks}
    if one.made_by:
        told["made_by"] = one.made_by
    return told


def _sample_lines(side: Side) -> Iterator[str]:
    """Id, norm, country, language, round by round the scores, `1101 110-`, and answers' hashes; the sample's hash."""
    for sample_id, facts in sorted(side.facts.items()):
        scores = " ".join(_marks(one.scores.get(sample_id, UNJUDGED)) for one in side.rounds)
        hashes = " ".join(one.answer_hashes.get(sample_id, UNANSWERED) for one in side.rounds)
        row = [facts.norm_id, facts.country, facts.language, scores, hashes, facts.shown]
        yield f"  {json.dumps(sample_id)}: {json.dumps(row)}"


def _marks(scores: Scores) -> str:
    return "".join(_mark(score) for score in scores)


def _mark(score: float) -> str:
    if isnan(score):
        return FAILED
    return _MARK_OF[score]


def is_baseline(path: Path) -> bool:
    """Whether a path is that of a baseline file, by its name: `.json`, but not a results file."""
    return path.suffix == ".json" and not path.name.endswith("_results.json")


def read_baseline(path: Path) -> tuple[Round, ...]:
    """The rounds in a baseline file.

    Raises:
        RunError: the file is missing, damaged or of another schema.
    """
    file = _checked(path)
    facts: dict[str, SampleFacts] = {}
    for sample_id, (norm_id, country, language, _, *further) in file.samples.items():
        shown = further[1] if further else ""
        facts[sample_id] = SampleFacts(sample_id, norm_id, country, language, shown)
    rounds: list[Round] = []
    for entry, scores, hashes in zip(file.rounds, _scores(path, file), _answer_hashes(path, file), strict=True):
        one = _round(path, entry, facts, scores, hashes)
        rounds.append(replace(one, is_sealed=file.is_sealed))
    return tuple(rounds)


def _scores(path: Path, file: _BaselineFile) -> list[dict[str, Scores]]:
    """Round by round, the scores of every sample."""
    scores: list[dict[str, Scores]] = [{} for _ in file.rounds]
    for sample_id, columns in file.samples.items():
        for place, marks in enumerate(_split_marks(path, sample_id, columns[3], len(file.rounds))):
            scores[place][sample_id] = tuple(_SCORE_OF[mark] for mark in marks)
    return scores


def _answer_hashes(path: Path, file: _BaselineFile) -> list[dict[str, str]]:
    """Round by round, the hash of every answer; without any where the file is of the first schema."""
    hashes: list[dict[str, str]] = [{} for _ in file.rounds]
    for sample_id, columns in file.samples.items():
        for place, digest in enumerate(_split_hashes(path, sample_id, columns[4:5], len(file.rounds))):
            if digest != UNANSWERED:
                hashes[place][sample_id] = digest
    return hashes


def _checked(path: Path) -> _BaselineFile:
    try:
        raw = parse_strict_json(read_text(path, _MOST_BYTES))
    except (OSError, ValueError) as error:
        raise RunError(f"{path.name} can't be read as a baseline file ({error}); write it anew.") from None
    _check_seal(path, raw)
    schema = None
    if isinstance(raw, dict):
        schema = raw.pop("schema", None)
    if schema not in (SCHEMA, WITHOUT_HASHES):
        raise RunError(
            f"{path.name} has schema {repr(schema)[:80]}, a baseline file {SCHEMA!r}; write it anew from its run."
        )
    try:
        file = _BaselineFile.model_validate(raw)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        place = ".".join(map(str, first["loc"]))
        raise RunError(f"{path.name} is damaged at {place} ({first['msg']}); write it anew from its run.") from None
    columns = _COLUMNS[schema]
    if set(map(len, file.samples.values())) - {columns}:
        raise RunError(f"{path.name} has samples without {columns} columns; write it anew from its run.")
    if file.dimensions != DIMENSIONS or not file.rounds or not file.samples:
        raise RunError(f"{path.name} has no rounds, no samples or other dimensions; write it anew from its run.")
    return file


def _check_seal(path: Path, raw: object) -> None:
    """Take the seal off, which every file but those of the first schema has, and which must be its content's hash."""
    if not isinstance(raw, dict):
        return
    seal = raw.pop(SEAL, None)
    if raw.get("schema") == SCHEMA and seal != seal_of(raw):
        raise RunError(f"{path.name} was edited, for its content does not fit its {SEAL}; write it anew from its run.")


def _split_marks(path: Path, sample_id: str, marks: str, rounds: int) -> list[str]:
    """A sample's marks, round by round; RunError unless there are four a round and all are known."""
    by_round = marks.split()
    complete = len(by_round) == rounds and set(map(len, by_round)) == {len(DIMENSIONS)}
    if not complete or set(marks) - {*_SCORE_OF, " "} or sample_id.count("/") != 3:
        raise RunError(f"{path.name} has scores {marks!r} for {sample_id}; write it anew from its run.")
    return by_round


def _split_hashes(path: Path, sample_id: str, column: Sequence[str], rounds: int) -> list[str]:
    """The hashes of a sample's answers, round by round; none without such a column, RunError unless one a round."""
    if not column:
        return []
    by_round = column[0].split(" ")
    if len(by_round) != rounds or not all(map(_HASH.fullmatch, by_round)):
        raise RunError(f"{path.name} has answer hashes {column[0]!r} for {sample_id}; write it anew from its run.")
    return by_round


def _round(
    path: Path,
    entry: _RoundEntry,
    facts: Mapping[str, SampleFacts],
    scores: Mapping[str, Scores],
    hashes: Mapping[str, str],
) -> Round:
    judging: dict[str, Judging] = {}
    for split, values in entry.provenance.items():
        if split in entry.answered_by:
            judging[split] = Judging(_provenance(path, values), entry.answered_by[split])
    missing = {sample.split for sample in facts.values()} - judging.keys()
    if missing:
        raise RunError(f"{path.name} does not say who judged {', '.join(sorted(missing))}; write it anew from its run.")
    tasks: dict[str, TaskMetric] = {}
    for name, task in entry.tasks.items():
        tasks[name] = TaskMetric(name, task.value, task.n, task.higher_is_better)
    date, made_by = in_utc(entry.date), entry.made_by
    return Round(entry.name, entry.model, date, judging, facts, scores, tasks, {}, hashes, made_by)


def _provenance(path: Path, values: Mapping[str, Any]) -> Provenance:
    try:
        return TypeAdapter(Provenance).validate_python(values)
    except ValidationError as error:
        raise RunError(f"{path.name} has a damaged provenance ({error.error_count()} errors); write it anew.") from None
