"""Keep the model's answers while it generates, so that a crash costs the chunk that it happened in.

lmms-eval hands all requests to the model at once and gets the answers when the last is done. When
`lmms-eval-cross run` asks for it, the model gets its requests in chunks, and each chunk's answers are written before
the next begins. A rerun of the same command takes them from there; a run that ends well deletes them, so that no
later run is answered by an earlier one. They belong to one run: to a command, its output folder, and one process at a
time, so that two rounds of a model never share an answer.
"""

import hashlib
import json
import os
import platform
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from functools import cached_property
from itertools import count
from pathlib import Path
from typing import Any, Final, TypeAlias

from filelock import FileLock, Timeout
from tqdm import tqdm

from lmms_eval_cross import session
from lmms_eval_cross.benchmark.splits import SPLITS
from lmms_eval_cross.files import private_folder
from lmms_eval_cross.harness.lmms_eval_parts import lmms_eval_part
from lmms_eval_cross.outside import parse_json
from lmms_eval_cross.runs.failed_generations import failed_generation
from lmms_eval_cross.runs.made_answer import generation_of, made_answer
from lmms_eval_cross.say import tell
from lmms_eval_cross.text import canonical_json

CHUNK: Final = "CROSS_RUN_CHUNK"
"""How many requests a chunk has; set by `lmms-eval-cross run`."""
FOLDER: Final = "CROSS_RUN_ANSWERS"
"""Where the answers are kept; set by `lmms-eval-cross run`."""

Told: TypeAlias = Callable[[int, Any], None]
"""Is told the place of a request and its answer."""


@contextmanager
def claimed(root: Path, name: str, earlier: Path) -> Iterator[Path]:
    """A folder for a run's answers that no other run on this machine is using: the first free one of its name.

    Args:
        root: holds the folders of all runs.
        name: of the run; the same whenever the same command goes on.
        earlier: where releases up to 0.1 kept the command's answers; they are taken over.
    """
    for number in count():
        folder = root / f"{name}-{number}"
        private_folder(folder)
        lock = FileLock(folder / f"{platform.node()}.lock")
        try:
            lock.acquire(timeout=0)
        except Timeout:
            continue
        with lock:
            _take_over(earlier, folder)
            yield folder
            break


def _take_over(earlier: Path, folder: Path) -> None:
    for file in earlier.glob("*.jsonl"):
        file.replace(folder / f"earlier-{file.name}")
    with suppress(OSError):
        earlier.rmdir()


def any_kept(folder: Path) -> bool:
    """Whether a run's folder holds answers."""
    return any(folder.glob("*.jsonl"))


class KeptAnswers:
    """A folder of JSONL files, one a rank: a process writes its own and reads all."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._file = folder / f"{platform.node()}-{os.environ.get('RANK', '0')}.jsonl"

    @cached_property
    def of_earlier_tries(self) -> dict[str, list[Any]]:
        """Key -> text and token counts, as earlier tries of the run left them; half a line is passed over."""
        answers: dict[str, list[Any]] = {}
        for file in sorted(self._folder.glob("*.jsonl")):
            for row in _rows(file):
                answers[row["key"]] = row["answer"]
        return answers

    def keep(self, answers: Mapping[str, list[Any]]) -> None:
        """Append answers; a full disk costs a sentence and the resumption, not the run."""
        lines = [json.dumps({"key": key, "answer": answer}) for key, answer in answers.items()]
        try:
            private_folder(self._folder)
            with self._file.open("a", encoding="ascii") as file:
                file.write("\n" + "\n".join(lines) + "\n")
        except OSError as error:
            tell(f"{len(lines)} answers can't be kept ({error.strerror}); the run goes on without.")


def _rows(file: Path) -> Iterator[dict[str, Any]]:
    for line in file.read_text(encoding="ascii", errors="replace").splitlines():
        try:
            row = parse_json(line)
        except ValueError:
            continue
        if isinstance(row, dict) and row.keys() >= {"key", "answer"}:
            yield row


def generate_in_chunks(
    generate: Callable[[list[Any]], Sequence[Any]], requests: list[Any], kept: KeptAnswers, model: str, size: int
) -> list[Any]:
    """What `generate` gives for the requests, asked for `size` at a time, and only for those without a kept answer.

    Args:
        generate: the model's `generate_until`.
        requests: lmms-eval's `Instance`s.
        kept: where answers are.
        model: what made the answers: class, arguments and files.
        size: requests in a chunk.
    """
    requested = dict(zip(request_keys(model, requests), requests, strict=True))
    answers = _known(requested, kept)
    missing = [key for key in requested if key not in answers]
    with _bar(len(requested), len(answers)) as bar:
        for start in range(0, len(missing), size):
            keys = missing[start : start + size]
            new = dict(zip(keys, generate([requested[key] for key in keys]), strict=True))
            kept.keep(_good_ones_encoded(new))
            answers |= new
            bar.update(len(keys))
    return [answers[key] for key in requested]


def _bar(total: int, done: int) -> Any:
    """How far all chunks are, on the first rank's terminal; a model's own bar begins anew with each."""
    hidden = None if os.environ.get("RANK", "0") == "0" else True  # None: where stderr is no terminal
    return tqdm(total=total, initial=done, desc="Answers", unit="answer", disable=hidden)


def generate_as_they_come(
    generate: Callable[[list[Any], Told], Sequence[Any]], requests: list[Any], kept: KeptAnswers, model: str
) -> list[Any]:
    """The same of a model that tells each answer once it is there: no chunk waits for its last, and none is lost.

    Args:
        generate: the model's `generate_until`, which also takes whom to tell.
        requests: as for `generate_in_chunks`, like the others.
        kept: likewise.
        model: likewise.
    """
    requested = dict(zip(request_keys(model, requests), requests, strict=True))
    answers = _known(requested, kept)
    missing = [key for key in requested if key not in answers]

    def told(place: int, answer: Any) -> None:
        kept.keep(_good_ones_encoded({missing[place]: answer}))

    answers |= zip(missing, generate([requested[key] for key in missing], told), strict=True)
    return [answers[key] for key in requested]


def _known(requested: Mapping[str, Any], kept: KeptAnswers) -> dict[str, Any]:
    """Key -> answer of what an earlier try has answered, which is told."""
    answers: dict[str, Any] = {}
    for key in requested.keys() & kept.of_earlier_tries.keys():
        answers[key] = _decoded(*kept.of_earlier_tries[key])
    if answers:
        tell(f"{len(answers)} of {len(requested)} answers were kept by an earlier try.")
    return answers


def _good_ones_encoded(answers: Mapping[str, Any]) -> dict[str, list[Any]]:
    """The answers as they are kept; a failed generation is not, so that the next try makes it anew."""
    encoded: dict[str, list[Any]] = {}
    for key, answer in answers.items():
        text, counts = _encoded(answer)
        if failed_generation(str(text)) is None:
            generation = generation_of(text)
            encoded[key] = [text, counts] if generation is None else [text, counts, generation]
    return encoded


def request_keys(model: str, requests: Sequence[Any]) -> Iterator[str]:
    """A key a request: model, task, data, doc, prompt and generation settings; equal requests are told by number."""
    times: Counter[str] = Counter()
    for request in requests:
        task = request.task_name
        arguments = [argument for argument in request.args if isinstance(argument, str | int | dict)]
        text = canonical_json([model, task, _data_sha256(task), request.doc_id, request.idx, arguments])
        times[text] += 1
        yield hashlib.sha256(f"{times[text]}:{text}".encode()).hexdigest()


def _data_sha256(task: str) -> str | None:
    """The data hash of our tasks; others have none."""
    if task not in SPLITS:
        return None
    split = SPLITS[task]
    return session.data_for(split).manifest.sha256[split]


def model_identity(cls: type, arguments: str) -> str:
    """What made an answer; a local checkpoint counts by its files, so that another one of the same name is another."""
    files: list[list[list[str | int]]] = []
    for argument in arguments.split(","):
        value = argument.partition("=")[2]
        if value:
            files.append(_files(Path(value)))
    return canonical_json([f"{cls.__module__}.{cls.__name__}", arguments, files])


def _files(path: Path) -> list[list[str | int]]:
    """Names, sizes and times of the files at a path; none if it is no path."""
    files = [path]
    if path.is_dir():
        files = sorted(path.rglob("*"))
    stats: list[list[str | int]] = []
    for file in files:
        if file.is_file():
            stat = file.stat()
            stats.append([file.name, stat.st_size, stat.st_mtime_ns])
    return stats


def _encoded(answer: Any) -> tuple[Any, dict[str, Any] | None]:
    """Text and token counts, as JSON has them."""
    text, counts = _instance().unwrap_generation_output(answer)
    if counts is None:
        return text, None
    return text, counts.to_dict()


def _decoded(text: Any, counts: Mapping[str, int] | None, generation: Mapping[str, Any] | None = None) -> Any:
    if generation is not None:
        text = made_answer(text, generation)
    if counts is None:
        return text
    return _instance().GenerationResult(text, _instance().TokenCounts(**counts))


def _instance() -> Any:
    """lmms-eval's answers, which `run` does without: it only starts lmms-eval."""
    return lmms_eval_part("lmms_eval.api.instance")
