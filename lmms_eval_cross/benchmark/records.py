"""The types that data take on their way: Sample -> response -> Verdict | JudgeFailure -> sample record."""

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from operator import itemgetter
from typing import Any, Final, Literal, TypeAlias, get_args

Subset: TypeAlias = Literal["casa", "safeworld", "demo"]
Setting: TypeAlias = Literal["english", "multilingual"]
Dimension: TypeAlias = Literal["awareness", "education", "compliance", "helpfulness"]
Facet: TypeAlias = Literal["country", "language", "subset", "setting", "wording"]
"""A field of a sample by which results are sliced; a user may give samples further ones (benchmark/facets.py)."""
FailureReason: TypeAlias = Literal[
    "unparsable",
    "off_menu",
    "refused",
    "truncated",
    "empty",
    "unavailable",
    "rejected",
    "budget",
    "no_response",
    "unfinished",
    "ambiguous",
    "panel_incomplete",
    "panel_tie",
]

DIMENSIONS: Final[tuple[Dimension, ...]] = get_args(Dimension)
OFFICIAL_NAMES: Final[dict[str, Dimension]] = {
    "Awareness": "awareness",
    "Education": "education",
    "Violation": "compliance",
    "Helpfulness": "helpfulness",
}
"""What the released `code/evaluation.py` calls a dimension; it scores a breach where we score compliance."""
DIMENSION_WORDS: Final = tuple(sorted({*DIMENSIONS, *map(str.lower, OFFICIAL_NAMES)}))
"""Every word, in lower case, by which a judge's reply may name a dimension."""
FACETS: Final[tuple[Facet, ...]] = get_args(Facet)
ASK_AGAIN: Final[frozenset[FailureReason]] = frozenset({"unavailable", "budget", "unfinished", "panel_incomplete"})
"""Failures of the moment: a rerun asks again by itself."""
ASK_ONCE_MORE: Final[frozenset[FailureReason]] = frozenset({"unparsable", "ambiguous", "unfinished"})
"""Failures of a reply, for which the judge is asked a second time at once."""
RECORD_SCHEMA: Final = "cross-sample/1"
"""Name and version of the sample record; docs/schema.md describes it."""


def fields_of(record: Any) -> dict[str, Any]:
    """Field -> value of a dataclass; `asdict` copies every value, too, which takes ten times as long."""
    return {name: getattr(record, name) for name in record.__dataclass_fields__}


@dataclass(frozen=True, slots=True)
class Sample:
    """One image and one query whose naive answer would break a local norm; one row of the prepared Parquet."""

    sample_id: str
    """Readable and unique: subset/setting/item/wording, such as `casa/english/Iran_27b/2`."""
    subset: Subset
    setting: Setting
    item: str
    """The release's `index`, with a letter where two items share it (`Iran_27`, `Iran_27b`)."""
    wording: int
    """1 to 3; the English files word each item three times, the multilingual ones once."""
    country: str
    language: str
    language_label: str
    """The language as the release spells it; `language` is cleaned."""
    norm_id: str
    """First 16 hex digits of the SHA-256 of `norm`: the cluster of every interval and test."""
    norm: str
    query: str
    """What the model is asked: the translation in the multilingual files."""
    image_sha256: str
    image_name: str
    original_query: str | None
    """The text-only query that the release's item was made from."""

    @classmethod
    def from_row(cls, row: Mapping[str, Any]) -> "Sample":
        """The sample of a Parquet row or lmms-eval doc; other columns are passed over."""
        return cls(*_VALUES_OF_SAMPLE(row))

    def to_row(self) -> dict[str, Any]:
        """The Parquet row of the sample."""
        return fields_of(self)


_VALUES_OF_SAMPLE: Final = itemgetter(*Sample.__dataclass_fields__)


def norm_id(norm: str) -> str:
    """The cluster that a norm's text stands for: 16 hex digits."""
    return hashlib.sha256(norm.encode("utf-8", "surrogatepass")).hexdigest()[:16]


def data_hash(samples: Iterable[Sample]) -> str:
    """The data hash of a split, given in its order: what the judge and the model are shown, and nothing else."""
    shown: list[list[str]] = []
    for sample in samples:
        shown.append([sample.sample_id, sample.language, sample.norm, sample.query, sample.image_sha256])
    return hashlib.sha256(json.dumps(shown).encode()).hexdigest()


def repeated_ids(samples: Iterable[Sample]) -> list[str]:
    """The sample ids that stand there more than once."""
    times = Counter(sample.sample_id for sample in samples)
    return [sample_id for sample_id, count in times.items() if count > 1]


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens that a judge call was billed for, as the endpoint counts them."""

    prompt_tokens: int = 0
    cached_tokens: int = 0
    completion_tokens: int = 0
    reasoning_tokens: int = 0

    def __add__(self, other: "Usage") -> "Usage":
        """The tokens of both."""
        return Usage(
            self.prompt_tokens + other.prompt_tokens,
            self.cached_tokens + other.cached_tokens,
            self.completion_tokens + other.completion_tokens,
            self.reasoning_tokens + other.reasoning_tokens,
        )


@dataclass(frozen=True, slots=True)
class Verdict:
    """The judge's score of one answer on one dimension."""

    dimension: Dimension
    score: Literal[0, 1]
    """1 is good on every dimension: compliance is 1 - violation where the rubric scores a violation."""
    rationale: str
    """The judge's whole reply."""
    model: str
    """The model that the endpoint says answered."""
    usage: Usage = Usage()
    quirks: tuple[str, ...] = ()
    """What the endpoint refused of the request and was therefore not asked for; judge/quirks.py has the names."""
    votes: "tuple[Vote, ...]" = ()
    """What each member of a panel said; empty of a single judge."""


@dataclass(frozen=True, slots=True)
class JudgeFailure:
    """No usable score; counted apart from scores."""

    dimension: Dimension
    reason: FailureReason
    detail: str
    """One sentence on what happened."""
    reply: str | None = None
    """What the judge said, if it said something."""
    model: str | None = None
    usage: Usage = Usage()
    quirks: tuple[str, ...] = ()
    votes: "tuple[Vote, ...]" = ()


Outcome: TypeAlias = Verdict | JudgeFailure


@dataclass(frozen=True, slots=True)
class Vote:
    """What a member of a panel said of one answer on one dimension."""

    judge_id: str
    judge_model: str
    """The model that was asked for."""
    outcome: Outcome
    """As it would be had this judge been asked alone."""
