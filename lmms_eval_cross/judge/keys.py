"""The verdict key: equal keys mean that the judge would be asked the same."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from lmms_eval_cross.records import Dimension


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
        return hashlib.sha256(canonical_json(asdict(self)).encode("ascii")).hexdigest()


def canonical_json(value: object) -> str:
    """One text for equal values: sorted keys, no spaces, ASCII (lone surrogates stay escaped)."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False)
