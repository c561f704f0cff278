"""Build the body of a judge call."""

import base64
from typing import Any, TypeAlias

from lmms_eval_cross.benchmark.records import Dimension
from lmms_eval_cross.benchmark.rubric import Rubric
from lmms_eval_cross.data.images import StoredImage

Message: TypeAlias = dict[str, Any]


def data_url(image: StoredImage) -> str:
    """The original bytes as a data URL, under their true MIME type.

    The released script calls every image a JPEG; that is left here.
    """
    return f"data:{image.mime};base64,{base64.b64encode(image.data).decode('ascii')}"


def build_messages(
    rubric: Rubric, dimension: Dimension, query: str, norm: str, response: str, image: str
) -> list[Message]:
    """The messages of profile `official`: system, then one user message with the text before the image.

    Args:
        image: a data URL.
    """
    return [
        {"role": "system", "content": rubric.system},
        {
            "role": "user",
            "content": [
                {"type": "text", "text": rubric.user_text(dimension, query, norm, response)},
                {"type": "image_url", "image_url": {"url": image}},
            ],
        },
    ]
