"""An endpoint on the loopback that says `Score: 1` after a while; started by benchmarks/judge.py as a process.

Plain asyncio: it reads a body into one buffer and throws it away, so that pictures cost the server next to nothing.
"""

import argparse
import asyncio
import json
import random
from dataclasses import dataclass, field
from typing import cast

KEY = "sk-good"
_WORDS = "The answer names the custom and says what to bring instead. " * 6
_COMPLETION = json.dumps(
    {
        "id": "x",
        "object": "chat.completion",
        "created": 0,
        "model": "judge",
        "choices": [
            {"index": 0, "message": {"role": "assistant", "content": _WORDS + "Score: 1"}, "finish_reason": "stop"}
        ],
        "usage": {"prompt_tokens": 1500, "completion_tokens": 90, "total_tokens": 1590},
    }
).encode()


@dataclass
class Behaviour:
    """What the server does, and what it has counted."""

    latency: float
    spread: float
    """Standard deviation of the logarithm of the latency; 0 for a fixed one."""
    rate: float
    """Requests a second that the token bucket lets in; 0 for all."""
    burst: float
    headers: str
    """`full`: x-ratelimit and Retry-After; `retry`: Retry-After alone; `none`."""
    refuse: float = 0.0
    """The share of calls that are refused at random."""
    counts: dict[str, float] = field(default_factory=dict)
    _level: float = -1.0
    _at: float = 0.0
    _began: float = 0.0
    """When the first chat came."""

    def reset(self) -> None:
        """Start anew with a full bucket."""
        self.counts = {"calls": 0, "ok": 0, "refused": 0, "unauthorized": 0, "seconds": 0.0}
        self._level, self._at, self._began = self.burst, asyncio.get_running_loop().time(), 0.0

    def answer(self, head: bytes) -> tuple[float, bytes]:
        """Seconds to wait, and the response."""
        if head.startswith(b"POST /reset"):
            self.reset()
            return 0.0, _response(200, b"{}")
        if head.startswith(b"GET /counts"):
            return 0.0, _response(200, json.dumps(self.counts).encode())
        self.counts["calls"] += 1
        if f"authorization: bearer {KEY}".encode() not in head.lower():
            self.counts["unauthorized"] += 1
            return 0.0, _response(401, b'{"error": {"message": "Incorrect API key", "code": "invalid_api_key"}}')
        if b"/models" in head.split(b"\r\n", 1)[0]:
            self.counts["calls"] -= 1
            return 0.0, _response(200, b'{"id": "judge", "object": "model", "created": 0, "owned_by": "me"}')
        return self._chat()

    def _chat(self) -> tuple[float, bytes]:
        now = asyncio.get_running_loop().time()
        self._began = self._began or now
        if random.random() < self.refuse:
            self.counts["refused"] += 1
            return 0.0, _response(429, b'{"error": {"message": "Too many requests"}}')
        if self.rate:
            self._level, self._at = min(self.burst, self._level + self.rate * (now - self._at)), now
            if self._level < 1:
                self.counts["refused"] += 1
                return 0.0, _response(429, b'{"error": {"message": "Too many requests"}}', self._told())
            self._level -= 1
        self.counts["ok"] += 1
        latency = self.latency * (random.lognormvariate(0, self.spread) if self.spread else 1.0)
        self.counts["seconds"] = now + latency - self._began  # from the first question to the last answer
        return latency, _response(200, _COMPLETION, self._told())

    def _told(self) -> str:
        if not self.rate or self.headers == "none":
            return ""
        wait = "Retry-After: 1\r\n" if self._level < 1 else ""
        if self.headers == "retry":
            return wait
        reset = (self.burst - self._level) / self.rate
        return (
            f"{wait}x-ratelimit-limit-requests: {self.burst:.0f}\r\n"
            f"x-ratelimit-remaining-requests: {int(self._level)}\r\n"
            f"x-ratelimit-reset-requests: {reset * 1000:.0f}ms\r\n"
        )


def _response(status: int, body: bytes, extra: str = "") -> bytes:
    head = f"HTTP/1.1 {status} X\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n{extra}\r\n"
    return head.encode() + body


class Connection(asyncio.BufferedProtocol):
    """One keep-alive connection, one request at a time."""

    def __init__(self, behaviour: Behaviour) -> None:
        self._behaviour = behaviour
        self._buffer = bytearray(1 << 20)
        self._head = b""
        self._due = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the way back."""
        self._transport = cast(asyncio.Transport, transport)

    def get_buffer(self, sizehint: int) -> bytearray:
        """Every read goes to the same bytes."""
        return self._buffer

    def buffer_updated(self, nbytes: int) -> None:
        """Read a head, count the body off, answer."""
        if self._due:
            self._due -= nbytes
            if self._due == 0:
                self._answer()
            return
        self._head += bytes(self._buffer[:nbytes])
        head, found, body = self._head.partition(b"\r\n\r\n")
        if found:
            self._head = head
            lengths = [line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
            self._due = (int(lengths[0].split(b":")[1]) if lengths else 0) - len(body)
            if self._due == 0:
                self._answer()

    def _answer(self) -> None:
        seconds, response = self._behaviour.answer(self._head)
        self._head = b""
        if seconds:
            asyncio.get_running_loop().call_later(seconds, self._write, response)
        else:
            self._write(response)

    def _write(self, response: bytes) -> None:
        if not self._transport.is_closing():
            self._transport.write(response)


async def serve(behaviour: Behaviour) -> None:
    """Serve for ever; the port is printed first."""
    behaviour.reset()
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Connection(behaviour), "127.0.0.1", 0, backlog=512)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--latency", type=float, default=0.5)
    parser.add_argument("--spread", type=float, default=0.0)
    parser.add_argument("--rate", type=float, default=0.0)
    parser.add_argument("--burst", type=float, default=50.0)
    parser.add_argument("--headers", choices=["full", "retry", "none"], default="full")
    parser.add_argument("--refuse", type=float, default=0.0)
    asyncio.run(serve(Behaviour(**vars(parser.parse_args()))))
