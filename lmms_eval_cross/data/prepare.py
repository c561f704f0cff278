"""Turn a copy of CROSS into Parquet, whole or not at all."""

import errno
import hashlib
import json
import os
import shutil
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import pyarrow as pa
import pyarrow.parquet as pq
from filelock import FileLock
from tqdm import tqdm

from lmms_eval_cross import __version__
from lmms_eval_cross.benchmark.records import Sample
from lmms_eval_cross.benchmark.release import DEFAULT_REVISION, DEFAULT_SOURCE, FILES, JUDGE_FILE, ReleaseFile
from lmms_eval_cross.benchmark.rubric import Rubric, read_official_rubric
from lmms_eval_cross.data.images import StoredImage, check_image, write_images
from lmms_eval_cross.data.official import ItemNames, SourceSample, read_records, to_samples
from lmms_eval_cross.data.prepared import (
    IMAGES,
    MANIFEST,
    NO_RUBRIC,
    RUBRIC,
    Manifest,
    Prepared,
    find_prepared,
    point_to,
)
from lmms_eval_cross.data.source import Source, open_source
from lmms_eval_cross.errors import DataError, RubricError, SettingsError, SourceError, listing
from lmms_eval_cross.files import write_whole

SAMPLE_SCHEMA: Final = pa.schema(
    [(name, pa.int8() if name == "wording" else pa.string()) for name in Sample.__dataclass_fields__]
)
TEXTS: Final = tuple(file.path for file in FILES)
BUILDING: Final = ".building"
_HOME_PROBLEMS: Final = {
    errno.ENOSPC,
    errno.EDQUOT,
    errno.EFBIG,
    errno.EROFS,
    errno.EACCES,
    errno.EEXIST,
    errno.ENOTDIR,
}
Say = Callable[[str], None]


def prepare(
    home: Path,
    source: str | None = None,
    revision: str | None = None,
    force: bool = False,
    official: bool = True,
    say: Say = print,
) -> Prepared:
    """Validate a copy of CROSS and write it as Parquet under `home`; does nothing if that is done.

    Args:
        home: CROSS_HOME.
        source: a folder in the official layout or a base URL; GitHub by default.
        revision: appended to a base URL; `main` by default on GitHub, else nothing.
        force: fetch and prepare again, though the same source is prepared.
        official: the official rubric must be there; without it, answers can be judged with ours alone.
        say: takes each line for the user.

    Raises:
        SettingsError: `home` can't be written.
        SourceError: a file of the release is missing, all of them named.
        DataError: a record or an image breaks the format; nothing is left behind.
        RubricError: `code/evaluation.py` has another shape.
    """
    with home_problems_told(home), FileLock(home / "prepare.lock"):
        opened = open_source(*_chosen(source, revision), home / "downloads", fresh=force)
        found = find_prepared(home)
        if found is not None and not force and _is_of(found, opened, official):
            say(f"Prepared already: {found.summary}, in {found.folder}.")
            return found
        prepared = _build(home, opened, official, say)
    for line in prepared.warnings:
        say(f"Warning: {line}")
    say(f"Prepared {prepared.summary}, in {prepared.folder}.")
    return prepared


def _is_of(found: Prepared, source: Source, official: bool) -> bool:
    return found.manifest.source == source.fingerprint and (found.has_rubric or not official)


def _chosen(source: str | None, revision: str | None) -> tuple[str, str | None]:
    return (DEFAULT_SOURCE, revision or DEFAULT_REVISION) if source is None else (source, revision)


@contextmanager
def home_problems_told(home: Path) -> Iterator[None]:
    """Make the folder CROSS_HOME, and say in a sentence what keeps it from being written, now or within.

    Raises:
        SettingsError: it can't be written.
    """
    try:
        _made(home)
    except OSError as error:
        raise _unwritable(error) from None
    try:
        yield
    except OSError as error:
        if error.errno not in _HOME_PROBLEMS:
            raise
        raise _unwritable(error) from None


def _unwritable(error: OSError) -> SettingsError:
    told = os.strerror(error.errno or errno.EIO).lower()
    return SettingsError(f"CROSS_HOME can't be written ({told}); make room, or set CROSS_HOME to another folder.")


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


def _build(home: Path, source: Source, official: bool, say: Say) -> Prepared:
    origin = source.fingerprint
    texts = source.fetch([*TEXTS, JUDGE_FILE] if official else TEXTS)
    with _rejecting(source, [*TEXTS, JUDGE_FILE]):
        read = _read_samples(texts)
        rubric = _read_rubric(source) if official else _read_rubric_if_any(source, say)
    images = source.fetch(sorted({sample.image_path for samples in read.values() for sample in samples}))
    building = _fresh(home / "data" / BUILDING)
    try:
        hashes = write_checked_images(images, building / IMAGES, source.reject)
        source.finish()
        splits = [
            Split(file.name, file.records, [_with_image(s, hashes) for s in samples]) for file, samples in read.items()
        ]
        write_whole(building / RUBRIC, rubric.to_json() if rubric else NO_RUBRIC)
        write_splits(splits, building, origin)
        return _move_in(building, home, say)
    finally:
        shutil.rmtree(building, ignore_errors=True)


@contextmanager
def _rejecting(source: Source, paths: Sequence[str]) -> Iterator[None]:
    """What can't be read must not be taken from a cache next time."""
    try:
        yield
    except (DataError, RubricError):
        source.reject(paths)
        raise


def _read_rubric(source: Source) -> Rubric:
    return read_official_rubric(source.fetch([JUDGE_FILE])[JUDGE_FILE])


def _read_rubric_if_any(source: Source, say: Say) -> Rubric | None:
    try:
        with _rejecting(source, [JUDGE_FILE]):
            return _read_rubric(source)
    except (SourceError, RubricError) as error:
        say(f"Warning: prepared without the official rubric. {error}")
        return None


def _read_samples(texts: dict[str, Path]) -> dict[ReleaseFile, list[SourceSample]]:
    names = {file.subset: ItemNames() for file in FILES}
    records = {file: read_records(file, texts[file.path]) for file in FILES}
    return {file: list(to_samples(file, records[file], names[file.subset])) for file in FILES}


def _with_image(sample: SourceSample, hashes: dict[str, str]) -> Sample:
    return replace(sample.sample, image_sha256=hashes[sample.image_path])


def write_checked_images(
    images: dict[str, Path], target: Path, reject: Callable[[Sequence[str]], None] | None = None
) -> dict[str, str]:
    """Check every image and store each distinct one once; path -> SHA-256.

    Args:
        images: local files by their path in the layout.
        target: the `images.parquet` to write.
        reject: is told which can't be used.

    Raises:
        DataError: names every image that can't be used.
    """
    hashes: dict[str, str] = {}
    problems: dict[str, DataError] = {}

    def distinct() -> Iterator[StoredImage]:
        stored: set[str] = set()
        for path, checked in _checked(images):
            if isinstance(checked, DataError):
                problems[path] = checked
                continue
            hashes[path] = checked.sha256
            if checked.sha256 not in stored:
                stored.add(checked.sha256)
                yield checked

    write_images(distinct(), target)
    if problems:
        if reject is not None:
            reject(list(problems))
        told = "; ".join(str(problem) for problem in problems.values())
        raise DataError(f"{len(problems)} images can't be used: {told}; get these files anew.")
    return hashes


def _checked(images: dict[str, Path]) -> Iterator[tuple[str, StoredImage | DataError]]:
    """Decode in two threads, a few images ahead of the writer, so that memory holds a handful of images."""
    names = list(images)
    bar = tqdm(total=len(names), desc="Checking images", unit="image", disable=None)
    with ThreadPoolExecutor(2) as pool, bar:
        for start in range(0, len(names), 8):
            batch = names[start : start + 8]
            for name, checked in zip(batch, pool.map(_check, [images[n] for n in batch], batch), strict=True):
                bar.update()
                yield name, checked


def _check(path: Path, name: str) -> StoredImage | DataError:
    try:
        return check_image(path, name)
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
    write_whole(folder / MANIFEST, manifest.to_json())


def _refuse_repeated_ids(samples: Sequence[Sample]) -> None:
    twice = [name for name, count in Counter(sample.sample_id for sample in samples).items() if count > 1]
    if twice:
        raise DataError(f"sample ids must be unique, but these stand twice: {listing(twice)}.")


def _move_in(building: Path, home: Path, say: Say) -> Prepared:
    """Give the finished folder its name, the data hash, and point to it.

    A folder that has the name already holds the same data and may be in use: its files are replaced one by one.
    """
    key = Prepared.load(building).manifest.sha256_all[:16]
    target = home / "data" / key
    if target.exists():
        for file in sorted(building.iterdir(), key=lambda file: file.name == MANIFEST):
            file.replace(target / file.name)
    else:
        building.rename(target)
    point_to(home, key)
    others = sorted(path.name for path in target.parent.iterdir() if path.is_dir() and path.name not in {key, BUILDING})
    if others:
        say(f"Earlier data stay in {', '.join(others)} under CROSS_HOME; delete them when no run uses them.")
    return Prepared.load(target)


def _fresh(folder: Path) -> Path:
    shutil.rmtree(folder, ignore_errors=True)
    return _made(folder)


def _made(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    return folder
