"""Keep the model's answers while it generates, so that a crash costs the chunk that it happened in.

lmms-eval hands all requests to the model at once and gets the answers when the last is done. When
`lmms-eval-cross run` asks for it, the model gets its requests in chunks, and each chunk's answers are written before
the next begins. A rerun of the same command takes them from there; a run that ends well deletes them, so that no
later run is answered by an earlier one.
"""

import hashlib
import json
import os
import platform
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, Final

from lmms_eval_cross import session
from lmms_eval_cross.benchmark.splits import SPLITS
from lmms_eval_cross.runs.failed_generations import failed_generation
from lmms_eval_cross.text import canonical_json

CHUNK: Final = "CROSS_RUN_CHUNK"
"""How many requests a chunk has; set by `lmms-eval-cross run`."""
FOLDER: Final = "CROSS_RUN_ANSWERS"
"""Where the answers are kept; set by `lmms-eval-cross run`."""


class KeptAnswers:
    """A folder of JSONL files, one a rank: a process writes its own and reads all."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._file = folder / f"{platform.node()}-{os.environ.get('RANK', '0')}.jsonl"

    @cached_property
    def found(self) -> dict[str, list[Any]]:
        """Key -> text and token counts, as earlier tries of the run left them; half a line is passed over."""
        return {row["key"]: row["answer"] for file in sorted(self._folder.glob("*.jsonl")) for row in _rows(file)}

    def keep(self, answers: Mapping[str, list[Any]]) -> None:
        """Append answers; a full disk costs a sentence and the resumption, not the run."""
        lines = [json.dumps({"key": key, "answer": answer}) for key, answer in answers.items()]
        try:
            self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            with self._file.open("a", encoding="ascii") as file:
                file.write("\n" + "\n".join(lines) + "\n")
        except OSError as error:
            print(
                f"lmms-eval-cross: {len(lines)} answers can't be kept ({error.strerror}); the run goes on without.",
                file=sys.stderr,
            )


def _rows(file: Path) -> Iterator[dict[str, Any]]:
    for line in file.read_text(encoding="ascii", errors="replace").splitlines():
        try:
            row = json.loads(line)
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
    keys = list(request_keys(model, requests))
    answers = {key: _decoded(*kept.found[key]) for key in keys if key in kept.found}
    if answers:
        print(f"lmms-eval-cross: {len(answers)} of {len(keys)} answers were kept by an earlier try.", file=sys.stderr)
    missing = [(key, request) for key, request in zip(keys, requests, strict=True) if key not in answers]
    for start in range(0, len(missing), size):
        chunk = missing[start : start + size]
        new = dict(zip([key for key, _ in chunk], generate([request for _, request in chunk]), strict=True))
        coded = {key: _encoded(answer) for key, answer in new.items()}
        kept.keep({key: answer for key, answer in coded.items() if failed_generation(str(answer[0])) is None})
        answers |= new
    return [answers[key] for key in keys]


def request_keys(model: str, requests: Sequence[Any]) -> Iterator[str]:
    """A key a request: model, task, data, doc, prompt and generation settings; equal requests are told by number."""
    seen: Counter[str] = Counter()
    for request in requests:
        told = [part for part in request.args if isinstance(part, str | int | dict)]
        text = canonical_json([model, request.task_name, _data(request.task_name), request.doc_id, request.idx, told])
        seen[text] += 1
        yield hashlib.sha256(f"{seen[text]}:{text}".encode()).hexdigest()


def _data(task: str) -> str | None:
    """The data hash of our tasks."""
    split = SPLITS.get(task)
    return None if split is None else session.data_for(split).manifest.sha256[split]


def model_identity(cls: type, arguments: str) -> str:
    """What made an answer; a local checkpoint is told by its files, so that another one of the same name is another."""
    paths = [Path(value) for part in arguments.split(",") if (value := part.partition("=")[2])]
    return canonical_json([f"{cls.__module__}.{cls.__name__}", arguments, [_files(path) for path in paths]])


def _files(path: Path) -> list[list[str | int]]:
    """Names, sizes and times of the files at a path; none if it is no path."""
    files = sorted(path.rglob("*")) if path.is_dir() else [path]
    stats = [(file.name, file.stat()) for file in files if file.is_file()]
    return [[name, stat.st_size, stat.st_mtime_ns] for name, stat in stats]


def _encoded(answer: Any) -> list[Any]:
    from lmms_eval.api.instance import unwrap_generation_output

    text, counts = unwrap_generation_output(answer)
    return [text, None if counts is None else counts.to_dict()]


def _decoded(text: Any, counts: Mapping[str, int] | None) -> Any:
    from lmms_eval.api.instance import GenerationResult, TokenCounts

    return GenerationResult(text, TokenCounts(**counts)) if counts is not None else text
