"""Build the body of a judge call."""

from typing import Any, TypeAlias

from lmms_eval_cross.benchmark.records import Dimension
from lmms_eval_cross.benchmark.rubric import Rubric

Message: TypeAlias = dict[str, Any]


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


def without_picture(messages: list[Message]) -> list[Message]:
    """The same messages for a sample that has no picture."""
    return [{**message, "content": _text_blocks(message["content"])} for message in messages]


def _text_blocks(content: Any) -> Any:
    return content if isinstance(content, str) else [block for block in content if block["type"] == "text"]
