"""Which runs a report was made of, told by a mark in its files: a report of other runs is not overwritten."""

import hashlib
import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final

from lmms_eval_cross.errors import RunError

_END: Final = 8192
"""The mark stands within so many bytes of a file's beginning."""


def mark_of(runs: Sequence[Path]) -> str:
    """What stands in every file of a report: a hash of where its runs lie, as they were named, in any order."""
    places = sorted({os.fsencode(path.resolve()) for path in runs})
    digest = hashlib.sha256(b"\0".join(places)).hexdigest()
    return f"report-of-{digest[:16]}"


def refuse_to_overwrite(files: Iterable[Path], mark: str) -> None:
    """Nothing, if every file that is there already was made of the same runs.

    Raises:
        RunError: a file is none of ours, or of other runs.
    """
    for file in files:
        if file.is_file() and mark.encode() not in _beginning(file):
            raise RunError(f"{file} is there, and is no report of these runs; name another file, or add --force.")


def _beginning(file: Path) -> bytes:
    try:
        with file.open("rb") as content:
            return content.read(_END)
    except OSError as error:
        raise RunError(f"{file} can't be read ({error.strerror}); name another file.") from None
