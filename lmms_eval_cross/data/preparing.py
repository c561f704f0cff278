"""Turn a copy of CROSS into Parquet, whole or not at all."""

import errno
import os
import shutil
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path
from typing import Final

import pyarrow as pa
import pyarrow.parquet as pq
from tqdm import tqdm

from lmms_eval_cross import __version__
from lmms_eval_cross.benchmark.records import Sample, data_hash, repeated_ids
from lmms_eval_cross.benchmark.release import DEFAULT_REVISION, DEFAULT_SOURCE, FILES, JUDGE_FILE, ReleaseFile
from lmms_eval_cross.benchmark.rubric import Rubric, read_official_rubric
from lmms_eval_cross.data.images import StoredImage, check_image, write_images
from lmms_eval_cross.data.official import ItemNames, SourceSample, read_records, to_samples
from lmms_eval_cross.data.own_lock import own_lock
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
from lmms_eval_cross.files import building_folder, file_sha256, private_folder, write_whole

SAMPLE_SCHEMA: Final = pa.schema(dict.fromkeys(Sample.__dataclass_fields__, pa.string()) | {"wording": pa.int8()})
TEXTS: Final = tuple(file.path for file in FILES)
BUILDING: Final = "building"
UNFINISHED: Final = f".{BUILDING}"
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
    with writable_home(home), own_lock(home / "prepare.lock"):
        opened = open_source(*_chosen(source, revision), home / "downloads", fresh=force)
        earlier = find_prepared(home)
        if earlier is not None and not force and _is_of(earlier, opened, official):
            say(f"Prepared already: {earlier.summary}, in {earlier.folder}.")
            return earlier
        prepared = _build(home, opened, official, say)
    for line in prepared.warnings:
        say(f"Warning: {line}")
    say(f"Prepared {prepared.summary}, in {prepared.folder}.")
    return prepared


def _is_of(prepared: Prepared, source: Source, official: bool) -> bool:
    return prepared.manifest.source == source.fingerprint and (prepared.has_rubric or not official)


def _chosen(source: str | None, revision: str | None) -> tuple[str, str | None]:
    if source is None:
        return DEFAULT_SOURCE, revision or DEFAULT_REVISION
    return source, revision


@contextmanager
def writable_home(home: Path) -> Iterator[None]:
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
    why = os.strerror(error.errno or errno.EIO).lower()
    return SettingsError(f"CROSS_HOME can't be written ({why}); make room, or set CROSS_HOME to another folder.")


@dataclass(frozen=True, slots=True)
class Split:
    """The samples of one release file."""

    name: str
    expected: int
    samples: list[Sample]

    @property
    def sha256(self) -> str:
        """The data hash: what the judge and the model are shown, and nothing else."""
        return data_hash(self.samples)


def _build(home: Path, source: Source, official: bool, say: Say) -> Prepared:
    origin = source.fingerprint
    by_file, rubric = _read_texts(source, official, say)
    image_paths = {sample.image_path for sample in chain.from_iterable(by_file.values())}
    images = source.fetch(sorted(image_paths))
    _sweep(home / "data")
    with building_folder(home / "data" / BUILDING) as building:
        hashes = write_checked_images(images, building / IMAGES, source.reject)
        source.finish()
        splits: list[Split] = []
        for file, samples in by_file.items():
            splits.append(Split(file.name, file.records, [_with_image(sample, hashes) for sample in samples]))
        write_whole(building / RUBRIC, rubric)
        write_splits(splits, building, origin)
        return _move_in(building, home, say)


def _sweep(folder: Path) -> None:
    """Remove what a killed process left unfinished; nobody else builds, since there is a lock."""
    for left in folder.glob(f"{UNFINISHED}*"):
        shutil.rmtree(left, ignore_errors=True)


def _read_texts(source: Source, official: bool, say: Say) -> tuple[dict[ReleaseFile, list[SourceSample]], str]:
    """The samples of each file, and the official rubric as prepared data keep it."""
    with_judge = [*TEXTS, JUDGE_FILE]
    texts = source.fetch(with_judge if official else TEXTS)
    with _rejecting(source, with_judge):
        samples = _read_samples(texts)
        if official:
            return samples, _read_rubric(source).to_json()
        return samples, _read_rubric_if_any(source, say)


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


def _read_rubric_if_any(source: Source, say: Say) -> str:
    try:
        with _rejecting(source, [JUDGE_FILE]):
            return _read_rubric(source).to_json()
    except (SourceError, RubricError) as error:
        say(f"Warning: prepared without the official rubric. {error}")
        return NO_RUBRIC


def _read_samples(texts: dict[str, Path]) -> dict[ReleaseFile, list[SourceSample]]:
    records = {file: read_records(file, texts[file.path]) for file in FILES}
    names: defaultdict[str, ItemNames] = defaultdict(ItemNames)  # one a subset, for both of its files
    samples: dict[ReleaseFile, list[SourceSample]] = {}
    for file in FILES:
        samples[file] = list(to_samples(file, records[file], names[file.subset]))
    return samples


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
    write_images(_distinct(images, hashes, problems), target)
    if problems:
        if reject is not None:
            reject(list(problems))
        sentences = "; ".join(map(str, problems.values()))
        raise DataError(f"{len(problems)} images can't be used: {sentences}; get these files anew.")
    return hashes


def _distinct(images: dict[str, Path], hashes: dict[str, str], problems: dict[str, DataError]) -> Iterator[StoredImage]:
    """Each distinct image once; fills `hashes` and `problems` by path on the way."""
    stored: set[str] = set()
    for path, checked in _checked(images):
        if isinstance(checked, DataError):
            problems[path] = checked
            continue
        hashes[path] = checked.sha256
        if checked.sha256 not in stored:
            stored.add(checked.sha256)
            yield checked


def _checked(images: dict[str, Path]) -> Iterator[tuple[str, StoredImage | DataError]]:
    """Decode in two threads, a few images ahead of the writer, so that memory holds a handful of images."""
    files = list(images.items())
    bar = tqdm(total=len(files), desc="Checking images", unit="image", disable=None)
    with ThreadPoolExecutor(2) as pool, bar:
        for start in range(0, len(files), 8):
            for checked in pool.map(_check, files[start : start + 8]):
                bar.update()
                yield checked


def _check(image: tuple[str, Path]) -> tuple[str, StoredImage | DataError]:
    name, path = image
    try:
        return name, check_image(path, name)
    except DataError as error:
        return name, error


def write_splits(splits: Sequence[Split], folder: Path, origin: str) -> None:
    """Write a Parquet file a split and, last, the manifest."""
    rows, expected, sha256 = {}, {}, {}
    for split in splits:
        table = pa.Table.from_pylist([sample.to_row() for sample in split.samples], schema=SAMPLE_SCHEMA)
        pq.write_table(table, folder / f"{split.name}.parquet")
        rows[split.name], expected[split.name] = len(split.samples), split.expected
        sha256[split.name] = split.sha256
    twice = repeated_ids(chain.from_iterable(split.samples for split in splits))
    if twice:
        raise DataError(f"sample ids must be unique, but these stand twice: {listing(twice)}.")
    images = pq.read_metadata(folder / IMAGES).num_row_groups
    rubric = folder / RUBRIC
    rubric_sha256 = file_sha256(rubric) if rubric.is_file() else None
    manifest = Manifest(origin, __version__, rows, expected, sha256, images, rubric_sha256)
    write_whole(folder / MANIFEST, manifest.to_json())


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
    others = _earlier_folders(target)
    if others:
        say(f"Earlier data stay in {', '.join(others)} under CROSS_HOME; delete them when no run uses them.")
    return Prepared.load(target)


def _earlier_folders(target: Path) -> list[str]:
    folders = [path.name for path in target.parent.iterdir() if path.is_dir() and path != target]
    return sorted(name for name in folders if not name.startswith("."))


def _made(folder: Path) -> Path:
    private_folder(folder)
    return folder
