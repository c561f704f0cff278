"""Write a copy of CROSS at full size: made-up text, images of noise that weigh some 4 MB each, as the release's do."""

import json
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from PIL import Image

from lmms_eval_cross.benchmark.release import COUNTRIES, WORDINGS
from tests.standin import JUDGE, URL

PIXELS = (1500, 1000)
ITEMS = {"casa": 276, "safeworld": 45}
IMAGES = {"casa": 240, "safeworld": 42}
NORMS = {"casa": 132, "safeworld": 37}


def write_fullsize(root: Path, seed: int = 0, pixels: tuple[int, int] = PIXELS) -> None:
    """828 + 276 + 135 + 45 records and 282 images, about 1.2 GB in all; the same seed writes the same bytes.

    Args:
        root: where to.
        seed: of the noise.
        pixels: width and height of the images, which weigh some three bytes a pixel.
    """
    rng = random.Random(seed)
    for subset in ITEMS:
        items = list(_items(subset))
        folder = root / "data" / subset
        folder.mkdir(parents=True, exist_ok=True)
        english = [{**item, "query": f"{item['query']} ({wording})"} for wording in range(WORDINGS) for item in items]
        translated = [{**item, "language": "French", "translated_query": f"Où ? {item['query']}"} for item in items]
        for name, records in (("english", english), ("multilingual", translated)):
            (folder / f"{name}.json").write_text(json.dumps(records, indent=4), encoding="ascii")
        for number in range(IMAGES[subset]):
            _draw(root / "images" / subset / f"noise-{number}.png", rng, pixels)
    (root / "code").mkdir(exist_ok=True)
    (root / "code" / "evaluation.py").write_text(JUDGE, encoding="utf-8")


def _items(subset: str) -> Iterator[dict[str, Any]]:
    countries = sorted(COUNTRIES)
    for number in range(ITEMS[subset]):
        country = countries[number % len(countries)]
        norm = f"Custom {number % NORMS[subset]} of {subset} is kept for mourning and never for a feast. " * 3
        index = f"{country.replace(' ', '_')}_{number}"
        yield {
            "index": index,
            "orig_query": f"Add thing {number} to my cart.",
            **({"violated_norm": norm} if subset == "casa" else {"violated_specific_norm": norm, "country": country}),
            "image_source": "self",
            "file_name": f"{URL}/{subset}/noise-{number % IMAGES[subset]}.png",
            "query": f"I am invited to a feast in {country}; which thing in the picture shall I bring, {number}?",
        }


def _draw(path: Path, rng: random.Random, pixels: tuple[int, int]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    if not path.exists():
        Image.frombytes("RGB", pixels, rng.randbytes(3 * pixels[0] * pixels[1])).save(path, compress_level=1)
