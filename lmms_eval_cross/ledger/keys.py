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
        kept = asdict(self)
        texts = Texts(kept.pop("query"), kept.pop("norm"), kept.pop("response"))
        return canonical_json({**kept, "texts": texts.sha256})


def outlined(outline: str, texts: Mapping[str, Texts]) -> VerdictKey | None:
    """The key of an outline.

    Args:
        outline: what a key's `outline` gave.
        texts: hash -> texts; without those of the key there is none.
    """
    kept = json.loads(outline)
    found = texts.get(kept.pop("texts"))
    return None if found is None else VerdictKey(**kept, **asdict(found))


def _sha256(value: object) -> str:
    return hashlib.sha256(canonical_json(value).encode("ascii")).hexdigest()
