"""`--model cross_replay`: answers from a file, for demos, tests and answers that were made elsewhere."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, TypeAlias

from lmms_eval.api.instance import Instance

from lmms_eval_cross.errors import ReplayError, ending_with_a_sentence, listing
from lmms_eval_cross.files import with_home
from lmms_eval_cross.models import ROUND_OF_REQUEST
from lmms_eval_cross.models.ranked import RankedModel
from lmms_eval_cross.outside import parse_json, read_lines
from lmms_eval_cross.runs.run_rounds import round_in_progress

Name: TypeAlias = str | tuple[str, int]
"""A sample id, or a task and a doc id."""
Key: TypeAlias = tuple[Name, int | None]
"""A sample and the round that the answer is for; None for every round."""


class CrossReplay(RankedModel):
    """Answers each request with a recorded response.

    A row of the JSONL file is {"sample_id", "response"} or {"task", "doc_id", "response"}, with a "round" if it is for
    that round alone. Responses that can't be read or lack a sample end the process with a sentence and exit code 2,
    before anything is judged.
    """

    is_simple = True

    def __init__(self, responses: str = "", batch_size: int | str = 1, **unused: Any) -> None:
        """Read the file.

        Args:
            responses: the JSONL's path.
            batch_size: taken because lmms-eval hands it to every model; not used.
        """
        super().__init__()
        with ending_with_a_sentence():
            self._responses = read_responses(responses)
        self._join_ranks()

    def generate_until(self, requests: list[Instance]) -> list[str]:
        """The recorded responses, in the order of the requests."""
        responses: list[str] = []
        missing: set[str] = set()
        for request in requests:
            name, response = self._find(request)
            if response is None:
                missing.add(name)
            else:
                responses.append(response)
        with ending_with_a_sentence():
            _refuse_missing(missing)
        return responses

    def loglikelihood(self, requests: list[Instance]) -> list[tuple[float, bool]]:
        """Not to be had from recorded text."""
        raise NotImplementedError("cross_replay has recorded text and no likelihoods")

    def generate_until_multi_round(self, requests: list[Instance]) -> list[str]:
        """Not to be had from recorded text."""
        raise NotImplementedError("cross_replay answers one round")

    def _find(self, request: Instance) -> tuple[str, str | None]:
        """The request's name for people, and its response."""
        doc_id, task, split = request.args[3:6]
        number = request.metadata.get(ROUND_OF_REQUEST) or round_in_progress() or 1
        by_place = self._of_round((task, doc_id), number)
        sample_id = self.task_dict[task][split][doc_id].get("sample_id")
        if not sample_id:
            return f"{task}/{doc_id}", by_place
        by_id = self._of_round(sample_id, number)
        return sample_id, by_place if by_id is None else by_id

    def _of_round(self, name: Name, number: int) -> str | None:
        return self._responses.get((name, number), self._responses.get((name, None)))


def _refuse_missing(names: set[str]) -> None:
    if names:
        raise ReplayError(f"{len(names)} samples have no recorded response: {listing(sorted(names))}; add their rows.")


def read_responses(file: str) -> dict[Key, str]:
    """The recorded responses by sample id or by (task, doc id), and by round.

    Raises:
        ReplayError: no such file, a row of another form, or two responses for one sample.
    """
    if not file:
        raise ReplayError("cross_replay was given no responses; add --model_args responses=FILE.jsonl.")
    path = with_home(file)
    if not path.is_file():
        raise ReplayError(f"{path} is not a file; give --model_args responses=FILE.jsonl.")
    responses: dict[Key, str] = {}
    for key, response in _rows(path):
        if responses.setdefault(key, response) != response:
            raise ReplayError(f"{path.name} has two responses for {_described(key)}; keep one.")
    return responses


def _described(key: Key) -> str:
    name, number = key
    return str(name) if number is None else f"{name}, round {number}"


def _rows(path: Path) -> Iterator[tuple[Key, str]]:
    try:
        for number, line in read_lines(path):
            if line.strip():
                yield _row(line, f"{path.name}, line {number}")
    except (OSError, ValueError) as error:
        raise ReplayError(f"{path.name} can't be read ({error}); give another file.") from None


def _row(line: bytes, place: str) -> tuple[Key, str]:
    try:
        row = parse_json(line.decode("utf-8"))
        response = row["response"]
        name: Name = str(row["sample_id"]) if "sample_id" in row else (str(row["task"]), int(row["doc_id"]))
        number = int(row["round"]) if "round" in row else None
    except (ValueError, KeyError, TypeError, OverflowError):
        raise ReplayError(
            f'{place} is not {{"sample_id", "response"}} or {{"task", "doc_id", "response"}}; mend the row.'
        ) from None
    if not isinstance(response, str):
        raise ReplayError(f"{place}: the response must be a string, got {type(response).__name__}.")
    return (name, number), response
