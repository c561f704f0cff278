"""The samples of `cross_demo`: our own scenes, shipped in the package, prepared like the real ones."""

import hashlib
import json
import shutil
from dataclasses import dataclass
from importlib.resources import as_file, files
from operator import attrgetter
from pathlib import Path
from typing import Final

from lmms_eval_cross.benchmark.records import Sample, Setting, norm_id
from lmms_eval_cross.data.own_lock import own_lock
from lmms_eval_cross.data.prepared import IMAGES, Prepared
from lmms_eval_cross.data.preparing import Split, writable_home, write_checked_images, write_splits
from lmms_eval_cross.errors import NotPreparedError

SPLIT: Final = "demo"


@dataclass(frozen=True, slots=True)
class DemoRecord:
    """A row of `demo/samples.json`."""

    item: str
    country: str
    language: str
    wording: int
    norm: str
    query: str
    image: str

    def to_sample(self, image_sha256: str) -> Sample:
        """The sample, with ids made as for the release."""
        setting: Setting = "multilingual"
        if self.language == "English":
            setting = "english"
        return Sample(
            sample_id=f"demo/{setting}/{self.item}/{self.wording}",
            subset="demo",
            setting=setting,
            item=self.item,
            wording=self.wording,
            country=self.country,
            language=self.language,
            language_label=self.language,
            norm_id=norm_id(self.norm),
            norm=self.norm,
            query=self.query,
            image_sha256=image_sha256,
            image_name=self.image,
            original_query=None,
        )


def prepare_demo(home: Path) -> Prepared:
    """The demo's data under CROSS_HOME, written on first use and after an upgrade that changed them.

    Raises:
        SettingsError: CROSS_HOME can't be written.
    """
    with as_file(files("lmms_eval_cross.demo")) as shipped:
        folder = home / "demo" / _fingerprint(shipped)
        if not _is_whole(folder):
            _write_once(shipped, folder, home)
    return Prepared.load(folder)


def _is_whole(folder: Path) -> bool:
    """Whether the data are there, and as they were written."""
    try:
        Prepared.load(folder).check()
    except (OSError, ValueError, TypeError, AttributeError, NotPreparedError):
        return False
    return True


def _write_once(shipped: Path, folder: Path, home: Path) -> None:
    """Write the data unless another process does so at the same time; the manifest comes last."""
    with writable_home(home), own_lock(home / "demo.lock"):
        if not _is_whole(folder):
            _write(shipped, folder)


def _write(shipped: Path, folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    records = [DemoRecord(**row) for row in json.loads((shipped / "samples.json").read_text(encoding="utf-8"))]
    images: dict[str, Path] = {}
    for record in sorted(records, key=attrgetter("image")):
        images[record.image] = shipped / "images" / record.image
    hashes = write_checked_images(images, folder / IMAGES)
    samples = [record.to_sample(hashes[record.image]) for record in records]
    write_splits([Split(SPLIT, len(samples), samples)], folder, origin="demo")


def _fingerprint(shipped: Path) -> str:
    content = [shipped / "samples.json", *sorted((shipped / "images").iterdir())]
    return hashlib.sha256(b"".join(path.read_bytes() for path in content)).hexdigest()[:16]
