"""Made-up training data."""

import hashlib
import io
from typing import Any

from PIL import Image, ImageDraw

from lmms_eval_cross.align.examples import Contrast, ImageBlock, Origin, PreferencePair, SftExample, TextBlock, Turn
from lmms_eval_cross.data.images import StoredImage


def make_image(number: int, size: tuple[int, int] = (96, 64), form: str = "PNG") -> StoredImage:
    """A picture of its own for every number."""
    picture = Image.new("RGB", size, (37 * number % 256, 90, 200))
    draw = ImageDraw.Draw(picture)
    for step in range(6):
        x, y = (number * 29 + step * 17) % size[0], (number * 13 + step * 23) % size[1]
        draw.ellipse((x - 12, y - 9, x + 12, y + 9), fill=(40 * step, 250 - 30 * step, number * 7 % 256))
    data = io.BytesIO()
    picture.save(data, form)
    return StoredImage(hashlib.sha256(data.getvalue()).hexdigest(), f"image/{form.lower()}", data.getvalue())


def make_origin(line: int = 1, **told: Any) -> Origin:
    """An origin whose other fields are told."""
    return Origin(**({"source": "made_up.jsonl", "line": line} | told))


def make_prompt(question: str, image: StoredImage | None = None, name: str = "a.png") -> tuple[Turn, ...]:
    """One user's turn: the text, then the picture."""
    picture = () if image is None else (ImageBlock(image.sha256, name),)
    return (Turn("user", (TextBlock(question), *picture)),)


def make_example(number: int, image: StoredImage | None = None, **origin: Any) -> SftExample:
    """An SFT example of its own for every number."""
    prompt = make_prompt(f"What is the custom at table {number} in the old town?", image)
    return SftExample(prompt, f"At table {number} one waits until the host has begun.", make_origin(number, **origin))


def make_pair(
    number: int, image: StoredImage | None = None, contrast: Contrast = "compliance", **origin: Any
) -> PreferencePair:
    """A preference pair of its own for every number."""
    prompt = make_prompt(f"What may I do at table {number}?", image)
    chosen, rejected = f"Wait at table {number} until the host begins.", f"Begin at once at table {number}."
    return PreferencePair(prompt, chosen, rejected, contrast, make_origin(number, **origin))
