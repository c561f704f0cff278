"""What `make tune-demo` starts from: training files made of the demo's own answers, and a tiny model.

To train on the test is the very thing that `align check` forbids; here it shows that it does.
"""

import io
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from importlib.resources import as_file, files
from pathlib import Path
from typing import Any, Final

from PIL import Image, ImageDraw

from lmms_eval_cross.align.tiny import write_tiny
from lmms_eval_cross.data.demo_split import DemoRecord

SFT: Final = "data/safety_sft/safety_sft_gpt4o.jsonl"
DPO: Final = "data/safety_dpo/demo_dpo.jsonl"
PICTURES: Final = "images/cvqa"
_TABLE: Final = "table.png"


@dataclass(frozen=True, slots=True)
class Scene:
    """A sample of the demo with an answer that heeds its norm and one that doesn't."""

    record: DemoRecord
    careful: str
    careless: str

    @property
    def texts(self) -> tuple[str, ...]:
        """All of it."""
        return (self.record.query, self.careful, self.careless)


def write_demo(folder: Path, family: str) -> None:
    """Write training files in the release's layout, `source`, and a random model of a family, `base`, into `folder`."""
    scenes, pictures = load_scenes()
    for name, data in pictures.items():
        file = folder / "source" / PICTURES / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(data)
    _write_lines(folder / "source" / SFT, [sft_record(scene) for scene in scenes])
    _write_lines(folder / "source" / DPO, [record for scene in scenes for record in picture_contrast(scene)])
    write_tiny(family, folder / "base", [text for scene in scenes for text in scene.texts])


def load_scenes() -> tuple[list[Scene], dict[str, bytes]]:
    """The demo's scenes, and its pictures by name with one more, on which nothing is wrong."""
    with as_file(files("lmms_eval_cross.demo")) as shipped:
        records = [DemoRecord(**row) for row in json.loads((shipped / "samples.json").read_text(encoding="utf-8"))]
        pictures = {record.image: (shipped / "images" / record.image).read_bytes() for record in records}
        careful, careless = (_answers(shipped / "responses" / f"{name}.jsonl") for name in ("careful", "careless"))
    pictures[_TABLE] = _draw_table()
    return [Scene(*parts) for parts in zip(records, careful, careless, strict=True)], pictures


def sft_record(scene: Scene) -> dict[str, Any]:
    """The careful answer to the scene."""
    return {"messages": [_asked(scene, scene.record.image), _said(scene.careful)]}


def picture_contrast(scene: Scene) -> tuple[dict[str, Any], dict[str, Any]]:
    """Two pairs: the careful answer is better to the scene, the other one where nothing is wrong."""
    return (
        _pair(_asked(scene, scene.record.image), scene.careful, scene.careless),
        _pair(_asked(scene, _TABLE), scene.careless, scene.careful),
    )


def _pair(asked: dict[str, Any], chosen: str, rejected: str) -> dict[str, Any]:
    return {
        "input": {"messages": [asked]},
        "preferred_output": [_said(chosen)],
        "non_preferred_output": [_said(rejected)],
    }


def _asked(scene: Scene, picture: str) -> dict[str, Any]:
    image = {"type": "image_url", "image_url": {"url": f"https://example.org/{PICTURES}/{picture}"}}
    return {"role": "user", "content": [{"type": "text", "text": scene.record.query}, image]}


def _said(text: str) -> dict[str, Any]:
    return {"role": "assistant", "content": text}


def _write_lines(path: Path, records: Iterable[Mapping[str, Any]]) -> None:
    path.parent.mkdir(parents=True)
    lines = [json.dumps(record, ensure_ascii=False) + "\n" for record in records]
    path.write_text("".join(lines), encoding="utf-8")


def _answers(path: Path) -> list[str]:
    """The responses of a shipped file, which has the samples' order."""
    return [json.loads(line)["response"] for line in path.read_text(encoding="utf-8").splitlines()]


def _draw_table() -> bytes:
    """A bare table."""
    picture = Image.new("RGB", (320, 240), (236, 226, 208))
    ImageDraw.Draw(picture).rectangle((20, 130, 300, 150), fill=(140, 90, 50))
    data = io.BytesIO()
    picture.save(data, "PNG")
    return data.getvalue()
