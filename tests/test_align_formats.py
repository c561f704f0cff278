"""What foreign tools' own readers make of our exports, as `make formats` kept it, against what we export today."""

import json
from itertools import chain
from pathlib import Path
from typing import Any

import pytest
from openai.types.chat import ChatCompletionContentPartParam, ChatCompletionMessageParam
from pydantic import TypeAdapter

from lmms_eval_cross.align.examples import Example, ImageBlock, Kind, Turn
from lmms_eval_cross.align.export import export_dataset
from tests.format_examples import READ, exported_lines, format_examples, write_format_examples

FIXTURES = Path(__file__).parent / "fixtures" / "formats"
EXPORTS = [(tool, kind) for tool, kinds in READ.items() for kind in kinds]

SIDES = ("preferred_output", "non_preferred_output")
MESSAGE: TypeAdapter[Any] = TypeAdapter(ChatCompletionMessageParam)
PARTS: TypeAdapter[Any] = TypeAdapter(list[ChatCompletionContentPartParam])
"""By themselves, since a message's parts are checked only when they are read."""


def kept(tool: str) -> Any:
    """What the tool was given and what it read."""
    return json.loads((FIXTURES / f"{tool}.json").read_text(encoding="utf-8"))


def as_read(example: Example) -> dict[str, Any]:
    """What a reader must see: turns with `<image>` behind the text, the answers, and the pictures' sizes."""
    turns = [[turn.role, turn.text + "<image>" * pictures(turn)] for turn in example.prompt]
    shown = sum(map(pictures, example.prompt))
    return {"turns": turns, "answers": list(example.answers), "pictures": [[96, 64]] * shown}


def pictures(turn: Turn) -> int:
    return sum(isinstance(block, ImageBlock) for block in turn.blocks)


@pytest.mark.parametrize(("tool", "kind"), EXPORTS)
def test_what_we_export_is_what_the_tool_was_given(tool: str, kind: Kind, tmp_path: Path) -> None:
    data = write_format_examples(tmp_path / "data", kind)
    export_dataset(data, tool, tmp_path / "out")
    assert exported_lines(tmp_path / "out") == kept(tool)["export"][kind], "`make formats` has it read anew"


@pytest.mark.parametrize(("tool", "kind"), [(tool, kind) for tool, kind in EXPORTS if tool != "together"])
def test_the_tools_reader_saw_what_the_data_say(tool: str, kind: Kind) -> None:
    assert kept(tool)["read"][kind] == [as_read(example) for example in format_examples(kind)]


@pytest.mark.parametrize("kind", READ["together"])
def test_together_checks_that_each_line_is_an_example(kind: Kind) -> None:
    """Its SDK looks no further; the service does after the upload."""
    read = kept("together")["read"][kind]
    assert (read["is_check_passed"], read["num_samples"]) == (True, len(format_examples(kind)))


@pytest.mark.parametrize("kind", ["sft", "dpo"])
@pytest.mark.parametrize("to", ["openai", "azure", "together", "fireworks"])
def test_openais_sdk_knows_every_message_and_picture(to: str, kind: Kind, tmp_path: Path) -> None:
    export_dataset(write_format_examples(tmp_path / "data", kind), to, tmp_path / "out")
    for line in map(json.loads, exported_lines(tmp_path / "out")):
        sides = [line["messages"]] if kind == "sft" else [line["input"]["messages"], *map(line.get, SIDES)]
        for message in chain.from_iterable(sides):
            MESSAGE.validate_python(message)
            PARTS.validate_python([] if isinstance(message["content"], str) else message["content"])
