"""Turn a copy of CROSS into Parquet, whole or not at all."""

import hashlib
import json
import shutil
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import pyarrow as pa
import pyarrow.parquet as pq
from filelock import FileLock
from tqdm import tqdm

from lmms_eval_cross import __version__
from lmms_eval_cross.data.images import StoredImage, check_image, write_images
from lmms_eval_cross.data.official import ItemNames, SourceSample, read_records, to_samples
from lmms_eval_cross.data.prepared import IMAGES, MANIFEST, RUBRIC, Manifest, Prepared, find_prepared, point_to
from lmms_eval_cross.data.release import DEFAULT_REVISION, DEFAULT_SOURCE, FILES, JUDGE_FILE, ReleaseFile
from lmms_eval_cross.data.source import Source, open_source, write_text
from lmms_eval_cross.errors import DataError, listing
from lmms_eval_cross.judge.rubric import read_official_rubric
from lmms_eval_cross.records import Sample

SAMPLE_SCHEMA: Final = pa.schema(
    [(name, pa.int8() if name == "wording" else pa.string()) for name in Sample.__dataclass_fields__]
)
Say = Callable[[str], None]


def prepare(
    home: Path, source: str | None = None, revision: str | None = None, force: bool = False, say: Say = print
) -> Prepared:
    """Validate a copy of CROSS and write it as Parquet under `home`; does nothing if that is done.

    Args:
        home: CROSS_HOME.
        source: a folder in the official layout or a base URL; GitHub by default.
        revision: appended to a base URL; `main` by default on GitHub, else nothing.
        force: prepare again, though the same source is prepared.
        say: takes each line for the user.

    Raises:
        SourceError: a file of the release is missing, all of them named.
        DataError: a record or an image breaks the format; nothing is left behind.
        RubricError: `code/evaluation.py` has another shape.
    """
    name, revision = _resolve(source, revision)
    with FileLock(_made(home) / "prepare.lock"):
        found = find_prepared(home)
        if found is not None and not force and found.manifest.source == source_id(name, revision):
            say(f"Prepared already: {found.summary}.")
            return found
        opened = open_source(name, revision, home / "downloads")
        prepared = _build(home, opened, source_id(name, revision))
    for line in prepared.warnings:
        say(f"Warning: {line}")
    say(f"Prepared {prepared.summary}.")
    return prepared


def _resolve(source: str | None, revision: str | None) -> tuple[str, str]:
    if source is None:
        return DEFAULT_SOURCE, revision or DEFAULT_REVISION
    if not source.startswith(("http://", "https://")):
        return str(Path(source).expanduser().resolve()), ""
    return source, revision or ""


def source_id(source: str, revision: str) -> str:
    """A fingerprint of where data came from that gives no path away; a folder's changes with its files."""
    text = f"{source}@{revision}"
    root = Path(source)
    if root.is_dir():
        files = [*sorted(root.glob("data/*/*.json")), *sorted(root.glob("images/*/*")), root / JUDGE_FILE]
        text += "".join(
            f"{file.name}:{file.stat().st_size}:{file.stat().st_mtime_ns};" for file in files if file.is_file()
        )
    return hashlib.sha256(text.encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Split:
    """The samples of one release file."""

    name: str
    expected: int
    samples: list[Sample]

    @property
    def sha256(self) -> str:
        """The data hash: what the judge and the model are shown, and nothing else."""
        shown = [[s.sample_id, s.language, s.norm, s.query, s.image_sha256] for s in self.samples]
        return hashlib.sha256(json.dumps(shown).encode()).hexdigest()


def _build(home: Path, source: Source, origin: str) -> Prepared:
    texts = source.fetch([*(file.path for file in FILES), JUDGE_FILE])
    rubric = read_official_rubric(texts[JUDGE_FILE])
    read = _read_samples(texts)
    paths = sorted({sample.image_path for samples in read.values() for sample in samples})
    images = source.fetch(paths)
    source.finish()
    building = _fresh(home / "data" / ".building")
    try:
        hashes = write_checked_images(images, building / IMAGES)
        splits = [
            Split(file.name, file.records, [_with_image(s, hashes) for s in samples]) for file, samples in read.items()
        ]
        write_text(building / RUBRIC, rubric.to_json())
        write_splits(splits, building, origin)
        return _move_in(building, home)
    finally:
        shutil.rmtree(building, ignore_errors=True)


def _read_samples(texts: dict[str, Path]) -> dict[ReleaseFile, list[SourceSample]]:
    names = {file.subset: ItemNames() for file in FILES}
    records = {file: read_records(file, texts[file.path]) for file in FILES}
    return {file: list(to_samples(file, records[file], names[file.subset])) for file in FILES}


def _with_image(sample: SourceSample, hashes: dict[str, str]) -> Sample:
    return replace(sample.sample, image_sha256=hashes[sample.image_path])


def write_checked_images(images: dict[str, Path], target: Path) -> dict[str, str]:
    """Check every image and store each distinct one once; path -> SHA-256.

    Raises:
        DataError: names every image that can't be used.
    """
    hashes: dict[str, str] = {}
    problems: list[str] = []

    def distinct() -> Iterator[StoredImage]:
        stored: set[str] = set()
        for path, checked in _checked(images):
            if isinstance(checked, DataError):
                problems.append(str(checked))
                continue
            hashes[path] = checked.sha256
            if checked.sha256 not in stored:
                stored.add(checked.sha256)
                yield checked

    write_images(distinct(), target)
    if problems:
        raise DataError(f"{len(problems)} images can't be used: {listing(problems)}; get these files anew.")
    return hashes


def _checked(images: dict[str, Path]) -> Iterator[tuple[str, StoredImage | DataError]]:
    """Decode in two threads, a few images ahead of the writer, so that memory holds a handful of images."""
    names = list(images)
    bar = tqdm(total=len(names), desc="Checking images", unit="image", disable=None)
    with ThreadPoolExecutor(2) as pool, bar:
        for start in range(0, len(names), 8):
            batch = names[start : start + 8]
            for name, checked in zip(batch, pool.map(_check, [images[n] for n in batch]), strict=True):
                bar.update()
                yield name, checked


def _check(path: Path) -> StoredImage | DataError:
    try:
        return check_image(path)
    except DataError as error:
        return error


def write_splits(splits: Sequence[Split], folder: Path, origin: str) -> None:
    """Write a Parquet file a split and, last, the manifest."""
    for split in splits:
        table = pa.Table.from_pylist([sample.to_row() for sample in split.samples], schema=SAMPLE_SCHEMA)
        pq.write_table(table, folder / f"{split.name}.parquet")
    manifest = Manifest(
        source=origin,
        written_by=__version__,
        rows={split.name: len(split.samples) for split in splits},
        expected={split.name: split.expected for split in splits},
        sha256={split.name: split.sha256 for split in splits},
        images=pq.read_metadata(folder / IMAGES).num_row_groups,
    )
    _refuse_repeated_ids([sample for split in splits for sample in split.samples])
    write_text(folder / MANIFEST, manifest.to_json())


def _refuse_repeated_ids(samples: Sequence[Sample]) -> None:
    twice = [name for name, count in Counter(sample.sample_id for sample in samples).items() if count > 1]
    if twice:
        raise DataError(f"sample ids must be unique, but these stand twice: {listing(twice)}.")


def _move_in(building: Path, home: Path) -> Prepared:
    """Give the finished folder its name, the data hash, and point to it."""
    key = Prepared.load(building).manifest.sha256_all[:16]
    target = home / "data" / key
    if target.exists():
        shutil.rmtree(target)
    building.rename(target)
    point_to(home, key)
    others = [path.name for path in target.parent.iterdir() if path.is_dir() and path != target]
    if others:
        print(f"Earlier data stay in {listing(others)}; delete them when no run uses them.", file=sys.stderr)
    return Prepared.load(target)


def _fresh(folder: Path) -> Path:
    shutil.rmtree(folder, ignore_errors=True)
    return _made(folder)


def _made(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    return folder
