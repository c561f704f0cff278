"""The body of a download, within bounds of size, time and compression."""

import time
import zlib
from collections.abc import Iterable, Iterator
from typing import Final

MOST_BYTES: Final = 512 * 2**20
"""Of a file; the largest one of the release has a hundredth of that."""
MOST_SECONDS: Final = 600.0
"""For a file; a server may send a byte now and then for ever."""
_PIECE: Final = 2**20


class EndlessBodyError(ValueError):
    """A body that goes on, or grows, beyond all bounds."""


def limited(raw: Iterable[bytes], encoding: str) -> Iterator[bytes]:
    """The pieces of a body as it was before it was compressed.

    Args:
        raw: the bytes as they come.
        encoding: the header Content-Encoding.

    Raises:
        EndlessBodyError: the body is too large, too slow, or packed in more layers than one.
    """
    began, size = time.monotonic(), 0
    for piece in _unpacked(raw, encoding.strip().lower()):
        size += len(piece)
        if size > MOST_BYTES:
            raise EndlessBodyError(f"sends more than {MOST_BYTES:,} bytes")
        if time.monotonic() - began > MOST_SECONDS:
            raise EndlessBodyError(f"takes longer than {MOST_SECONDS:g} seconds")
        yield piece


def _unpacked(raw: Iterable[bytes], encoding: str) -> Iterator[bytes]:
    if encoding in {"", "identity"}:
        yield from raw
        return
    if encoding not in {"gzip", "x-gzip", "deflate"}:
        raise EndlessBodyError(f"packs what it sends as {encoding[:40]!r}, which was not asked for")
    unpacker = zlib.decompressobj(wbits=47)  # gzip or zlib, as the bytes say
    for packed in raw:
        piece = unpacker.decompress(packed, _PIECE)
        while piece:
            yield piece
            piece = unpacker.decompress(unpacker.unconsumed_tail, _PIECE)
        yield b""  # so that time is looked at
