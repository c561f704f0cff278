"""The release's training files: JSON lines, read record by record.

Three shapes: a question with four options (two user turns, the text before the picture), a safety text (one user turn,
no picture), and OpenAI's preference shape, which the release's notebook uploads but the repository does not hold.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Final, Literal, TypeAlias

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from lmms_eval_cross import outside
from lmms_eval_cross.align.examples import Kind, Part, Role
from lmms_eval_cross.errors import DataError

PREFERENCE_FOLDER: Final = "data/safety_dpo"
_QUESTION: Final = re.compile(r"Question: (?P<question>.*?)\nOptions: (?P<options>.*)\nAnswer:\s*", re.DOTALL)
_OPTION: Final = re.compile(r"\(\d\) (.*?)(?=\s*\(\d\) |\Z)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class TrainingFile:
    """One of the training files that the release's README or notebook names."""

    path: str
    kind: Kind
    part: Part
    language: str | None = None
    """None where upstream has no such file to read it from."""


FILES: Final = (
    TrainingFile("data/cvqa_sft/cvqa_sft_gpt4o.jsonl", "sft", "overlapped", "English"),
    TrainingFile("data/cvqa_sft/cvqa_sft_gpt4o_exclusive.jsonl", "sft", "exclusive", "English"),
    TrainingFile("data/safety_sft/safety_sft_gpt4o.jsonl", "sft", "overlapped"),
    TrainingFile("data/safety_sft/safety_sft_gpt4o_exclusive.jsonl", "sft", "exclusive", "English"),
)
"""The preference files have no name that is shown; all of `data/safety_dpo` are read."""


class TextPart(BaseModel):
    """A text of a message in parts."""

    model_config = ConfigDict(strict=True, frozen=True)
    type: Literal["text"]
    text: str


class ImageUrl(BaseModel):
    """Where a picture lies: an address, or the picture itself as `data:`."""

    model_config = ConfigDict(strict=True, frozen=True)
    url: str


class ImagePart(BaseModel):
    """A picture of a message in parts."""

    model_config = ConfigDict(strict=True, frozen=True)
    type: Literal["image_url"]
    image_url: ImageUrl


Part_: TypeAlias = Annotated[TextPart | ImagePart, Field(discriminator="type")]


class Message(BaseModel):
    """A chat message as OpenAI's fine-tuning takes it."""

    model_config = ConfigDict(strict=True, frozen=True)
    role: Role
    content: str | list[Part_]

    @property
    def parts(self) -> list[TextPart | ImagePart]:
        """The content in parts."""
        return [TextPart(type="text", text=self.content)] if isinstance(self.content, str) else self.content

    @property
    def text(self) -> str:
        """The text of all parts."""
        return "\n".join(part.text for part in self.parts if isinstance(part, TextPart))


class SftRecord(BaseModel):
    """A line of the SFT files: a conversation that ends with the answer."""

    model_config = ConfigDict(strict=True, frozen=True)
    messages: Annotated[list[Message], Field(min_length=2)]

    @property
    def prompt(self) -> list[Message]:
        """What stands before the answer."""
        return self.messages[:-1]


class PreferenceInput(BaseModel):
    """The conversation that both answers of a pair answer."""

    model_config = ConfigDict(strict=True, frozen=True)
    messages: Annotated[list[Message], Field(min_length=1)]


class PreferenceRecord(BaseModel):
    """A line of a preference file in OpenAI's shape."""

    model_config = ConfigDict(strict=True, frozen=True)
    input: PreferenceInput
    preferred_output: Annotated[list[Message], Field(min_length=1, max_length=1)]
    non_preferred_output: Annotated[list[Message], Field(min_length=1, max_length=1)]

    @property
    def prompt(self) -> list[Message]:
        """What stands before the answers."""
        return self.input.messages


Record: TypeAlias = SftRecord | PreferenceRecord


@dataclass(frozen=True, slots=True)
class Question:
    """The text of a CVQA record, taken apart."""

    question: str
    options: tuple[str, ...]


def parse_question(text: str) -> Question | None:
    """Question and options of a CVQA record's text, None if it is another text."""
    match = _QUESTION.fullmatch(text)
    if match is None:
        return None
    return Question(match["question"], tuple(_OPTION.findall(match["options"])))


def training_files(root: Path) -> tuple[list[TrainingFile], list[str]]:
    """The training files of a copy of CROSS, and the paths of those that it lacks."""
    there = [file for file in FILES if (root / file.path).is_file()]
    absent = [file.path for file in FILES if file not in there]
    preferences = sorted((root / PREFERENCE_FOLDER).glob("*.jsonl"))
    if not preferences:
        absent.append(f"{PREFERENCE_FOLDER}/*.jsonl")
    for path in preferences:
        part: Part = "exclusive" if "exclusive" in path.stem else "overlapped"
        there.append(TrainingFile(f"{PREFERENCE_FOLDER}/{path.name}", "dpo", part))
    return there, absent


def read_lines(root: Path, file: TrainingFile) -> Iterator[tuple[int, Record]]:
    """Line number and record, one after another.

    Raises:
        DataError: the line and the field that are not in the shape of their kind.
    """
    model: type[SftRecord] | type[PreferenceRecord] = SftRecord if file.kind == "sft" else PreferenceRecord
    for number, line in _lines(root, file):
        place = f"{file.path}, line {number}"
        record = _validated(model, line, place)
        _require_roles(record, place)
        yield number, record


def _lines(root: Path, file: TrainingFile) -> Iterator[tuple[int, bytes]]:
    try:
        yield from outside.read_lines(root / file.path)
    except (OSError, ValueError) as error:
        raise DataError(f"{file.path} can't be read ({error}); get the file anew.") from None


def _validated(model: type[SftRecord] | type[PreferenceRecord], line: bytes, place: str) -> Record:
    try:
        content: dict[str, Any] = outside.parse_json(line.decode("utf-8"))
        with outside.depth_told():
            json.dumps(content, ensure_ascii=False).encode("utf-8")  # half of a surrogate pair is no text
        return model.model_validate(content)
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(map(str, first["loc"]))
        raise DataError(f"{place}: {field}: {first['msg']}; this is not the shape of a training file.") from None
    except ValueError:
        raise DataError(f"{place} is not JSON in UTF-8; get the file anew.") from None


def _require_roles(record: Record, place: str) -> None:
    if isinstance(record, SftRecord):
        answers = [record.messages[-1]]
    else:
        answers = record.preferred_output + record.non_preferred_output
    if record.prompt[-1].role != "user" or any(answer.role != "assistant" for answer in answers):
        raise DataError(f"{place}: a user's turn and then the assistant's must end the conversation.")
    if not all(answer.text.strip() for answer in answers):
        raise DataError(f"{place}: an answer is empty.")
