"""A filter before lmms-eval's own: what comes out of it can be logged."""

from collections.abc import Iterable, Sequence
from typing import Any

from lmms_eval_cross.text import sendable


class Writable:
    """Replaces lone surrogates, which UTF-8 can't write, by U+FFFD.

    lmms-eval would stop writing a task's samples at the first of them, and exit with 0.
    """

    def apply(self, resps: Iterable[Sequence[Any]], docs: object) -> list[list[Any]]:
        """The responses of each request, writable."""
        return [list(map(_writable, texts)) for texts in resps]


def _writable(response: Any) -> Any:
    """Whatever a model gives besides texts stays as it is."""
    if isinstance(response, str):
        return sendable(response)
    return response
