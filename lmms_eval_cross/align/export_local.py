"""The formats of trainers that run on one's own machines; pictures lie beside the data as files.

Facts about the formats are the tools' own: TRL 1.16, LLaMA-Factory 0.9.5, ms-swift 4.6, Axolotl 0.19, InternVL's MPO.
"""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import pyarrow.parquet as pq

from lmms_eval_cross.align.conversation import (
    Conversation,
    Conversations,
    has_placeholder,
    text_with_placeholders,
)
from lmms_eval_cross.align.dataset import AlignDataset
from lmms_eval_cross.align.examples import SftExample, TextBlock, Turn

UNSAFE: Final = "rejected_is_unsafe"
NAMES: Final = {"sft": "train", "dpo": "train_pairs_with_unsafe_rejected"}
"""Of the data file, without its ending; `datasets` takes a folder's file by the word `train`."""
_ENDINGS: Final = {"image/png": "png", "image/jpeg": "jpg", "image/webp": "webp", "image/gif": "gif"}
_ROWS: Final = 64
"""Of a batch of TRL's Parquet, whose rows hold pictures."""
Line = Callable[[Conversation, list[str]], dict[str, Any]]
"""The JSON of a conversation whose pictures lie at these paths."""


def write_trl(conversations: Conversations, folder: Path) -> int:
    """Parquet with `prompt`, `completion` or `chosen` and `rejected` in blocks, and `images`, which may be empty.

    In blocks the order of text and picture is kept; a plain string would put the picture first.
    """
    from datasets import Features, Image, List, Value  # loads pandas, which exports of JSON lines do not need

    block = {"type": Value("string"), "text": Value("string")}
    turns = List({"role": Value("string"), "content": List(block)})
    kind = conversations.data.manifest.kind
    answers = ["completion"] if kind == "sft" else ["chosen", "rejected"]
    columns = {"prompt": turns, **dict.fromkeys(answers, turns), "images": List(Image())}
    if kind == "dpo":
        columns[UNSAFE] = Value("bool")
    schema = Features(columns).arrow_schema
    rows = (_trl_row(conversation, conversations.data) for conversation in conversations)
    return _write_parquet(rows, folder / f"{NAMES[kind]}.parquet", schema)


def write_llamafactory(conversations: Conversations, folder: Path) -> int:
    """JSON lines with `<image>` in the text, and the dataset_info.json that describes them."""
    kind = conversations.data.manifest.kind
    columns = {"messages": "messages", "images": "images"}
    info: dict[str, Any] = {"file_name": f"{NAMES[kind]}.jsonl", "formatting": "sharegpt", "columns": columns}
    if kind == "dpo":
        info |= {"ranking": True, "columns": columns | {"chosen": "chosen", "rejected": "rejected"}}
    tags = {"role_tag": "role", "content_tag": "content", "user_tag": "user"}
    info["tags"] = tags | {"assistant_tag": "assistant", "system_tag": "system"}
    described = json.dumps({"cross_align": info}, indent=1) + "\n"
    (folder / "dataset_info.json").write_text(described, encoding="utf-8")
    return _write_lines(conversations, folder, _llamafactory_line, placeholders=True)


def write_ms_swift(conversations: Conversations, folder: Path) -> int:
    """JSON lines; start ms-swift in this folder, or set ROOT_IMAGE_DIR to it, for it to find the pictures."""
    return _write_lines(conversations, folder, _ms_swift_line, placeholders=True)


def write_axolotl(conversations: Conversations, folder: Path) -> int:
    """JSON lines in blocks, and the part of Axolotl's configuration that reads them."""
    config = (
        "# start Axolotl in this folder, for it to find the pictures\n"
        "datasets:\n"
        f"  - path: {NAMES['sft']}.jsonl\n"
        "    type: chat_template\n"
        "    field_messages: messages\n"
        "processor_type: AutoProcessor\n"
        "skip_prepare_dataset: true\n"
        "remove_unused_columns: false\n"
        "sample_packing: false  # refused for pictures\n"
    )
    (folder / "axolotl.yml").write_text(config, encoding="utf-8")
    return _write_lines(conversations, folder, _axolotl_line)


def write_internvl(conversations: Conversations, folder: Path) -> int:
    """JSON lines as InternVL's preference optimisation (MPO) reads them: one question a pair, no earlier turns."""
    return _write_lines(conversations, folder, _internvl_line, placeholders=True, one_turn=True)


def _trl_row(conversation: Conversation, data: AlignDataset) -> dict[str, Any]:
    example = conversation.example
    pictures = [{"bytes": data.image(name).data, "path": None} for name in conversation.images]
    row = {"prompt": [_trl_turn(turn) for turn in conversation.prompt], "images": pictures}
    if isinstance(example, SftExample):
        return row | {"completion": _trl_answer(example.completion)}
    return row | {"chosen": _trl_answer(example.chosen), "rejected": _trl_answer(example.rejected), UNSAFE: True}


def _trl_turn(turn: Turn) -> dict[str, Any]:
    return {"role": turn.role, "content": [_trl_block(block) for block in turn.blocks]}


def _trl_block(block: object) -> dict[str, str]:
    return {"type": "text", "text": block.text} if isinstance(block, TextBlock) else {"type": "image"}


def _trl_answer(text: str) -> list[dict[str, Any]]:
    return [{"role": "assistant", "content": [{"type": "text", "text": text}]}]


def _llamafactory_line(conversation: Conversation, paths: list[str]) -> dict[str, Any]:
    line: dict[str, Any] = {"messages": _messages(conversation), "images": paths}
    if isinstance(conversation.example, SftExample):
        line["messages"].append(_answer(conversation.completion))
        return line
    pair = conversation.pair
    return line | {"chosen": _answer(pair.chosen), "rejected": _answer(pair.rejected), UNSAFE: True}


def _ms_swift_line(conversation: Conversation, paths: list[str]) -> dict[str, Any]:
    messages = [*_messages(conversation), _answer(conversation.completion)]
    line: dict[str, Any] = {"messages": messages, "images": paths}
    if isinstance(conversation.example, SftExample):
        return line
    return line | {"rejected_response": conversation.pair.rejected, UNSAFE: True}


def _axolotl_line(conversation: Conversation, paths: list[str]) -> dict[str, Any]:
    left = iter(paths)
    messages = [_axolotl_turn(turn, left) for turn in conversation.prompt]
    answer = {"role": "assistant", "content": [{"type": "text", "text": conversation.completion}]}
    return {"messages": [*messages, answer]}


def _axolotl_turn(turn: Turn, paths: Iterator[str]) -> dict[str, Any]:
    content: list[dict[str, str]] = []
    for block in turn.blocks:
        if isinstance(block, TextBlock):
            content.append({"type": "text", "text": block.text})
        else:
            content.append({"type": "image", "path": next(paths)})
    return {"role": turn.role, "content": content}


def _internvl_line(conversation: Conversation, paths: list[str]) -> dict[str, Any]:
    pair = conversation.pair
    line: dict[str, Any] = {"question": text_with_placeholders(conversation.prompt[-1])}
    if paths:
        line["image"] = paths[0] if len(paths) == 1 else paths
    return line | {"chosen": pair.chosen, "rejected": pair.rejected, UNSAFE: True}


def _messages(conversation: Conversation) -> list[dict[str, str]]:
    return [{"role": turn.role, "content": text_with_placeholders(turn)} for turn in conversation.prompt]


def _answer(text: str) -> dict[str, str]:
    return {"role": "assistant", "content": text}


def _write_lines(
    conversations: Conversations, folder: Path, line: Line, placeholders: bool = False, one_turn: bool = False
) -> int:
    """Write the data file and the pictures that it names; what the format can't hold is counted."""
    count = 0
    files = _PictureFiles(conversations.data, folder)
    path = folder / f"{NAMES[conversations.data.manifest.kind]}.jsonl"
    with path.open("w", encoding="utf-8") as lines:
        for conversation in conversations:
            if placeholders and has_placeholder(conversation):
                conversations.left_out["its text has `<image>`, which would be taken for a picture"] += 1
            elif one_turn and len(conversation.prompt) > 1:
                conversations.left_out["it has earlier turns"] += 1
            else:
                content = line(conversation, [files.path(name) for name in conversation.images])
                lines.write(json.dumps(content, ensure_ascii=False) + "\n")
                count += 1
    return count


class _PictureFiles:
    """The pictures of an export as files, each written when it is first shown."""

    def __init__(self, data: AlignDataset, folder: Path) -> None:
        self._data, self._folder = data, folder
        self._paths: dict[str, str] = {}

    def path(self, sha256: str) -> str:
        """Where the picture lies in the folder."""
        if sha256 not in self._paths:
            image = self._data.image(sha256)
            self._paths[sha256] = f"images/{sha256[:32]}.{_ENDINGS[image.mime]}"
            (self._folder / "images").mkdir(exist_ok=True)
            (self._folder / self._paths[sha256]).write_bytes(image.data)
        return self._paths[sha256]


def _write_parquet(rows: Iterator[dict[str, Any]], path: Path, schema: pa.Schema) -> int:
    count = 0
    batch: list[dict[str, Any]] = []
    with pq.ParquetWriter(path, schema) as writer:
        for row in rows:
            batch.append(row)
            count += 1
            if len(batch) == _ROWS:
                writer.write_table(pa.Table.from_pylist(batch, schema=schema))
                batch = []
        if batch:
            writer.write_table(pa.Table.from_pylist(batch, schema=schema))
    return count
