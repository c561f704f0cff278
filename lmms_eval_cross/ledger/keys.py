"""The verdict key: equal keys mean that the judge would be asked the same."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from lmms_eval_cross.benchmark.records import Dimension
from lmms_eval_cross.text import canonical_json


@dataclass(frozen=True, slots=True)
class Texts:
    """What the judge is given to read."""

    query: str
    norm: str
    response: str

    @property
    def sha256(self) -> str:
        """Stands for them where they shall not be kept."""
        return _sha256(asdict(self))


@dataclass(frozen=True, slots=True)
class VerdictKey:
    """All that decides a verdict, and no address.

    The texts themselves are hashed, so a ledger with keys alone gives no benchmark text away.
    """

    rubric_sha256: str
    profile: str
    judge_id: str
    request: Mapping[str, Any]
    """Every request setting that changes the answer, such as the temperature."""
    dimension: Dimension
    query: str
    norm: str
    response: str
    image_sha256: str
    repeat: int = 0

    @property
    def digest(self) -> str:
        """SHA-256 of the canonical JSON, 64 hex digits."""
        return _sha256(asdict(self))

    @property
    def outline(self) -> str:
        """The canonical JSON with a hash in place of the texts: who has the answer can derive the key from it."""
        parts = asdict(self)
        texts = Texts(parts.pop("query"), parts.pop("norm"), parts.pop("response"))
        return canonical_json({**parts, "texts": texts.sha256})


def key_of(outline: str | None, texts_of: Mapping[str, Texts]) -> VerdictKey | None:
    """The key of an outline, None where either is missing.

    Args:
        outline: what a key's `outline` gave, if it was written down.
        texts_of: texts by their hash, among them those of the key.
    """
    if not outline:
        return None
    parts = json.loads(outline)
    texts = texts_of.get(parts.pop("texts"))
    if texts is None:
        return None
    return VerdictKey(**parts, **asdict(texts))


def _sha256(value: object) -> str:
    return hashlib.sha256(canonical_json(value).encode("ascii")).hexdigest()
