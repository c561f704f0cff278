"""`--model cross_replay`: answers from a file, for demos, tests and answers that were made elsewhere."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, TypeAlias

from lmms_eval.api.instance import Instance
from tqdm import tqdm

from lmms_eval_cross.errors import ReplayError, ending_with_a_sentence, listing
from lmms_eval_cross.models.ranked import RankedModel
from lmms_eval_cross.outside import parse_json, read_lines

Key: TypeAlias = str | tuple[str, int]


class CrossReplay(RankedModel):
    """Answers each request with a recorded response.

    A row of the JSONL file is {"sample_id", "response"} or {"task", "doc_id", "response"}. Responses that
    can't be read or lack a sample end the process with a sentence and exit code 2, before anything is judged.
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
        for request in tqdm(requests, desc="Replaying", disable=self.rank != 0):
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
        sample_id = self.task_dict[task][split][doc_id].get("sample_id")
        by_place = self._responses.get((task, doc_id))
        if not sample_id:
            return f"{task}/{doc_id}", by_place
        return sample_id, self._responses.get(sample_id, by_place)


def _refuse_missing(names: set[str]) -> None:
    if names:
        raise ReplayError(f"{len(names)} samples have no recorded response: {listing(sorted(names))}; add their rows.")


def read_responses(file: str) -> dict[Key, str]:
    """The recorded responses by sample id or by (task, doc id).

    Raises:
        ReplayError: no such file, a row of another form, or two responses for one sample.
    """
    if not file:
        raise ReplayError("cross_replay was given no responses; add --model_args responses=FILE.jsonl.")
    path = Path(file).expanduser()
    if not path.is_file():
        raise ReplayError(f"{path} is not a file; give --model_args responses=FILE.jsonl.")
    responses: dict[Key, str] = {}
    for key, response in _rows(path):
        if responses.setdefault(key, response) != response:
            raise ReplayError(f"{path.name} has two responses for {key}; keep one.")
    return responses


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
        key: Key = str(row["sample_id"]) if "sample_id" in row else (str(row["task"]), int(row["doc_id"]))
    except (ValueError, KeyError, TypeError, OverflowError):
        raise ReplayError(
            f'{place} is not {{"sample_id", "response"}} or {{"task", "doc_id", "response"}}; mend the row.'
        ) from None
    if not isinstance(response, str):
        raise ReplayError(f"{place}: the response must be a string, got {type(response).__name__}.")
    return key, response
