"""The verdict key: equal keys mean that the judge would be asked the same."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from lmms_eval_cross.benchmark.records import Dimension, fields_of
from lmms_eval_cross.text import canonical_json

_NAMES: Final = ("rubric_sha256", "profile", "judge_id", "dimension", "image_sha256")
_PARTS: Final = frozenset({*_NAMES, "request"})
"""Of every outline, beside the texts' hash; `repeat` is in those of later releases."""


@dataclass(frozen=True, slots=True)
class Texts:
    """What the judge is given to read."""

    query: str
    norm: str
    response: str

    @property
    def sha256(self) -> str:
        """Stands for them where they shall not be kept."""
        return _sha256(self.parts)

    @property
    def parts(self) -> dict[str, str]:
        """By their names in a key; a million of them take seconds, and `asdict` a minute."""
        return {"query": self.query, "norm": self.norm, "response": self.response}


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
        return _sha256(fields_of(self))

    @property
    def outline(self) -> str:
        """The canonical JSON with a hash in place of the texts: who has the answer can derive the key from it."""
        parts = fields_of(self)
        texts = Texts(parts.pop("query"), parts.pop("norm"), parts.pop("response"))
        return canonical_json({**parts, "texts": texts.sha256})


@dataclass(frozen=True, slots=True)
class Outline:
    """A key without its texts, which a hash stands for."""

    parts: Mapping[str, Any]
    texts: str
    """`Texts.sha256`."""

    def digest(self, texts: Texts) -> str:
        """The digest of the key that the outline was made of, given its texts."""
        return _sha256({**self.parts, **texts.parts})


def read_outline(text: str) -> Outline:
    """What a key's `outline` gave.

    Raises:
        ValueError: the text is no outline.
    """
    try:
        parts = json.loads(text)
        texts = parts.pop("texts")
    except (AttributeError, KeyError, TypeError, RecursionError) as error:
        raise ValueError(f"no outline of a key ({error})") from None
    if parts.keys() - _PARTS - {"repeat"} or _PARTS - parts.keys():
        raise ValueError("an outline with other parts than a key's")
    if not all(isinstance(parts[name], str) for name in _NAMES) or not isinstance(texts, str):
        raise ValueError("an outline with a name of another type")
    return Outline(parts, texts)


def _sha256(value: object) -> str:
    return hashlib.sha256(canonical_json(value).encode("ascii")).hexdigest()
