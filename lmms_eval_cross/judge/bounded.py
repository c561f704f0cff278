"""An HTTP client that reads no answer without end."""

import ssl
from collections.abc import AsyncIterator
from typing import Final

import httpx2
from openai import DefaultAsyncHttpxClient

from lmms_eval_cross.judge.body import MOST_BYTES

_MOST_COMPRESSED: Final = 100_000
"""Compressed bytes, which we don't ask for, may become a thousand times as many."""


class AnswerTooLarge(httpx2.TransportError):
    """An answer passed the size that a reply may have."""


class _Bounded(httpx2.AsyncByteStream):
    def __init__(self, stream: httpx2.AsyncByteStream, most: int) -> None:
        self._stream, self._left = stream, most

    async def __aiter__(self) -> AsyncIterator[bytes]:
        async for part in self._stream:
            self._left -= len(part)
            if self._left < 0:
                raise AnswerTooLarge("The answer is too large.")
            yield part

    async def aclose(self) -> None:
        await self._stream.aclose()


async def _bound(response: httpx2.Response) -> None:
    """Called when the headers are there and the body is not."""
    most = MOST_BYTES
    if response.headers.get("content-encoding", "identity") != "identity":
        most = _MOST_COMPRESSED
    if isinstance(response.stream, httpx2.AsyncByteStream):
        response.stream = _Bounded(response.stream, most)


def bounded_client(certificates: ssl.SSLContext) -> httpx2.AsyncClient:
    """The SDK's own HTTP client with that bound."""
    return DefaultAsyncHttpxClient(event_hooks={"response": [_bound]}, verify=certificates)
