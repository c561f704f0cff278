"""How much of a text stands in another one: the share of its character 12-grams, for a stream of texts.

Character n-grams need no words, so that Thai and Japanese count like English, and half a question inside a longer text
is found. The index holds the benchmark's n-grams as 64-bit hashes; texts stream through it a batch at a time.
"""

import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final, TypeAlias

import numpy as np
import numpy.typing as npt

N: Final = 12
CONTAINMENT: Final = 0.3
"""From which share of a text's n-grams on it counts as found."""
BREAK: Final = "\0"
"""Stands between the parts of a document; no n-gram of a text reaches over it."""
CHARACTERS_A_BATCH: Final = 300_000
_SPACE: Final = ord(" ")
_BASE: Final = np.uint64(0x9E3779B97F4A7C15)
_MIX: Final = np.uint64(0xD6E8FEB86659FD93)
_SIEVE_BITS: Final = 24
"""The sieve takes 16 MB and lets a few percent of foreign n-grams through, which a binary search then drops."""
Hashes: TypeAlias = npt.NDArray[np.uint64]
Codes: TypeAlias = npt.NDArray[np.uint32]
Numbers: TypeAlias = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Containment:
    """One indexed text in one document."""

    document: int
    """Number in the batch."""
    text: int
    """Number in the index."""
    share: float
    """Of the text's n-grams, from CONTAINMENT to 1."""


class NgramIndex:
    """The n-grams of some texts; finds which of the texts a document contains.

    Args:
        texts: what is looked for; one shorter than an n-gram is never found.
    """

    def __init__(self, texts: Sequence[str]) -> None:
        grams = [np.unique(gram_hashes(normalised_codes(text))) for text in texts]
        self._sizes: Numbers = np.array([len(each) for each in grams], dtype=np.int64)
        owners = np.repeat(np.arange(len(texts)), self._sizes)
        joined = np.concatenate([*grams, np.empty(0, np.uint64)])
        order = np.argsort(joined, kind="stable")
        self._owners: Numbers = owners[order]
        self._hashes, self._starts, self._counts = np.unique(joined[order], return_index=True, return_counts=True)
        self._sieve = np.zeros(1 << _SIEVE_BITS, dtype=bool)
        self._sieve[_slot(self._hashes)] = True

    def __len__(self) -> int:
        """How many distinct n-grams there are."""
        return len(self._hashes)

    @property
    def too_short(self) -> int:
        """How many texts are shorter than an n-gram."""
        return int((self._sizes == 0).sum())

    def find(self, documents: Sequence[str], least: float = CONTAINMENT) -> list[Containment]:
        """Which texts stand in which documents, at least to this share."""
        codes, places = _joined(documents)
        hashes = gram_hashes(codes)
        hits = np.flatnonzero(self._sieve[_slot(hashes)])
        grams = np.searchsorted(self._hashes, hashes[hits])
        real = self._hashes[np.minimum(grams, len(self) - 1)] == hashes[hits] if len(self) else np.zeros(0, bool)
        return list(self._contained(places[hits[real]], grams[real], least))

    def _contained(self, documents: Numbers, grams: Numbers, least: float) -> Iterator[Containment]:
        """Count, for every document and text, the distinct n-grams that they share."""
        pairs = np.unique(documents * len(self) + grams)
        documents, grams = np.divmod(pairs, max(len(self), 1))
        counts = self._counts[grams]
        ends = np.cumsum(counts)
        within = np.arange(counts.sum()) - np.repeat(ends - counts, counts)
        owners = self._owners[np.repeat(self._starts[grams], counts) + within]
        keys, shared = np.unique(np.repeat(documents, counts) * len(self._sizes) + owners, return_counts=True)
        for key, number in zip(keys.tolist(), shared.tolist(), strict=True):
            document, text = divmod(key, len(self._sizes))
            share = number / int(self._sizes[text])
            if share >= least:
                yield Containment(document, text, share)


def batches(documents: Iterable[tuple[Any, str]]) -> Iterator[tuple[list[Any], list[str]]]:
    """Pairs of a name and a document, a batch of some CHARACTERS_A_BATCH at a time."""
    names: list[Any] = []
    texts: list[str] = []
    waiting = 0
    for name, text in documents:
        names.append(name)
        texts.append(text)
        waiting += len(text)
        if waiting >= CHARACTERS_A_BATCH:
            yield names, texts
            names, texts, waiting = [], [], 0
    if names:
        yield names, texts


def normalised_codes(text: str) -> Codes:
    """Code points of `text` in NFKC and lower case; each run of other than letters, marks and digits is one space.

    BREAK stays.
    """
    codes = _raw_codes(text)
    return codes[_is_wanted(codes)]


def gram_hashes(codes: Codes) -> Hashes:
    """A 64-bit polynomial hash of every N neighbouring codes, in order; made by doubling (1, 2, 4, 8, 12)."""
    if len(codes) < N:
        return np.empty(0, dtype=np.uint64)
    one = codes.astype(np.uint64) + np.uint64(1)
    two = one[:-1] * _BASE + one[1:]
    four = two[:-2] * _power(2) + two[2:]
    eight = four[:-4] * _power(4) + four[4:]
    hashes: Hashes = eight[:-4] * _power(4) + four[8:]
    return hashes


def _power(exponent: int) -> np.uint64:
    return np.uint64(pow(int(_BASE), exponent, 1 << 64))


def _slot(hashes: Hashes) -> npt.NDArray[np.intp]:
    return ((hashes * _MIX) >> np.uint64(64 - _SIEVE_BITS)).astype(np.intp)


def _joined(documents: Sequence[str]) -> tuple[Codes, Numbers]:
    """The codes of all documents, a BREAK after each, and which document each belongs to."""
    raw = [_raw_codes(document + BREAK) for document in documents]
    codes = np.concatenate([*raw, np.empty(0, np.uint32)])
    places = np.repeat(np.arange(len(raw)), [len(each) for each in raw])
    wanted = _is_wanted(codes)
    return codes[wanted], places[wanted]


def _raw_codes(text: str) -> Codes:
    if not text.isascii():
        text = unicodedata.normalize("NFKC", text)
    points = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), dtype=np.uint32)
    codes: Codes = _table()[points]
    return codes


def _is_wanted(codes: Codes) -> npt.NDArray[np.bool_]:
    """All but a space that follows a space or a BREAK, or begins."""
    before = np.concatenate([np.zeros(1, np.uint32), codes[:-1]])
    wanted: npt.NDArray[np.bool_] = (codes != _SPACE) | ((before != _SPACE) & (before != 0))
    return wanted


@lru_cache(maxsize=1)
def _table() -> Codes:
    """Code point -> code point in lower case, or a space."""
    table = np.full(0x110000, _SPACE, dtype=np.uint32)
    for point in range(1, 0x110000):
        character = chr(point)
        if unicodedata.category(character)[0] in "LMN":
            lower = character.lower()
            table[point] = ord(lower) if len(lower) == 1 else point
    table[0] = 0
    return table
