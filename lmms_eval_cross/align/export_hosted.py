"""The JSON lines that hosted fine-tuning takes: chat messages, pictures as base64, and each service's limits."""

import base64
import io
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from lmms_eval_cross.align.conversation import Conversation, Conversations
from lmms_eval_cross.align.dataset import AlignDataset
from lmms_eval_cross.align.examples import SftExample, TextBlock, Turn
from lmms_eval_cross.data.images import StoredImage, open_image, upright_rgb
from lmms_eval_cross.errors import AlignError


@dataclass(frozen=True, slots=True)
class Hosted:
    """What a service takes."""

    name: str
    least_examples: int
    most_images: int
    """Of one example."""
    most_bytes: int
    """Of one picture's file."""
    mimes: tuple[str, ...]
    """Other pictures are sent as PNG."""
    images_in_pairs: bool = False


_WEB: Final = ("image/png", "image/jpeg", "image/webp")
_OLD: Final = ("image/png", "image/jpeg")
_10_MB: Final = 10 * 1024 * 1024
HOSTED: Final = {
    "openai": Hosted("openai", 10, 10, _10_MB, _WEB),
    "azure": Hosted("azure", 10, 64, _10_MB, _WEB),
    "together": Hosted("together", 1, 10, _10_MB, _WEB, images_in_pairs=True),
    "fireworks": Hosted("fireworks", 3, 64, _10_MB, _OLD),
}
"""As their documentation said in November 2026. Together and Fireworks name no limit of bytes that we know of, and
Fireworks none of pictures; the others' are taken for them."""
NAMES: Final = {"sft": "train.jsonl", "dpo": "train_pairs_with_unsafe_rejected.jsonl"}
"""The services refuse keys that they don't know, so that the file's name must say what it holds."""


def write_hosted(conversations: Conversations, folder: Path, to: Hosted) -> int:
    """Write the one file; what the service would refuse is left out and counted.

    Raises:
        AlignError: fewer examples are left than the service takes.
    """
    count = 0
    with (folder / NAMES[conversations.data.manifest.kind]).open("w", encoding="utf-8") as lines:
        for conversation in conversations:
            refusal, images = _images(conversation, conversations.data, to)
            if refusal:
                conversations.left_out[refusal] += 1
                continue
            lines.write(json.dumps(_line(conversation, images), ensure_ascii=False) + "\n")
            count += 1
    if 0 < count < to.least_examples:
        raise AlignError(f"{to.name} takes {to.least_examples} examples or more, and only {count} are left.")
    return count


def _images(conversation: Conversation, data: AlignDataset, to: Hosted) -> tuple[str | None, list[StoredImage]]:
    """Why the service would refuse the example, if it would, and its pictures as it takes them."""
    is_pair = not isinstance(conversation.example, SftExample)
    if is_pair and conversation.images and not to.images_in_pairs:
        return f"{to.name} takes pairs of texts alone", []
    if len(conversation.images) > to.most_images:
        return f"more than {to.most_images} pictures", []
    images = [_as_taken(data.image(name), to) for name in conversation.images]
    if any(len(image.data) > to.most_bytes for image in images):
        return f"a picture of more than {to.most_bytes >> 20} MB", []
    return None, images


def _as_taken(image: StoredImage, to: Hosted) -> StoredImage:
    if image.mime in to.mimes:
        return image
    data = io.BytesIO()
    with open_image(image.data) as picture:
        upright_rgb(picture).save(data, "PNG")
    return StoredImage(image.sha256, "image/png", data.getvalue())


def _line(conversation: Conversation, images: list[StoredImage]) -> dict[str, Any]:
    urls = iter([_data_url(image) for image in images])
    messages = [{"role": turn.role, "content": _content(turn, urls)} for turn in conversation.prompt]
    if isinstance(conversation.example, SftExample):
        return {"messages": [*messages, _answer(conversation.completion)]}
    pair = conversation.pair
    return {
        "input": {"messages": messages},
        "preferred_output": [_answer(pair.chosen)],
        "non_preferred_output": [_answer(pair.rejected)],
    }


def _content(turn: Turn, urls: Iterator[str]) -> str | list[dict[str, Any]]:
    if all(isinstance(block, TextBlock) for block in turn.blocks):
        return turn.text
    parts: list[dict[str, Any]] = []
    for block in turn.blocks:
        if isinstance(block, TextBlock):
            parts.append({"type": "text", "text": block.text})
        else:
            parts.append({"type": "image_url", "image_url": {"url": next(urls)}})
    return parts


def _answer(text: str) -> dict[str, str]:
    return {"role": "assistant", "content": text}


def _data_url(image: StoredImage) -> str:
    return f"data:{image.mime};base64,{base64.b64encode(image.data).decode('ascii')}"
