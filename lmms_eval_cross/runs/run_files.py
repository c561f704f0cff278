"""Read what lmms-eval wrote: the results and samples of a run."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from itertools import chain
from pathlib import Path
from typing import Any, Final

from pydantic_core import from_json

from lmms_eval_cross.benchmark.records import repeated_ids
from lmms_eval_cross.benchmark.splits import SPLITS
from lmms_eval_cross.errors import RunError, listing
from lmms_eval_cross.outside import parse_json, read_lines, read_text
from lmms_eval_cross.runs.made_at import made_at
from lmms_eval_cross.runs.run_places import MARK, RESULTS_ENDING, only_run_place, results_files
from lmms_eval_cross.runs.sample_record import RECORD, JudgedAnswer, read_record


@dataclass(frozen=True)
class LoggedRun:
    """One lmms-eval run: its results, its judged answers, and the samples of its other tasks."""

    name: str
    """What people call it: the folder's or file's name."""
    results: Mapping[str, Any]
    """results.json as lmms-eval wrote it; empty for a lone samples file."""
    samples: Mapping[str, list[dict[str, Any]]]
    """Task -> logged samples, as lmms-eval wrote them, in order of their doc_id."""
    files: Mapping[str, Path] = field(default_factory=dict)
    """Task -> samples file."""
    results_file: Path | None = None
    """None for a lone samples file."""
    further_rounds: tuple["LoggedRun", ...] = ()
    """Other rounds of the same model, where the run stands for all of them; its own answers are the first round's."""

    @cached_property
    def answers(self) -> list[JudgedAnswer]:
        """The judged answers of all CROSS tasks, in the order of their sample ids.

        Raises:
            RunError: a sample stands there twice, or a record can't be read.
        """
        return sorted(self.answers_in_order, key=lambda answer: answer.sample.sample_id)

    @cached_property
    def answers_in_order(self) -> list[JudgedAnswer]:
        """The same in the order of the samples files, which is that of the data.

        Raises:
            RunError: as for `answers`.
        """
        answers: list[JudgedAnswer] = []
        for row in chain.from_iterable(self.own_samples.values()):
            if RECORD in row:
                answers.append(read_record(row[RECORD]))
        twice = repeated_ids(answer.sample for answer in answers)
        if twice:
            raise RunError(f"{self.name} has two answers for {listing(twice)}; give every run a folder of its own.")
        return answers

    @property
    def own_samples(self) -> dict[str, list[dict[str, Any]]]:
        """`samples` of the tasks that may be ours: results.json has them as such, or does not know them."""
        return {task: self.samples[task] for task in self.samples if may_be_ours(self.results, task)}

    @property
    def judged_answers(self) -> list[JudgedAnswer]:
        """The same, of a run that must have some.

        Raises:
            RunError: there are none, or as for `answers`.
        """
        if self.answers:
            return self.answers
        for task, file in self.files.items():
            if task in SPLITS:
                judge = f"lmms-eval-cross judge {file.parent}"
                raise RunError(f"The answers of {self.name} are not judged yet; type `{judge}` first.")
        raise RunError(
            f"{self.name} has no answers to a CROSS task; run lmms-eval with --tasks cross and --log_samples."
        )

    @property
    def model(self) -> str:
        """The model under test, as lmms-eval names it."""
        return str(self.results.get("config", {}).get("model", "")) or self.name

    @property
    def is_limited(self) -> bool:
        """Whether a CROSS task was run on a part of its samples, with lmms-eval's --limit or --offset."""
        ours = our_tasks(self.results)
        sizes = [size for task, size in self.results.get("n-samples", {}).items() if task in ours]
        return any(size.get("effective", 0) < size.get("original", 0) for size in sizes)

    @property
    def date(self) -> str:
        """When the run was made: `2026-11-28T05:11:41Z`; empty where that is not written."""
        return made_at(self.results)

    @property
    def other_metrics(self) -> dict[str, dict[str, float]]:
        """Task -> metric -> value of the tasks without CROSS records; groups and errors left out."""
        configured = self.results.get("configs", {})  # groups are not
        metrics: dict[str, dict[str, float]] = {}
        for task, values in self.results.get("results", {}).items():
            if task not in configured or (may_be_ours(self.results, task) and has_records(self.samples.get(task, []))):
                continue
            metrics[task] = dict(_numbers(self.name, values))
        return metrics


class LoggedSamples(Mapping[str, list[dict[str, Any]]]):
    """Task -> logged samples; a file is read when somebody asks for its task, and those of others may be large."""

    def __init__(self, files: Mapping[str, Path]) -> None:
        self._files = files
        self._rows: dict[str, list[dict[str, Any]]] = {}

    def __getitem__(self, task: str) -> list[dict[str, Any]]:
        """The samples of a task.

        Raises:
            RunError: its file is damaged.
        """
        if task not in self._rows:
            self._rows[task] = _read_samples(self._files[task])
        return self._rows[task]

    def __iter__(self) -> Iterator[str]:
        return iter(self._files)

    def __len__(self) -> int:
        return len(self._files)


def our_tasks(results: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    """The CROSS tasks in results.json and their configurations, also those that include ours under another name."""
    ours: dict[str, Mapping[str, Any]] = {}
    for task, config in results.get("configs", {}).items():
        if task in SPLITS or config.get("cluster_key") == "norm_id":
            ours[task] = config
    return ours


def may_be_ours(results: Mapping[str, Any], task: str) -> bool:
    """Whether a task's samples may hold records: results.json has it as ours, or does not know it."""
    return task not in results.get("configs", {}) or task in our_tasks(results)


def has_records(rows: Iterable[Mapping[str, Any]]) -> bool:
    """Whether the samples of a task hold sample records: they are ours, and judged."""
    return any(RECORD in row for row in rows)


def load_run(path: Path) -> LoggedRun:
    """The run in a folder (the newest, if one model wrote several), of a results file, or of a samples file.

    Raises:
        RunError: there is none, there are several models' runs, or a file is damaged.
    """
    return load_newest_run(only_run_place(path))


def load_newest_run(path: Path) -> LoggedRun:
    """The newest run in a folder, whatever models wrote there; of a results file or a samples file, the run.

    Raises:
        RunError: there is none, or a file is damaged.
    """
    if (path / MARK).is_file():
        raise RunError(f"{path} holds several rounds; name one of them, such as {path / 'round-1'}.")
    if path.is_dir():
        files = results_files(path)
        if not files:
            raise RunError(f"{path} holds no *{RESULTS_ENDING}; give the --output_path of an lmms-eval run.")
        return _load(path.name, files[-1])
    if path.name.endswith(RESULTS_ENDING):
        return _load(path.stem.removesuffix("_results"), path)
    if path.suffix == ".jsonl" and path.is_file():
        task = _task_of(path)
        return LoggedRun(path.stem, {}, {task: _read_samples(path)}, {task: path})
    raise RunError(f"{path} is neither a run's folder nor its results or samples file; check the path.")


def _load(name: str, results_file: Path) -> LoggedRun:
    results = _read_results(results_file)
    prefix = results_file.name.removesuffix(RESULTS_ENDING)
    files: dict[str, Path] = {}
    for file in sorted(results_file.parent.glob(f"{prefix}_samples_*.jsonl")):
        files[_task_of(file)] = file
    if not files:
        raise RunError(f"{results_file.name} has no samples beside it; run lmms-eval with --log_samples.")
    samples = LoggedSamples(files)
    for task in files:
        if may_be_ours(results, task):
            samples[task]  # what is damaged is told before anything is made of it
    return LoggedRun(name, results, samples, files, results_file)


def _task_of(samples_file: Path) -> str:
    return samples_file.stem.partition("_samples_")[2] or samples_file.stem


def _read_results(path: Path) -> dict[str, Any]:
    """What lmms-eval wrote, as far as it is read here: objects where it writes objects."""
    try:
        content = parse_json(read_text(path))
    except (OSError, ValueError) as error:
        raise RunError(f"{path.name} is not valid JSON ({_why(error)}); the run may have been cut off.") from None
    if not isinstance(content, dict):
        raise RunError(f"{path.name} holds no object; it is not a results file.")
    if not isinstance(content.setdefault("config", {}), dict):
        raise RunError(f"{path.name} has a config that is no object; it is not a results file.")
    for name in _OF_TASKS:
        by_task = content.setdefault(name, {})
        if not isinstance(by_task, dict) or not all(isinstance(of_task, dict) for of_task in by_task.values()):
            raise RunError(f"{path.name} has {name} that are not an object for each task; it is not a results file.")
    for size in chain.from_iterable(of_task.values() for of_task in content["n-samples"].values()):
        if type(size) is not int or not 0 <= size < 2**53:
            raise RunError(f"{path.name} has n-samples that are no counts; it is not a results file.")
    return content


_OF_TASKS: Final = ("results", "configs", "n-samples", "higher_is_better")


def _read_samples(path: Path) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    number = 0
    try:
        for number, line in read_lines(path):  # noqa: B007  the sentence below needs it
            rows.append(_read_row(line))
    except (OSError, ValueError) as error:
        where = f"{path.name}, line {number}," if number else path.name
        raise RunError(f"{where} is not a logged sample ({_why(error)}); the run may have been cut off.") from None
    return sorted(rows, key=_doc_id)


def _read_row(line: bytes) -> dict[str, Any]:
    try:
        row = from_json(line)  # takes half the time of `json`
    except ValueError:  # half characters are read too, and what is wrong is said in `json`'s words
        row = parse_json(line.decode("utf-8"))
    if not isinstance(row, dict):
        raise ValueError("no object")
    _doc_id(row)
    return row


def _doc_id(row: Mapping[str, Any]) -> int:
    """The place of a sample in its data, which lmms-eval writes as a number, and other tools as its digits."""
    given = row.get("doc_id", 0)
    if isinstance(given, float) and not given.is_integer():
        raise ValueError(f"a doc_id of {given}")
    if not isinstance(given, int | float | str):
        raise ValueError("a doc_id that is no number")
    return int(given)


def _why(error: OSError | ValueError) -> str:
    """The cause in few words; a message may quote the file."""
    text = str(error.strerror or error) if isinstance(error, OSError) else str(error)
    return text[:200]


def _numbers(path: str, values: Mapping[str, Any]) -> Iterator[tuple[str, float]]:
    """Metric -> value of a task's entry in results.json."""
    for name, value in values.items():
        metric = name.partition(",")[0]
        if "_stderr" in metric or metric == "samples":
            continue
        if isinstance(value, int | float) and not isinstance(value, bool):
            try:
                yield metric, float(value)
            except OverflowError:
                raise RunError(f"{path} has a {metric} beyond all numbers; it is not a results file.") from None
