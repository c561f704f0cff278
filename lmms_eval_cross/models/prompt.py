"""What a request of lmms-eval asks, as texts and picture files in their order."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

from PIL import Image

from lmms_eval_cross.data.images import StoredImage, as_png, check_image
from lmms_eval_cross.errors import GenerationError
from lmms_eval_cross.text import sendable

Part: TypeAlias = str | StoredImage


@dataclass(frozen=True, slots=True)
class PromptTurn:
    """One message."""

    role: str
    parts: tuple[Part, ...]


def read_messages(messages: Iterable[Mapping[str, Any]]) -> list[PromptTurn]:
    """lmms-eval's chat messages.

    Raises:
        GenerationError: a part is neither text nor picture.
    """
    turns: list[PromptTurn] = []
    for message in messages:
        content = message["content"]
        if isinstance(content, str):
            content = [{"type": "text", "text": content}]
        turns.append(PromptTurn(message["role"], tuple(map(_part, content))))
    return turns


def _part(part: Mapping[str, Any]) -> Part:
    if part["type"] == "text":
        return sendable(part["text"])
    if part["type"] == "image":
        return _picture(part["url"])
    kind = part["type"]
    raise GenerationError(f"cross_api sends text and pictures, and a task asks with {kind}; leave the task away.")


def _picture(picture: Any) -> StoredImage:
    """The bytes of a file as they are; only a picture that has no file is encoded, as PNG without loss."""
    if isinstance(picture, StoredImage):
        return picture
    if isinstance(picture, str | Path):
        return check_image(Path(picture), str(picture))
    if isinstance(picture, Image.Image):
        return as_png(picture)
    raise GenerationError(f"A task asks with a picture of type {type(picture).__name__}; give one of Pillow's.")
