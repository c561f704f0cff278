"""What the model is shown: the query alone, and the image."""

from typing import Any

from PIL import Image

from lmms_eval_cross import session
from lmms_eval_cross.benchmark.records import Sample
from lmms_eval_cross.benchmark.splits import split_of
from lmms_eval_cross.data.images import StoredImage
from lmms_eval_cross.data.originals import originals_are_wanted


def doc_to_visual(doc: dict[str, Any]) -> list[Image.Image]:
    """The sample's picture: upright, RGB, full size."""
    sample = Sample.from_row(doc)
    return [session.data_for(split_of(sample)).images.open(sample.image_sha256)]


def doc_to_text(doc: dict[str, Any]) -> str:
    """The query and nothing around it, as released; in the multilingual tasks it is the translation."""
    return str(doc["query"])


def doc_to_messages(doc: dict[str, Any]) -> list[dict[str, Any]]:
    """One user message, text before image as released."""
    image = _original(doc) if originals_are_wanted() else doc_to_visual(doc)[0]
    return [{"role": "user", "content": [{"type": "text", "text": doc_to_text(doc)}, {"type": "image", "url": image}]}]


def _original(doc: dict[str, Any]) -> StoredImage:
    sample = Sample.from_row(doc)
    return session.data_for(split_of(sample)).images.read(sample.image_sha256)


def doc_to_target(doc: dict[str, Any]) -> str:
    """The norm that a good answer keeps; logged by lmms-eval, never shown to the model."""
    return str(doc["norm"])
