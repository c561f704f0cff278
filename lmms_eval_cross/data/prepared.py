"""Prepared data: a folder of Parquet files that a manifest completes."""

import hashlib
import json
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Final

import pyarrow.parquet as pq

from lmms_eval_cross.benchmark.records import Sample, data_hash
from lmms_eval_cross.benchmark.rubric import Rubric
from lmms_eval_cross.data.images import ImageStore
from lmms_eval_cross.errors import NotPreparedError, RubricError
from lmms_eval_cross.files import write_whole
from lmms_eval_cross.outside import parse_json, read_text

MANIFEST: Final = "manifest.json"
IMAGES: Final = "images.parquet"
RUBRIC: Final = "rubric.json"
NO_RUBRIC: Final = "null\n"
"""What stands there for a copy without the official rubric."""
_AGAIN: Final = "type `lmms-eval-cross prepare --force`"
_POINTER: Final = "current"


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a folder of prepared data holds; written last, so that a folder with it is whole."""

    source: str
    """A fingerprint of the source; no path, no address."""
    written_by: str
    rows: dict[str, int]
    """Split (`casa_english`) -> samples."""
    expected: dict[str, int]
    """Split -> samples in the release."""
    sha256: dict[str, str]
    """Split -> data hash."""
    images: int
    rubric_sha256: str | None = None
    """Of the rubric as it is kept; None in the data of older releases."""

    @property
    def sha256_all(self) -> str:
        """The data hash of all splits together."""
        return hashlib.sha256(json.dumps(self.sha256, sort_keys=True).encode()).hexdigest()

    def is_partial(self, split: str) -> bool:
        """Whether the split has another number of samples than the release."""
        return self.rows[split] != self.expected[split]

    def to_json(self) -> str:
        """The manifest as it is written."""
        return json.dumps(asdict(self), indent=1) + "\n"


@dataclass(frozen=True)
class Prepared:
    """A folder of prepared data, ready to be read."""

    folder: Path
    manifest: Manifest

    @classmethod
    def load(cls, folder: Path) -> "Prepared":
        """Open a folder that `write_splits` has finished."""
        manifest = Manifest(**parse_json(read_text(folder / MANIFEST)))
        counts = (*manifest.rows.values(), *manifest.expected.values(), manifest.images)
        if not all(type(count) is int for count in counts) or manifest.sha256.keys() != manifest.rows.keys():
            raise ValueError("a manifest of another form")
        return cls(folder, manifest)

    def check(self) -> None:
        """Hold every split against its data hash, and the rubric against its own.

        Raises:
            NotPreparedError: something was edited or is damaged.
        """
        for split, sha256 in self.manifest.sha256.items():
            if _hash_of(self.parquet(split)) != sha256:
                raise NotPreparedError(f"The prepared {split} was edited or is damaged; {_AGAIN}.")
        known = self.manifest.rubric_sha256
        if known is not None and hashlib.sha256(self._rubric_text.encode()).hexdigest() != known:
            raise NotPreparedError(f"The prepared rubric was edited or is damaged; {_AGAIN}.")

    def parquet(self, split: str) -> Path:
        """The Parquet file of a split."""
        return self.folder / f"{split}.parquet"

    @property
    def images_path(self) -> Path:
        """The Parquet file of the images."""
        return self.folder / IMAGES

    @cached_property
    def images(self) -> ImageStore:
        """The images, by hash."""
        return ImageStore(self.images_path)

    @cached_property
    def rubric(self) -> Rubric:
        """The official rubric, as it was read from the user's copy.

        Raises:
            RubricError: the copy had none.
        """
        if not self.has_rubric:
            raise RubricError(
                "CROSS was prepared without code/evaluation.py; complete the copy, unset CROSS_JUDGE_RUBRIC and type "
                "`lmms-eval-cross prepare` again, or set CROSS_JUDGE_RUBRIC=native to judge with our own rubric."
            )
        return Rubric.from_json(self._rubric_text)

    @property
    def has_rubric(self) -> bool:
        """Whether the copy had the official rubric."""
        return self._rubric_text != NO_RUBRIC

    @property
    def _rubric_text(self) -> str:
        return (self.folder / RUBRIC).read_text(encoding="utf-8")

    @property
    def summary(self) -> str:
        """One line for people."""
        rows = ", ".join(f"{split} {count}" for split, count in self.manifest.rows.items())
        return f"{sum(self.manifest.rows.values())} samples ({rows}) and {self.manifest.images} images"

    @property
    def warnings(self) -> list[str]:
        """What results from these data will say of themselves."""
        return [
            f"{split} has {self.manifest.rows[split]} records, the release {expected}: results say `partial`."
            for split, expected in self.manifest.expected.items()
            if self.manifest.is_partial(split)
        ]


def _hash_of(parquet: Path) -> str:
    """The data hash of a split's file, empty if it can't be read."""
    try:
        return data_hash(read_samples(parquet))
    except (OSError, ValueError, KeyError, TypeError):
        return ""


def read_samples(parquet: Path) -> list[Sample]:
    """The samples of a split's Parquet file, in the order of lmms-eval's doc ids."""
    return [Sample.from_row(row) for row in pq.read_table(parquet).to_pylist()]


def find_prepared(home: Path) -> Prepared | None:
    """The data in force under CROSS_HOME, None if there are none, or none that this release can read."""
    pointer = home / "data" / _POINTER
    if not pointer.is_file():
        return None
    try:
        return Prepared.load(pointer.parent / pointer.read_text(encoding="utf-8").strip())
    except (OSError, ValueError, TypeError, AttributeError):
        return None


def require_prepared(home: Path) -> Prepared:
    """The data in force under CROSS_HOME.

    Raises:
        NotPreparedError: there are none.
    """
    prepared = find_prepared(home)
    if prepared is None:
        raise NotPreparedError(
            "CROSS is not prepared yet and CROSS_SOURCE names no copy to prepare it from; "
            "type `lmms-eval-cross prepare --source path/to/CROSS` first."
        )
    prepared.check()
    return prepared


def point_to(home: Path, key: str) -> None:
    """Put the folder `key` in force."""
    write_whole(home / "data" / _POINTER, key + "\n")
