"""Training rows as TRL's collators read them: turns in blocks, pictures as PIL images, text before picture."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from PIL import Image

from lmms_eval_cross.align.preset import Stage
from lmms_eval_cross.errors import DataError

if TYPE_CHECKING:
    from datasets import Dataset

ANSWERS: Final[Mapping[Stage, tuple[str, ...]]] = {"sft": ("completion",), "dpo": ("chosen", "rejected")}
"""The columns that hold what is learnt."""


@dataclass(frozen=True, slots=True)
class TrainingData:
    """Rows to train on, and what the model card says of them."""

    rows: "Dataset"
    """Columns: id, images, prompt, and those of ANSWERS."""
    name: str
    sha256: str
    """Of the data, not of the file; a resumed run must find the same."""
    check: str
    """What the leak check said, in words."""
    unsafe: bool = False
    """Rejected answers are in it."""


def build_rows(rows: Iterable[Mapping[str, Any]], stage: Stage, max_pixels: int | None = None) -> "Dataset":
    """A Dataset of TRL rows whose `images` are paths; pictures are opened, upright and RGB, when a row is read.

    Raises:
        DataError: there is no row, or one shows a picture before its text.
    """
    from datasets import Dataset, Features, Image, List, Value

    turns = List({"role": Value("string"), "content": List({"type": Value("string"), "text": Value("string")})})
    features = {"id": Value("string"), "images": List(Image(mode="RGB")), "prompt": turns}
    features |= dict.fromkeys(ANSWERS[stage], turns)
    given = [{name: row[name] for name in features} for row in rows]
    if not given:
        raise DataError(f"There is no {stage} example to train on; see what `align build` and `align check` say.")
    for row in given:
        check_order(row)
    dataset = Dataset.from_list(given, features=Features(features))
    return dataset.with_transform(lambda batch: _ready(batch, max_pixels))


def check_order(row: Mapping[str, Any]) -> None:
    """Refuse a picture before text: CROSS asks text first, and the other order cost 50 points of awareness in a trial.

    Raises:
        DataError: a turn has text after a picture, or content that is not in blocks.
    """
    for turn in row["prompt"]:
        if isinstance(turn["content"], str):
            raise DataError(f"Example {row['id']}: content must stand in blocks, for TRL puts a picture before a string.")
        kinds = [block["type"] for block in turn["content"]]
        if "image" in kinds and "text" in kinds[kinds.index("image") :]:
            raise DataError(f"Example {row['id']}: a picture stands before its text; CROSS asks text first, so train so.")


def _ready(batch: dict[str, list[Any]], max_pixels: int | None) -> dict[str, list[Any]]:
    """Without the nulls that Arrow puts into blocks, and with pictures of at most `max_pixels`."""
    ready = {}
    for name, values in batch.items():
        if name == "images":
            ready[name] = [[_within(picture, max_pixels) for picture in pictures] for pictures in values]
        else:
            ready[name] = [_without_nulls(value) for value in values]
    return ready


def _within(picture: Image.Image, max_pixels: int | None) -> Image.Image:
    if max_pixels is None or picture.width * picture.height <= max_pixels:
        return picture
    share = (max_pixels / (picture.width * picture.height)) ** 0.5
    return picture.resize((max(1, int(picture.width * share)), max(1, int(picture.height * share))))


def _without_nulls(value: Any) -> Any:
    if isinstance(value, list):
        return [_without_nulls(inner) for inner in value]
    if isinstance(value, dict):
        return {key: _without_nulls(inner) for key, inner in value.items() if inner is not None}
    return value
