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
        return self.filled({"model": model, "messages": self.messages, **parameters})

    def filled(self, body: Mapping[str, Any]) -> bytes:
        """A body, in which `IMAGE` stands for the picture's data URL."""
        return as_json(body).replace(IMAGE.encode(), self.image)

    @property
    def mime(self) -> str:
        """The picture's type, as its data URL has it."""
        return self.image.partition(b";")[0].removeprefix(b"data:").decode()

    def spliced(self, body: Mapping[str, Any]) -> bytes:
        """A body of another API, in which `IMAGE` stands for the picture's base64 alone."""
        return as_json(body).replace(IMAGE.encode(), self.image.partition(b",")[2])


def as_json(body: Mapping[str, Any]) -> bytes:
    """A body, as the SDKs write it."""
    return json.dumps(body, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode()


def spoken(messages: list[Message]) -> list[Message]:
    """The messages of user and model, their contents as lists of parts."""
    turns: list[Message] = []
    for message in messages:
        if message["role"] != "system":
            content = message["content"]
            parts = [{"type": "text", "text": content}] if isinstance(content, str) else content
            turns.append({**message, "content": parts})
    return turns


def system_words(messages: list[Message]) -> str:
    """What the system says."""
    return "\n\n".join(str(message["content"]) for message in messages if message["role"] == "system")


def limit_of(parameters: Mapping[str, Any]) -> int | None:
    """The limit of a reply, under either of OpenAI's names for it."""
    limit: int | None = parameters.get("max_tokens", parameters.get("max_completion_tokens"))
    return limit


def schema_of(parameters: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """The JSON Schema that a reply has to keep, None without one."""
    structure = parameters.get("response_format")
    schema: Mapping[str, Any] | None = structure and structure["json_schema"]["schema"]
    return schema


def image_url(image: StoredImage) -> bytes:
    """The original bytes as a data URL, under their true MIME type.

    The released script calls every image a JPEG; that is left here.
    """
    return b"data:%s;base64,%s" % (image.mime.encode(), base64.b64encode(image.data))
