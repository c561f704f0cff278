"""The body of a judge call, encoded once: the picture is spliced in as bytes, not copied through a JSON encoder."""

import base64
import json
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from lmms_eval_cross.data.images import StoredImage
from lmms_eval_cross.judge.messages import Message

IMAGE: Final = f"image-{uuid.uuid4().hex}"
"""Stands for the data URL in messages; made anew in each process, so that no text can hold it."""


@dataclass(frozen=True, slots=True)
class Request:
    """One judge call, before the model and the endpoint's quirks are known."""

    messages: list[Message]
    parameters: Mapping[str, Any]
    image: bytes
    """The data URL that takes the place of `IMAGE`."""

    def encode(self, model: str, parameters: Mapping[str, Any]) -> bytes:
        """The JSON that the SDK would send for these messages, byte for byte."""
        body = {"model": model, "messages": self.messages, **parameters}
        text = json.dumps(body, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
        return text.encode().replace(IMAGE.encode(), self.image)


def image_url(image: StoredImage) -> bytes:
    """The original bytes as a data URL, under their true MIME type.

    The released script calls every image a JPEG; that is left here.
    """
    return b"data:%s;base64,%s" % (image.mime.encode(), base64.b64encode(image.data))
