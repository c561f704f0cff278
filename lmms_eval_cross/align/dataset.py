"""A dataset folder: examples.parquet, images.parquet (each picture once) and the manifest that completes them.

Written and read as a stream; memory holds a batch of examples, a batch of pictures, and 32 bytes a picture.
"""

import io
import shutil
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import Any, Final

import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image

from lmms_eval_cross.align.examples import Example, Kind, images_of, kind_of
from lmms_eval_cross.align.manifest import DatasetManifest, LeakCheck, SourceFile
from lmms_eval_cross.align.parquet_rows import EXAMPLE_SCHEMA, IMAGE_SCHEMA, from_row, to_row
from lmms_eval_cross.data.images import StoredImage, open_image, upright_rgb
from lmms_eval_cross.errors import AlignError, listing
from lmms_eval_cross.files import file_sha256, unguessable, unwritable_told, write_whole
from lmms_eval_cross.outside import read_text

EXAMPLES: Final = "examples.parquet"
IMAGES: Final = "images.parquet"
MANIFEST: Final = "manifest.json"
ROWS_A_BATCH: Final = 2048
IMAGES_A_BATCH: Final = 16
"""Pictures that lie together, and are read together."""
_EXIF_ORIENTATION: Final = 0x0112
_TURNED_SIDEWAYS: Final = frozenset({5, 6, 7, 8})


@contextmanager
def whole_folder(folder: Path) -> Iterator[Path]:
    """A hidden folder to write into, which gets its name when the block ends well, and is deleted when it raises.

    Raises:
        AlignError: the name is taken.
        SettingsError: it can't be written.
    """
    if folder.exists():
        raise AlignError(f"{folder} is there already; name another place, or delete it.")
    building = unguessable(folder)
    with unwritable_told(folder):
        building.mkdir(parents=True)
    try:
        yield building
        with unwritable_told(folder):
            building.rename(folder)
    finally:
        shutil.rmtree(building, ignore_errors=True)


class DatasetWriter:
    """Writes a dataset folder: whole when the `with` block ends, not at all when it raises.

        with DatasetWriter(folder, "sft", sources=[...]) as writer:
            writer.add_image(image)       # each distinct one is stored once
            writer.add(example)
        writer.manifest

    Args:
        folder: must not be there yet.
        kind: what all examples are.
        sources: the files that they come from.
        notes: what everything made from these data must say.

    Raises:
        AlignError: the folder is there, an example is of the other kind, or its picture was never added.
        SettingsError: the folder can't be written.
    """

    def __init__(self, folder: Path, kind: Kind, sources: Sequence[SourceFile] = (), notes: Sequence[str] = ()) -> None:
        self.manifest: DatasetManifest
        self.sources: Sequence[SourceFile] = sources
        """May be replaced until the block ends."""
        self.notes: Sequence[str] = notes
        self.dropped: dict[str, int] = {}
        self._folder, self._kind = folder, kind
        self._closing = ExitStack()
        self._asked_for: set[bytes] = set()
        self._missing = 0

    def __enter__(self) -> "DatasetWriter":
        """Undone in the opposite order: the files are closed, the manifest is written, the folder gets its name."""
        enter = self._closing.enter_context
        self._building = enter(whole_folder(self._folder))
        self._closing.push(self._finish)
        self._examples = enter(_BatchWriter(self._building / EXAMPLES, EXAMPLE_SCHEMA, ROWS_A_BATCH, "zstd"))
        self._images = enter(_BatchWriter(self._building / IMAGES, IMAGE_SCHEMA, IMAGES_A_BATCH, "none"))
        self._stored: set[bytes] = set()
        return self

    def add(self, example: Example) -> None:
        """Append one example."""
        if kind_of(example) != self._kind:
            raise AlignError(f"{example.origin}: a dataset is of one kind, and this one is {self._kind}.")
        for image in images_of(example):
            if image.sha256 is None:
                self._missing += 1
            else:
                self._asked_for.add(bytes.fromhex(image.sha256))
        self._examples.append(to_row(example))

    def add_image(self, image: StoredImage) -> None:
        """Store a picture, unless it is stored already."""
        digest = bytes.fromhex(image.sha256)
        if digest in self._stored:
            return
        self._stored.add(digest)
        width, height = shown_size(image.data)
        row = {"sha256": image.sha256, "bytes": image.data, "mime": image.mime, "width": width, "height": height}
        self._images.append(row)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._closing.__exit__(kind, error, trace)

    def _finish(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is not None:
            return
        absent = [digest.hex()[:12] for digest in self._asked_for - self._stored]
        if absent:
            raise AlignError(f"pictures that examples show were not given: {listing(sorted(absent))}.")
        self.manifest = DatasetManifest(
            kind=self._kind,
            examples=self._examples.rows,
            images=self._images.rows,
            missing_images=self._missing,
            files={name: file_sha256(self._building / name) for name in (EXAMPLES, IMAGES)},
            sources=tuple(self.sources),
            notes=tuple(self.notes),
            dropped=dict(self.dropped),
        )
        with unwritable_told(self._folder):
            write_whole(self._building / MANIFEST, self.manifest.to_json())


def write_dataset(
    folder: Path,
    kind: Kind,
    examples: Iterable[Example],
    images: Iterable[StoredImage],
    sources: Sequence[SourceFile] = (),
    notes: Sequence[str] = (),
) -> "AlignDataset":
    """Write a dataset folder from two streams; see `DatasetWriter` for one that takes both as they come."""
    with DatasetWriter(folder, kind, sources, notes) as writer:
        for image in images:
            writer.add_image(image)
        for example in examples:
            writer.add(example)
    return AlignDataset(folder, writer.manifest)


@dataclass(frozen=True)
class AlignDataset:
    """A dataset folder, ready to be read; one a thread."""

    folder: Path
    manifest: DatasetManifest
    _last_batch: dict[int, list[dict[str, Any]]] = field(default_factory=dict, repr=False, compare=False)

    def __len__(self) -> int:
        """How many examples there are."""
        return self.manifest.examples

    def examples(self) -> Iterator[Example]:
        """Every example, in order, as a stream."""
        with _stream(self.folder / EXAMPLES, EXAMPLE_SCHEMA) as file:
            for batch in file.iter_batches(ROWS_A_BATCH):
                yield from map(from_row, batch.to_pylist())

    def images(self) -> Iterator[StoredImage]:
        """Every picture, as a stream."""
        with _stream(self.folder / IMAGES, IMAGE_SCHEMA) as file:
            for batch in file.iter_batches(IMAGES_A_BATCH):
                yield from map(_stored_image, batch.to_pylist())

    def image(self, sha256: str) -> StoredImage:
        """The original bytes of one picture.

        Raises:
            AlignError: the data lack it.
        """
        if sha256 not in self._places:
            raise AlignError(f"{self.folder} has no picture {sha256[:12]}; make the data anew.")
        batch, row = self._places[sha256]
        if batch not in self._last_batch:
            self._last_batch.clear()
            with _stream(self.folder / IMAGES, IMAGE_SCHEMA) as file:
                self._last_batch[batch] = file.read_row_group(batch, use_threads=False).to_pylist()
        return _stored_image(self._last_batch[batch][row])

    def picture(self, sha256: str) -> Image.Image:
        """One picture, upright and RGB, as our tasks show it to a model."""
        with open_image(self.image(sha256).data) as image:
            return upright_rgb(image)

    def mark(self, leak_check: LeakCheck) -> "AlignDataset":
        """The same data with the outcome of a check in their manifest."""
        marked = self.manifest.with_leak_check(leak_check)
        with unwritable_told(self.folder):
            write_whole(self.folder / MANIFEST, marked.to_json())
        return AlignDataset(self.folder, marked)

    @cached_property
    def _places(self) -> dict[str, tuple[int, int]]:
        with _stream(self.folder / IMAGES, IMAGE_SCHEMA) as file:
            hashes = file.read(columns=["sha256"])["sha256"].to_pylist()
        return {sha256: divmod(number, IMAGES_A_BATCH) for number, sha256 in enumerate(hashes)}


def open_dataset(folder: Path) -> AlignDataset:
    """The dataset of a folder, its files' hashes checked.

    Raises:
        AlignError: the folder is none, or a file is not the one that the manifest names.
    """
    try:
        manifest = DatasetManifest.from_json(read_text(folder / MANIFEST))
    except (OSError, ValueError):
        raise AlignError(
            f"{folder} is no dataset folder (no {MANIFEST} that can be read); give one that `align` wrote."
        ) from None
    if manifest.files.keys() != {EXAMPLES, IMAGES}:
        raise AlignError(f"{folder / MANIFEST} must name {EXAMPLES} and {IMAGES}; make the dataset anew.")
    for name, sha256 in manifest.files.items():
        if not (folder / name).is_file() or file_sha256(folder / name) != sha256:
            raise AlignError(f"{folder / name} is not the file that {MANIFEST} names; make the dataset anew.")
    return AlignDataset(folder, manifest)


def shown_size(data: bytes) -> tuple[int, int]:
    """Width and height of a picture as it is shown, in pixels; nothing is decoded."""
    with Image.open(io.BytesIO(data)) as image:
        width, height = image.size
        turned = image.getexif().get(_EXIF_ORIENTATION) in _TURNED_SIDEWAYS
    return (height, width) if turned else (width, height)


class _BatchWriter:
    """A Parquet file to which rows are appended; a row group a batch."""

    def __init__(self, path: Path, schema: pa.Schema, size: int, compression: str) -> None:
        self.rows = 0
        self._path, self._schema, self._size = path, schema, size
        self._waiting: list[dict[str, Any]] = []
        self._writer = pq.ParquetWriter(path, schema, compression=compression)

    def append(self, row: dict[str, Any]) -> None:
        self.rows += 1
        self._waiting.append(row)
        if len(self._waiting) == self._size:
            self._flush()

    def __enter__(self) -> "_BatchWriter":
        return self

    def __exit__(self, *_: object) -> None:
        if self._waiting:
            self._flush()
        self._writer.close()

    def _flush(self) -> None:
        with unwritable_told(self._path):
            self._writer.write_table(pa.Table.from_pylist(self._waiting, schema=self._schema))
        self._waiting = []


@contextmanager
def _stream(path: Path, schema: pa.Schema) -> Iterator[pq.ParquetFile]:
    """A file to be read batch by batch: by default all of it is in memory before the first one is there.

    Raises:
        AlignError: it is damaged, lacks a column of the schema, or has a row that is none of ours.
    """
    try:
        with pq.ParquetFile(path, pre_buffer=False) as file:
            if not set(schema.names) <= set(file.schema_arrow.names):
                raise AlignError(f"{path} lacks a column; make the dataset anew.")
            yield file
    except (pa.ArrowException, KeyError, TypeError, ValueError) as error:
        raise AlignError(f"{path} can't be read ({error}); make the dataset anew.") from None


def _stored_image(row: dict[str, Any]) -> StoredImage:
    return StoredImage(row["sha256"], row["mime"], row["bytes"])
