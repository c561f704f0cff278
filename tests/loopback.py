"""A web server on the loopback, for tests to say what it answers."""

import threading
import time
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TypeVar

Started = TypeVar("Started", bound="LoopbackServer")


@dataclass(frozen=True)
class Reply:
    """What the server says."""

    body: bytes
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    cut_off: bool = False
    """Promise a longer body, and close the connection after this much."""


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 256


class LoopbackServer:
    """Serves from `with LoopbackServer() as server:` until the block ends."""

    def __init__(self) -> None:
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def do_GET(self) -> None:
                _answer(outer, self)

            def do_POST(self) -> None:
                _answer(outer, self)

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        self._server = _Server(("127.0.0.1", 0), Handler)

    @property
    def host(self) -> str:
        """Address and port."""
        return f"127.0.0.1:{self._server.server_port}"

    @property
    def url(self) -> str:
        """The base URL."""
        return f"http://{self.host}/v1"

    def __enter__(self: Started) -> Started:
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def pause(self, seconds: float) -> None:
        """Close the port for a while, and serve there again."""
        address, handler = self._server.server_address, self._server.RequestHandlerClass
        self._server.shutdown()
        self._server.server_close()
        time.sleep(seconds)
        self._server = _Server(address, handler)
        self.__enter__()

    def reply(self, method: str, path: str, headers: dict[str, str], data: bytes) -> Reply | None:
        """What to say to a request, whose headers' names are in lower case; None closes the connection."""
        raise NotImplementedError


def _answer(server: LoopbackServer, request: BaseHTTPRequestHandler) -> None:
    headers = {name.lower(): value for name, value in request.headers.items()}
    length = int(headers.get("content-length", 0))
    data = request.rfile.read(length)
    if len(data) < length:  # who asked was killed meanwhile
        return
    reply = server.reply(request.command, request.path, headers, data)
    request.close_connection |= reply is None or reply.cut_off
    if reply is None:
        return
    request.send_response(reply.status)
    for name, value in {"Content-Type": "application/json", **reply.headers}.items():
        request.send_header(name, value)
    request.send_header("Content-Length", str(len(reply.body) + 1000 * reply.cut_off))
    request.end_headers()
    request.wfile.write(reply.body)
