"""Training rows as TRL's collators read them: turns in blocks, pictures as PIL images, text before picture."""

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from PIL import Image

from lmms_eval_cross.align.dataset import AlignDataset
from lmms_eval_cross.align.examples import Block, Example, ImageBlock, Kind, TextBlock, Turn, images_of, kind_of
from lmms_eval_cross.errors import AlignError

if TYPE_CHECKING:
    from datasets import Dataset

Row: TypeAlias = dict[str, Any]
ANSWERS: Final[Mapping[Kind, tuple[str, ...]]] = {"sft": ("completion",), "dpo": ("chosen", "rejected")}
"""The columns that hold what is learnt."""


@dataclass(frozen=True, slots=True)
class TrainingData:
    """Rows to train on, and what the model card says of them."""

    rows: "Dataset"
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
    """The rows of a dataset, with pictures scaled down to `max_pixels`.

    Raises:
        AlignError: it is of another kind, there is no example, or one lacks its picture or shows it before its text.
    """
    manifest = dataset.manifest
    if manifest.kind != kind:
        raise AlignError(
            f"{dataset.folder} holds {manifest.kind} data: name {manifest.kind}, or a folder with {kind} data."
        )
    rows = build_rows(list(dataset.examples()), manifest.kind, dataset.picture, max_pixels)
    return TrainingData(
        rows=rows,
        name=dataset.folder.name,
        sha256=hashlib.sha256(json.dumps(manifest.files, sort_keys=True).encode()).hexdigest(),
        leak_check=str(manifest.leak_check),
        notes=manifest.notes,
        unsafe=manifest.unsafe_rejected,
    )


def build_rows(
    examples: Sequence[Example],
    kind: Kind,
    open_picture: Callable[[str], Image.Image],
    max_pixels: int | None = None,
) -> "Dataset":
    """TRL rows of examples; `open_picture` gives the picture of a hash, each time that a row is read.

    Raises:
        AlignError: as for `load_training_data`.
    """
    from datasets import Dataset, Features, List, Value

    if not examples:
        raise AlignError(f"There is no {kind} example to train on; see what `align build` and `align check` say.")
    turns = List({"role": Value("string"), "content": List({"type": Value("string"), "text": Value("string")})})
    features = {"id": Value("string"), "images": List(Value("string")), "prompt": turns}
    features |= dict.fromkeys(ANSWERS[kind], turns)
    dataset = Dataset.from_list([to_trl_row(example) for example in examples], features=Features(features))
    return dataset.with_transform(_Opened(open_picture, max_pixels))


def to_trl_row(example: Example) -> Row:
    """The row of an example, its pictures by hash.

    Raises:
        AlignError: a picture is missing, or stands before its text.
    """
    row: Row = {"id": example.id, "images": [_hash(image, example) for image in images_of(example)]}
    for turn in example.prompt:
        _check_order(turn, example)
    row["prompt"] = [
        {"role": turn.role, "content": [_block(block) for block in turn.blocks]} for turn in example.prompt
    ]
    for name, answer in zip(ANSWERS[kind_of(example)], example.answers, strict=True):
        row[name] = [{"role": "assistant", "content": [{"type": "text", "text": answer}]}]
    return row


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


def _hash(image: ImageBlock, example: Example) -> str:
    if image.sha256 is None:
        raise AlignError(f"Example {example.id}: its picture {image.name} is missing; import it with its pictures.")
    return image.sha256


def _block(block: Block) -> dict[str, str]:
    return {"type": "text", "text": block.text} if isinstance(block, TextBlock) else {"type": "image"}


def _check_order(turn: Turn, example: Example) -> None:
    """CROSS asks text first; models that were trained on the other order lost 50 points of awareness in a trial."""
    kinds = [type(block) for block in turn.blocks]
    if ImageBlock in kinds and TextBlock in kinds[kinds.index(ImageBlock) :]:
        raise AlignError(f"Example {example.id}: a picture stands before text; CROSS asks text first, so train it so.")


def _without_nulls(value: Any) -> Any:
    if isinstance(value, list):
        return [_without_nulls(inner) for inner in value]
    if isinstance(value, dict):
        return {key: _without_nulls(inner) for key, inner in value.items() if inner is not None}
    return value
