"""What training data must not hold: every text and picture of the prepared benchmark and of `cross_demo`."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Final, Literal, TypeAlias

import numpy as np
from tqdm import tqdm

from lmms_eval_cross.align.ngrams import NgramIndex
from lmms_eval_cross.align.perceptual import Bits, PictureIndex, join_hashes, window_hashes
from lmms_eval_cross.benchmark.records import Sample
from lmms_eval_cross.data.demo_split import prepare_demo
from lmms_eval_cross.data.prepared import Prepared, find_prepared, read_samples
from lmms_eval_cross.files import private_folder

Field: TypeAlias = Literal["query", "original query", "norm"]
"""A multilingual sample's query is the translation, its original query the English one."""
HASH_FORMAT: Final = "windows-1"
"""Part of the cache's name: hashes made otherwise are made anew."""


@dataclass(frozen=True, slots=True)
class BenchmarkText:
    """A text that must not be trained on, and the first sample that has it."""

    text: str
    field: Field
    sample_id: str


class Benchmark:
    """The texts and pictures to compare with.

    Args:
        home: CROSS_HOME; the pictures' hashes are kept there.
    """

    def __init__(self, home: Path) -> None:
        self._home = home
        self.release = find_prepared(home)
        self.demo = prepare_demo(home)

    @property
    def gaps(self) -> list[str]:
        """Why data can't be called clean, whatever they hold."""
        if self.release is None:
            return ["CROSS is not prepared (`lmms-eval-cross prepare`)"]
        return [f"CROSS is prepared in part: {warning}" for warning in self.release.warnings]

    @cached_property
    def texts(self) -> list[BenchmarkText]:
        """Every distinct text."""
        texts: dict[str, BenchmarkText] = {}
        for sample in self._samples():
            for name, text in sample_texts(sample):
                texts.setdefault(text, BenchmarkText(text, name, sample.sample_id))
        return list(texts.values())

    @cached_property
    def text_index(self) -> NgramIndex:
        """Their n-grams."""
        return NgramIndex([text.text for text in self.texts])

    @cached_property
    def pictures(self) -> dict[str, str]:
        """SHA-256 of every picture -> the first sample that shows it."""
        pictures: dict[str, str] = {}
        for sample in self._samples():
            pictures.setdefault(sample.image_sha256, sample.sample_id)
        return pictures

    @cached_property
    def picture_index(self) -> PictureIndex:
        """The pictures' hashes, in the order of `pictures`."""
        return PictureIndex(join_hashes(hashes for prepared in self._prepared for hashes in self._hashes(prepared)))

    @property
    def _prepared(self) -> list[Prepared]:
        return [data for data in (self.release, self.demo) if data is not None]

    def _samples(self) -> Iterator[Sample]:
        for prepared in self._prepared:
            yield from prepared_samples(prepared)

    def _hashes(self, prepared: Prepared) -> Bits:
        """Computed once for the data of a hash; decoding 282 photographs takes half a minute."""
        names = [sha256 for sha256, sample_id in self.pictures.items() if _is_of(sample_id, prepared, self.demo)]
        content = hashlib.sha256("".join([HASH_FORMAT, *names]).encode()).hexdigest()[:16]
        cache = self._home / "leak-index" / f"{content}.npy"
        if cache.is_file():
            kept: Bits = np.load(cache)
            return kept
        bar = tqdm(names, desc="Hashing the benchmark's pictures", unit="image", disable=None)
        hashes = join_hashes(window_hashes(prepared.images.read(name).data) for name in bar)
        _keep(cache, hashes)
        return hashes


def sample_texts(sample: Sample) -> Iterator[tuple[Field, str]]:
    """The texts of a sample, with what they are."""
    yield "query", sample.query
    yield "norm", sample.norm
    if sample.original_query:
        yield "original query", sample.original_query


def prepared_samples(prepared: Prepared) -> Iterator[Sample]:
    """Every sample of prepared data."""
    for split in prepared.manifest.rows:
        yield from read_samples(prepared.parquet(split))


def _is_of(sample_id: str, prepared: Prepared, demo: Prepared) -> bool:
    return sample_id.startswith("demo/") == (prepared is demo)


def _keep(cache: Path, hashes: Bits) -> None:
    private_folder(cache.parent)
    partial = cache.with_suffix(".part.npy")
    np.save(partial, hashes)
    partial.replace(cache)
