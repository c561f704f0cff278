"""JSON files that carry the hash of their content, so that a later change is noticed."""

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from lmms_eval_cross.files import write_text
from lmms_eval_cross.outside import parse_strict_json
from lmms_eval_cross.text import canonical_json

SEAL: Final = "sha256"


class BrokenSealError(ValueError):
    """The content is not what was written."""


def write_sealed(path: Path, content: Mapping[str, Any]) -> None:
    """Write an object with its hash, a list entry a line, whole or not at all."""
    write_text(path, _lines({**content, SEAL: seal_of(content)}))


def read_sealed(raw: bytes) -> dict[str, Any]:
    """The object that `write_sealed` wrote.

    Raises:
        BrokenSealError: it was changed since.
        ValueError: it is no JSON object with a hash.
    """
    content = parse_strict_json(raw)
    if not isinstance(content, dict) or SEAL not in content:
        raise ValueError(f"no object with {SEAL}")
    seal = content.pop(SEAL)
    if not isinstance(seal, str) or seal != _sealed(content):
        raise BrokenSealError("the content does not fit its hash")
    return content


def seal_of(content: Mapping[str, Any]) -> str:
    """The hash of an object's content. It has no key: who edits the content can make a seal for it too."""
    return hashlib.sha256(canonical_json(content).encode("ascii")).hexdigest()


def _sealed(content: Mapping[str, Any]) -> str | None:
    """The seal, None of what no seal can be made of."""
    try:
        return seal_of(content)
    except RecursionError:
        return None


def _lines(content: Mapping[str, Any]) -> str:
    """JSON that shows in a diff which entries differ."""
    parts = []
    for name, value in content.items():
        shown = canonical_json(value)
        if isinstance(value, list) and value:
            shown = "[\n" + ",\n".join(map(canonical_json, value)) + "\n]"
        parts.append(f"{canonical_json(name)}: {shown}")
    return "{\n" + ",\n".join(parts) + "\n}\n"
