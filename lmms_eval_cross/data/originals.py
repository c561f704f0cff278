"""Whether who asks for a sample's picture takes the bytes of its file, and needs no decoded picture."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Final

_WANTED: Final = ContextVar("originals_are_wanted", default=False)


@contextmanager
def original_pictures() -> Iterator[None]:
    """Within this, `doc_to_messages` gives a `StoredImage`: the bytes as released, neither decoded nor encoded anew."""
    token = _WANTED.set(True)
    try:
        yield
    finally:
        _WANTED.reset(token)


def originals_are_wanted() -> bool:
    """Whether that is so here, in this thread or task."""
    return _WANTED.get()
