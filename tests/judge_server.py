"""An OpenAI-compatible server on the loopback: scripted, and with a log of what it was asked."""

import hashlib
import json
import re
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any

DIMENSIONS = ("Awareness", "Education", "Violation", "Helpfulness")
_RESPONSE = re.compile(r"<<RESPONSE>>\s*(.*?)\s*<<TASK>>", re.DOTALL)
_DIMENSION = re.compile(r"<<DIM:(\w+)>>")
_NATIVE = re.compile(r"equals signs in this message:\n(.*)\n={40}\n\nJudge that answer, [^\n]*\n(\w+): ", re.DOTALL)


@dataclass
class Asked:
    """A request, as it came over the wire."""

    method: str
    path: str
    headers: dict[str, str]
    body: dict[str, Any]

    @property
    def text(self) -> str:
        """The text part of the user message."""
        return str(next(p["text"] for p in self.body["messages"][-1]["content"] if p["type"] == "text"))

    @property
    def image(self) -> str:
        """The image's data URL."""
        return str(
            next(p for p in self.body["messages"][-1]["content"] if p["type"] == "image_url")["image_url"]["url"]
        )

    @property
    def dimension(self) -> str:
        """The dimension's name in the stand-in rubric."""
        found = _DIMENSION.search(self.text)
        assert found is not None
        return found[1]

    @property
    def response(self) -> str:
        """The answer under test, by the stand-in rubric's marks."""
        found = _RESPONSE.search(self.text)
        assert found is not None
        return found[1]


def read_native(text: str) -> tuple[str, str]:
    """Dimension and answer of a user message that our own rubric laid out."""
    found = _NATIVE.search(text)
    assert found is not None
    return found[2], found[1]


@dataclass
class Answer:
    """What the server says: a completion, or with another status an error."""

    content: str | None = None
    status: int = 200
    finish_reason: str = "stop"
    refusal: str | None = None
    error: dict[str, Any] | None = None
    headers: dict[str, str] = field(default_factory=dict)
    raw: bytes | None = None
    delay_seconds: float = 0
    drop: bool = False
    """Close the connection without a word."""


def score_of(response: str, dimension: str) -> int:
    """The number that this judge gives: any, but always the same, and dependent on the answer."""
    return hashlib.sha256(f"{dimension}:{response}".encode()).digest()[0] % 2


def judge_by_answer(asked: Asked) -> Answer:
    """The default script: a rationale and a score that depends on answer and dimension."""
    score = score_of(asked.response, asked.dimension)
    return Answer(f"On {asked.dimension}, I read {len(asked.response)} characters.\nScore: {score}")


class JudgeServer:
    """`with JudgeServer() as server:` serves at `server.url` until the block ends."""

    def __init__(
        self, script: Callable[[Asked], Answer] = judge_by_answer, models: tuple[str, ...] = ("gpt-4o-2024-08-06",)
    ):
        self.script = script
        self.models: tuple[str, ...] | None = models
        """None: the server keeps its models to itself (404 without a code)."""
        self.about_models: Callable[[Asked], Answer] | None = None
        """What is said to GET /models and /models/<id>, in place of the above."""
        self.keys: set[str] | None = None
        """The keys that are good; None: all, and none at all."""
        self.asked: list[Asked] = []
        self._lock = threading.Lock()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True

    @property
    def url(self) -> str:
        """The base URL."""
        return f"http://127.0.0.1:{self._server.server_port}/v1"

    @property
    def judged(self) -> list[Asked]:
        """The judge calls among what was asked."""
        return [asked for asked in self.asked if asked.path.endswith("/chat/completions")]

    def __enter__(self) -> "JudgeServer":
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()

    def answer(self, asked: Asked) -> Answer:
        """What the server says to a request."""
        with self._lock:
            self.asked.append(asked)
        given = asked.headers.get("authorization", "").removeprefix("Bearer ")
        if self.keys is not None and given not in self.keys:
            return Answer(
                status=401, error={"message": f"Incorrect API key provided: {given}", "code": "invalid_api_key"}
            )
        if "/models" in asked.path:
            return self._model(asked)
        if self.models is not None and asked.body["model"] not in self.models:
            return Answer(status=404, error={"message": "The model does not exist", "code": "model_not_found"})
        return self.script(asked)

    def _model(self, asked: Asked) -> Answer:
        if self.about_models is not None:
            return self.about_models(asked)
        if self.models is None:
            return Answer(status=404, raw=b'{"detail": "Not Found"}')
        name = asked.path.partition("/models/")[2]
        if name in self.models:
            return Answer(raw=json.dumps({"id": name, "object": "model", "created": 0, "owned_by": "test"}).encode())
        return Answer(status=404, error={"message": f"The model '{name}' does not exist", "code": "model_not_found"})

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                self._respond({})

            def do_POST(self) -> None:
                self._respond(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))

            def _respond(self, body: dict[str, Any]) -> None:
                headers = {name.lower(): value for name, value in self.headers.items()}
                answer = outer.answer(Asked(self.command, self.path, headers, body))
                if answer.delay_seconds:
                    time.sleep(answer.delay_seconds)
                if answer.drop:
                    self.close_connection = True
                    return
                data = _encode(answer, body.get("model", ""))
                self.send_response(answer.status)
                for name, value in {"Content-Type": "application/json", **answer.headers}.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        return Handler


def _encode(answer: Answer, model: str) -> bytes:
    if answer.raw is not None:
        return answer.raw
    if answer.status != 200:
        return json.dumps({"error": answer.error or {"message": "made to fail"}}).encode()
    message = {"role": "assistant", "content": answer.content, "refusal": answer.refusal}
    usage = {"prompt_tokens": 100, "completion_tokens": 20, "total_tokens": 120}
    choice = {"index": 0, "message": message, "finish_reason": answer.finish_reason, "logprobs": None}
    body = {"id": "x", "object": "chat.completion", "created": 0, "model": model, "choices": [choice], "usage": usage}
    return json.dumps(body).encode()
