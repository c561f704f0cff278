"""What `make tune-demo` starts from: training data made of the demo's own answers, and a tiny model.

To train on the test is the very thing that `align check` forbids; here it shows that it does.
"""

import hashlib
import io
import json
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import as_file, files
from pathlib import Path
from typing import Final

from PIL import Image, ImageDraw

from lmms_eval_cross.align.dataset import write_dataset
from lmms_eval_cross.align.examples import ImageBlock, Origin, PreferencePair, SftExample, TextBlock, Turn
from lmms_eval_cross.align.tiny import write_tiny
from lmms_eval_cross.data.demo import DemoRecord
from lmms_eval_cross.data.images import StoredImage, check_image

NOTE: Final = "Made of cross_demo's own samples and answers, to show plumbing: a score of it measures nothing."
_TABLE: Final = "table.png"


@dataclass(frozen=True, slots=True)
class Scene:
    """A sample of the demo with an answer that heeds its norm and one that doesn't."""

    line: int
    record: DemoRecord
    careful: str
    careless: str

    def asked(self, picture: str, pictures: Mapping[str, StoredImage]) -> tuple[Turn, ...]:
        """The sample's query under a picture."""
        return (Turn("user", (TextBlock(self.record.query), ImageBlock(pictures[picture].sha256, picture))),)

    @property
    def origin(self) -> Origin:
        """Where it comes from."""
        record = self.record
        return Origin("cross_demo", self.line, "MIT", record.country, record.language, record.norm)


def write_demo(folder: Path, family: str) -> None:
    """Write datasets `sft` and `dpo`, and a random model of a family, `base`, into `folder`."""
    scenes, pictures = load_scenes()
    sft = [sft_example(scene, pictures) for scene in scenes]
    pairs = [pair for scene in scenes for pair in picture_pairs(scene, pictures)]
    write_dataset(folder / "sft", "sft", sft, pictures.values(), notes=[NOTE])
    write_dataset(folder / "dpo", "dpo", pairs, pictures.values(), notes=[NOTE])
    texts = [text for scene in scenes for text in (scene.record.query, scene.careful, scene.careless)]
    write_tiny(family, folder / "base", texts)


def load_scenes() -> tuple[list[Scene], dict[str, StoredImage]]:
    """The demo's scenes, and its pictures by name with one more, on which nothing is wrong."""
    with as_file(files("lmms_eval_cross.demo")) as shipped:
        records = [DemoRecord(**row) for row in json.loads((shipped / "samples.json").read_text(encoding="utf-8"))]
        names = sorted({record.image for record in records})
        pictures = {name: check_image(shipped / "images" / name, name) for name in names}
        careful, careless = (_answers(shipped / "responses" / f"{name}.jsonl") for name in ("careful", "careless"))
    pictures[_TABLE] = _draw_table()
    lines = enumerate(zip(records, careful, careless, strict=True), 1)
    return [Scene(line, *parts) for line, parts in lines], pictures


def sft_example(scene: Scene, pictures: Mapping[str, StoredImage]) -> SftExample:
    """The careful answer to the scene."""
    return SftExample(scene.asked(scene.record.image, pictures), scene.careful, scene.origin)


def picture_pairs(scene: Scene, pictures: Mapping[str, StoredImage]) -> tuple[PreferencePair, PreferencePair]:
    """Picture contrast: the careful answer is better to the scene, the other one where nothing is wrong."""
    wrong, right = scene.asked(scene.record.image, pictures), scene.asked(_TABLE, pictures)
    return (
        PreferencePair(wrong, scene.careful, scene.careless, "picture", scene.origin),
        PreferencePair(right, scene.careless, scene.careful, "picture", scene.origin),
    )


def _answers(path: Path) -> list[str]:
    """The responses of a shipped file, which has the samples' order."""
    return [json.loads(line)["response"] for line in path.read_text(encoding="utf-8").splitlines()]


def _draw_table() -> StoredImage:
    """A bare table."""
    picture = Image.new("RGB", (320, 240), (236, 226, 208))
    ImageDraw.Draw(picture).rectangle((20, 130, 300, 150), fill=(140, 90, 50))
    data = io.BytesIO()
    picture.save(data, "PNG")
    return StoredImage(hashlib.sha256(data.getvalue()).hexdigest(), "image/png", data.getvalue())
