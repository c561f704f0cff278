"""Examples as rows of Parquet, one schema for both kinds; `datasets.load_dataset("parquet")` reads them."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any, Final

import pyarrow as pa

from lmms_eval_cross.align.examples import (
    Block,
    Example,
    ImageBlock,
    Origin,
    PreferencePair,
    Scores,
    SftExample,
    TextBlock,
    Turn,
    kind_of,
)

_BLOCK: Final = pa.struct(
    [("type", pa.string()), ("text", pa.string()), ("sha256", pa.string()), ("name", pa.string())]
)
_TURN: Final = pa.struct([("role", pa.string()), ("blocks", pa.list_(_BLOCK))])
_SCORES: Final = pa.struct(
    [(name, pa.string() if name == "judge" else pa.int8()) for name in Scores.__dataclass_fields__]
)
_ORIGIN: Final = [(name, pa.int64() if name == "line" else pa.string()) for name in Origin.__dataclass_fields__]

EXAMPLE_SCHEMA: Final = pa.schema(
    [
        ("id", pa.string()),
        ("kind", pa.string()),
        ("prompt", pa.list_(_TURN)),
        ("completion", pa.string()),
        ("chosen", pa.string()),
        ("rejected", pa.string()),
        ("rejected_is_unsafe", pa.bool_()),
        ("contrast", pa.string()),
        ("lengths_differ", pa.bool_()),
        ("verdicts", _SCORES),
        ("chosen_verdicts", _SCORES),
        ("rejected_verdicts", _SCORES),
        *_ORIGIN,
    ]
)
"""`completion` and `verdicts` are null in pairs, the columns from `chosen` on in SFT examples."""

IMAGE_SCHEMA: Final = pa.schema(
    [
        ("sha256", pa.string()),
        ("bytes", pa.binary()),
        ("mime", pa.string()),
        ("width", pa.int32()),
        ("height", pa.int32()),
    ]
)
"""Width and height in pixels, as the picture is shown (turned by its EXIF tag)."""


def to_row(example: Example) -> dict[str, Any]:
    """The row of an example."""
    shared = {"id": example.id, "kind": kind_of(example), "prompt": [_turn_row(turn) for turn in example.prompt]}
    return shared | _answers_row(example) | asdict(example.origin)


def from_row(row: Mapping[str, Any]) -> Example:
    """The example of a row; other columns are passed over."""
    prompt = tuple(Turn(turn["role"], tuple(_block(block) for block in turn["blocks"])) for turn in row["prompt"])
    origin = Origin(**{name: row[name] for name in Origin.__dataclass_fields__})
    if row["kind"] == "sft":
        return SftExample(prompt, row["completion"], origin, _scores(row["verdicts"]))
    return PreferencePair(
        prompt,
        row["chosen"],
        row["rejected"],
        row["contrast"],
        origin,
        _scores(row["chosen_verdicts"]),
        _scores(row["rejected_verdicts"]),
    )


def _answers_row(example: Example) -> dict[str, Any]:
    if isinstance(example, SftExample):
        return {"completion": example.completion, "verdicts": _scores_row(example.verdicts)}
    return {
        "chosen": example.chosen,
        "rejected": example.rejected,
        "rejected_is_unsafe": True,
        "contrast": example.contrast,
        "lengths_differ": example.lengths_differ,
        "chosen_verdicts": _scores_row(example.chosen_verdicts),
        "rejected_verdicts": _scores_row(example.rejected_verdicts),
    }


def _turn_row(turn: Turn) -> dict[str, Any]:
    return {"role": turn.role, "blocks": [_block_row(block) for block in turn.blocks]}


def _block_row(block: Block) -> dict[str, Any]:
    if isinstance(block, TextBlock):
        return {"type": "text", "text": block.text}
    return {"type": "image", "sha256": block.sha256, "name": block.name}


def _block(row: Mapping[str, Any]) -> Block:
    return TextBlock(row["text"]) if row["type"] == "text" else ImageBlock(row["sha256"], row["name"])


def _scores_row(scores: Scores | None) -> dict[str, Any] | None:
    return None if scores is None else asdict(scores)


def _scores(row: Mapping[str, Any] | None) -> Scores | None:
    return None if row is None else Scores(**row)
