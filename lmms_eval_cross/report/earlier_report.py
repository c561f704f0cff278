"""Which runs a report was made of, told by a mark in its files: a report of other runs is not overwritten."""

import hashlib
import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final

from lmms_eval_cross.errors import RunError

_MARK: Final = "report-of-"
_BEGINNING: Final = 8192
"""The mark stands within so many bytes of a file's beginning."""


def mark_of(runs: Sequence[Path]) -> str:
    """What stands in every file of a report: a hash of where its runs lie, as they were named, in any order."""
    places = sorted({os.fsencode(path.resolve()) for path in runs})
    digest = hashlib.sha256(b"\0".join(places)).hexdigest()
    return f"{_MARK}{digest[:16]}"


def refuse_to_overwrite(files: Iterable[Path], mark: str) -> None:
    """Nothing, unless a file is there already that is a report of other runs.

    Raises:
        RunError: one is.
    """
    for file in files:
        beginning = _beginning(file) if file.is_file() else b""
        if _MARK.encode() in beginning and mark.encode() not in beginning:
            raise RunError(f"{file} is a report of other runs; name another file, or overwrite it with --force.")


def _beginning(file: Path) -> bytes:
    try:
        with file.open("rb") as content:
            return content.read(_BEGINNING)
    except OSError as error:
        raise RunError(f"{file} can't be read ({error.strerror}); name another file.") from None
