"""What can be said of training data without the benchmark: repetitions, licences, balance, claims."""

import re
import zlib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from typing import Final

import numpy as np
from datasketch import MinHash, MinHashLSH

from lmms_eval_cross.align.defects import names_benchmark_country
from lmms_eval_cross.align.examples import Example, PreferencePair, Scores, images_of, texts_of
from lmms_eval_cross.benchmark.records import DIMENSIONS

MOST_FOR_NEAR: Final = 50_000
"""Examples among which near-duplicates are looked for; MinHash keeps a kilobyte of each."""
ALIKE: Final = 0.8
"""Jaccard similarity of word triples from which on two examples are near-duplicates."""
_PERMUTATIONS: Final = 64
_NON_COMMERCIAL: Final = re.compile(r"\bNC\b|non-?commercial", re.IGNORECASE)
_WORD: Final = re.compile(r"\w+")
UNKNOWN: Final = "not told"


@dataclass
class Within:
    """Counts over a stream of examples; memory grows by 8 bytes an example, and by the MinHashes of the first ones."""

    countries: Counter[str] = field(default_factory=Counter)
    languages: Counter[str] = field(default_factory=Counter)
    non_commercial: Counter[str] = field(default_factory=Counter)
    """Licences that forbid commercial use."""
    without_licence: int = 0
    false_exclusive: list[str] = field(default_factory=list)
    """Places of examples called exclusive that speak of a benchmark country."""
    contradicted: list[str] = field(default_factory=list)
    """Places whose verdicts say otherwise than the data: a bad answer to learn, or a good one to avoid."""
    near: list[tuple[str, str]] = field(default_factory=list)
    """Places of an example and of an earlier one that it nearly repeats."""
    near_looked_for: int = 0
    _ids: list[int] = field(default_factory=list)
    _ids_before: list[np.ndarray] = field(default_factory=list)
    _hashes: MinHashLSH = field(default_factory=lambda: MinHashLSH(threshold=ALIKE, num_perm=_PERMUTATIONS))
    _seen: dict[int, tuple[str, str]] = field(default_factory=dict)

    def add(self, example: Example) -> None:
        """Count one example."""
        origin = example.origin
        self.countries[origin.country or UNKNOWN] += 1
        self.languages[origin.language or UNKNOWN] += 1
        if origin.licence is None:
            self.without_licence += 1
        elif _NON_COMMERCIAL.search(origin.licence):
            self.non_commercial[origin.licence] += 1
        if origin.part == "exclusive" and names_benchmark_country(example):
            self.false_exclusive.append(str(origin))
        if any(contradictions(example)):
            self.contradicted.append(str(origin))
        self._add_id(example.id)
        if self.near_looked_for < MOST_FOR_NEAR:
            self._look_for_near(example)

    @property
    def repeated(self) -> int:
        """Examples that repeat an earlier one exactly."""
        ids = np.concatenate([*self._ids_before, np.array(self._ids, dtype=np.uint64)])
        return len(ids) - len(np.unique(ids))

    def _add_id(self, name: str) -> None:
        self._ids.append(int(name[:16], 16))
        if len(self._ids) == 1 << 16:
            self._ids_before.append(np.array(self._ids, dtype=np.uint64))
            self._ids.clear()

    def _look_for_near(self, example: Example) -> None:
        """Only examples with the same pictures are compared: a question may be asked of many."""
        pictures = " ".join(image.sha256 or image.name for image in images_of(example))
        words = _empty().copy()
        words.update_batch([triple.encode() for triple in _triples(example)])
        place, key = str(example.origin), self.near_looked_for
        earlier = [self._seen[other] for other in self._hashes.query(words)]
        alike = [other for other, shown in earlier if shown == pictures]
        if alike:
            self.near.append((place, alike[0]))
        self._hashes.insert(key, words)
        self._seen[key] = (place, pictures)
        self.near_looked_for += 1


def contradictions(example: Example) -> Iterator[str]:
    """What the verdicts say against an example: an answer to learn that is bad, one to avoid that is good."""
    if isinstance(example, PreferencePair):
        yield from _bad_dimensions(example.chosen_verdicts)
        rejected = example.rejected_verdicts
        if rejected is not None and example.contrast != "picture" and getattr(rejected, example.contrast) == 1:
            yield f"the rejected answer has {example.contrast}"
    else:
        yield from _bad_dimensions(example.verdicts)


def _bad_dimensions(scores: Scores | None) -> Iterator[str]:
    for dimension in DIMENSIONS:
        if scores is not None and getattr(scores, dimension) == 0:
            yield f"an answer to learn lacks {dimension}"


@cache
def _empty() -> MinHash:
    """What all others are copies of: to draw the permutations anew would take longer than to hash an example."""
    return MinHash(num_perm=_PERMUTATIONS, hashfunc=zlib.crc32)


def _triples(example: Example) -> set[str]:
    words = [word for text in texts_of(example) for word in _WORD.findall(text.lower())]
    return {" ".join(words[start : start + 3]) for start in range(max(1, len(words) - 2))}
