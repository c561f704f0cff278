"""Text from outside, read within limits: a regular file, of a bounded size, JSON of a bounded depth, each key once."""

import json
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Any, BinaryIO, Final

from lmms_eval_cross.errors import CrossError

MOST_BYTES: Final = 2**30
"""Of a file; the samples of a whole run have a hundredth of that."""


def read_bytes(path: Path, most: int = MOST_BYTES) -> bytes:
    """The content of a regular file; a FIFO, a device or a folder is an error and is not waited for.

    Raises:
        ValueError: it is no file, or larger than `most` bytes.
        OSError: it can't be read.
    """
    with _open(path) as file:
        size = os.fstat(file.fileno()).st_size
        if size > most:
            raise ValueError(f"it has {size:,} bytes, and {most:,} are read at most")
        return file.read(most)


def read_given(path: Path, trouble: type[CrossError]) -> bytes:
    """The content of a file that a user named.

    Raises:
        CrossError: `trouble`: it can't be read.
    """
    try:
        return read_bytes(path)
    except OSError as error:
        raise trouble(f"{path} can't be read ({error.strerror}); check the path.") from None
    except ValueError as error:
        raise trouble(f"{path} can't be read ({error}); check the path.") from None


def read_lines(path: Path) -> Iterator[tuple[int, bytes]]:
    """The lines of a regular file with their numbers, from 1.

    Raises:
        ValueError: it is no file, or has a line that is too long.
        OSError: it can't be read.
    """
    with _open(path) as file:
        for number in count(1):
            line = file.readline(MOST_BYTES + 1)
            if len(line) > MOST_BYTES:
                raise ValueError(f"line {number} is longer than {MOST_BYTES:,} bytes")
            if not line:
                return
            yield number, line


def _open(path: Path) -> BinaryIO:
    """A regular file; whatever else stands there is not waited for."""
    file = os.fdopen(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), "rb")
    if stat.S_ISREG(os.fstat(file.fileno()).st_mode):
        return file
    file.close()
    raise ValueError("it is not a regular file")


def read_text(path: Path, most: int = MOST_BYTES) -> str:
    """The same in UTF-8; bytes that are none are a ValueError too."""
    return read_bytes(path, most).decode("utf-8")


def parse_json(text: str | bytes) -> Any:
    """JSON as others write it (NaN too).

    Raises:
        ValueError: it is none, or too deep.
    """
    with depth_told():
        return json.loads(text)


def parse_strict_json(text: str | bytes) -> Any:
    """JSON as we write it: every key once, and no NaN.

    Raises:
        ValueError: it is not.
    """
    with depth_told():
        return json.loads(text, object_pairs_hook=_each_key_once, parse_constant=_no_constant)


@contextmanager
def depth_told() -> Iterator[None]:
    """Of a parser that goes deeper with every bracket: ValueError where Python goes no deeper."""
    try:
        yield
    except RecursionError:
        raise ValueError("it is too deep") from None


def _each_key_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) < len(pairs):
        keys = [key for key, _ in pairs]
        twice = next(key for key in keys if keys.count(key) > 1)
        raise ValueError(f"the key {twice[:80]!r} stands there twice")
    return members


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is no number of JSON")
