"""Files written whole or not at all, and what is said when they can't be."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

from lmms_eval_cross.errors import SettingsError


def write_text(path: Path, text: str) -> None:
    """Write a file that the user named, whole or not at all.

    Raises:
        SettingsError: it can't be written.
    """
    with unwritable_told(path):
        write_whole(path, text)


@contextmanager
def unwritable_told(path: Path) -> Iterator[None]:
    """Say in a sentence that what the user named can't be written."""
    try:
        yield
    except OSError as error:
        why = error.strerror or error
        raise SettingsError(f"{path} can't be written ({why}); name another place.") from None


def write_whole(path: Path, text: str, errors: Literal["strict", "replace"] = "strict") -> None:
    """Write a file whole or not at all; `errors` is what becomes of half a character, which UTF-8 can't write."""
    partial = path.parent / f".{path.name}.{os.getpid()}"
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        partial.write_text(text, encoding="utf-8", errors=errors)
        partial.replace(path)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise
