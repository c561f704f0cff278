"""Training rows as TRL's collators read them: turns in blocks, pictures as PIL images, text before picture."""

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

from datasets import Dataset, Features, List, Value
from PIL import Image

from lmms_eval_cross.align.conversation import Conversation, Conversations
from lmms_eval_cross.align.dataset import AlignDataset
from lmms_eval_cross.align.examples import Block, Kind, TextBlock, kind_of
from lmms_eval_cross.errors import AlignError

Row: TypeAlias = dict[str, Any]
ANSWERS: Final[Mapping[Kind, tuple[str, ...]]] = {"sft": ("completion",), "dpo": ("chosen", "rejected")}
"""The columns that hold what is learnt."""


@dataclass(frozen=True, slots=True)
class TrainingData:
    """Rows to train on, and what the model card says of them."""

    rows: Dataset
    """Columns: id, images, prompt, and those of ANSWERS; pictures are opened when a row is read."""
    name: str
    sha256: str
    """Of the files' hashes in the manifest; a resumed run must find the same."""
    leak_check: str
    """What the leak check said, in words."""
    notes: tuple[str, ...] = ()
    """What everything made from the data must say."""
    unsafe: bool = False
    """Answers that are unsafe on purpose are in it."""


def load_training_data(dataset: AlignDataset, kind: Kind, max_pixels: int | None = None) -> TrainingData:
    """The rows of a dataset, as `align export --to trl` writes them, with pictures scaled down to `max_pixels`.

    Raises:
        AlignError: it is of another kind, or no example can be trained on.
    """
    manifest = dataset.manifest
    if manifest.kind != kind:
        raise AlignError(
            f"{dataset.folder} holds {manifest.kind} data: name {manifest.kind}, or a folder of {kind} data."
        )
    conversations = Conversations(dataset)
    rows = build_rows([to_trl_row(conversation) for conversation in conversations], kind, dataset.picture, max_pixels)
    return TrainingData(
        rows=rows,
        name=dataset.folder.name,
        sha256=hashlib.sha256(json.dumps(manifest.files, sort_keys=True).encode()).hexdigest(),
        leak_check=str(manifest.leak_check),
        notes=(*manifest.notes, *_counts(conversations)),
        unsafe=manifest.unsafe_rejected,
    )


def build_rows(
    rows: Sequence[Row],
    kind: Kind,
    open_picture: Callable[[str], Image.Image],
    max_pixels: int | None = None,
) -> Dataset:
    """A Dataset of TRL rows; `open_picture` gives the picture of a hash, each time that a row is read.

    Raises:
        AlignError: there is no row.
    """
    if not rows:
        raise AlignError(f"There is no {kind} example to train on; see what `align build` and `align check` say.")
    turns = List({"role": Value("string"), "content": List({"type": Value("string"), "text": Value("string")})})
    features = {"id": Value("string"), "images": List(Value("string")), "prompt": turns}
    features |= dict.fromkeys(ANSWERS[kind], turns)
    dataset = Dataset.from_list(list(rows), features=Features(features))
    return dataset.with_transform(_Opened(open_picture, max_pixels))


def to_trl_row(conversation: Conversation) -> Row:
    """The row of a conversation, its pictures by hash."""
    example = conversation.example
    prompt = [{"role": turn.role, "content": [_block(block) for block in turn.blocks]} for turn in conversation.prompt]
    row: Row = {"id": example.id, "images": conversation.images, "prompt": prompt}
    for name, answer in zip(ANSWERS[kind_of(example)], example.answers, strict=True):
        row[name] = [{"role": "assistant", "content": [{"type": "text", "text": answer}]}]
    return row


def _counts(conversations: Conversations) -> list[str]:
    """What was changed or left out on the way to the trainer."""
    changed = [f"{count} example(s) changed for training: {what}" for what, count in conversations.changed.items()]
    left = [f"{count} example(s) not trained on: {why}" for why, count in conversations.left_out.items()]
    return [*changed, *left]


class _Opened:
    """Rows with their pictures opened, and without the nulls that Arrow puts into blocks."""

    def __init__(self, open_picture: Callable[[str], Image.Image], max_pixels: int | None) -> None:
        self.open_picture = open_picture
        self.max_pixels = max_pixels

    def __call__(self, batch: dict[str, list[Any]]) -> dict[str, list[Any]]:
        """What TRL reads of a batch of rows."""
        ready = {name: [_without_nulls(value) for value in values] for name, values in batch.items()}
        if "images" in batch:
            ready["images"] = [[self._picture(sha256) for sha256 in hashes] for hashes in batch["images"]]
        return ready

    def _picture(self, sha256: str) -> Image.Image:
        return within(self.open_picture(sha256), self.max_pixels)


def within(picture: Image.Image, max_pixels: int | None) -> Image.Image:
    """The picture, scaled down to an area of at most `max_pixels`."""
    area = picture.width * picture.height
    if max_pixels is None or area <= max_pixels:
        return picture
    share = (max_pixels / area) ** 0.5
    return picture.resize((max(1, int(picture.width * share)), max(1, int(picture.height * share))))


def _block(block: Block) -> dict[str, str]:
    return {"type": "text", "text": block.text} if isinstance(block, TextBlock) else {"type": "image"}


def _without_nulls(value: Any) -> Any:
    if isinstance(value, list):
        return [_without_nulls(inner) for inner in value]
    if isinstance(value, dict):
        return {key: _without_nulls(inner) for key, inner in value.items() if inner is not None}
    return value
