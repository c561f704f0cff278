"""An OpenAI-compatible server on the loopback: scripted, and with a log of what it was asked."""

import base64
import hashlib
import json
import re
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from lmms_eval_cross.judge.sight import QUESTION, WORDS, picture_of
from tests.loopback import LoopbackServer, Reply

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

    def body(self, model: str) -> bytes:
        """The response's body, where `model` was asked for."""
        if self.raw is not None:
            return self.raw
        if self.status != 200:
            return json.dumps({"error": self.error or {"message": "made to fail"}}).encode()
        message = {"role": "assistant", "content": self.content, "refusal": self.refusal}
        choice = {"index": 0, "message": message, "finish_reason": self.finish_reason, "logprobs": None}
        usage = {"prompt_tokens": 100, "completion_tokens": 20, "total_tokens": 120}
        head = {"id": "x", "object": "chat.completion", "created": 0, "model": model}
        return json.dumps({**head, "choices": [choice], "usage": usage}).encode()


@cache
def words_in_pictures() -> dict[str, str]:
    """Base64 of a picture -> the word that it shows."""
    return {base64.b64encode(picture_of(word).data).decode(): word for word in WORDS}


def score_of(response: str, dimension: str) -> int:
    """The number that this judge gives: any, but always the same, and dependent on the answer."""
    return hashlib.sha256(f"{dimension}:{response}".encode()).digest()[0] % 2


def judge_by_answer(asked: Asked) -> Answer:
    """The default script: a rationale and a score that depends on answer and dimension."""
    score = score_of(asked.response, asked.dimension)
    return Answer(f"On {asked.dimension}, I read {len(asked.response)} characters.\nScore: {score}")


class JudgeServer(LoopbackServer):
    """`with JudgeServer() as server:` serves at `server.url` until the block ends."""

    def __init__(
        self, script: Callable[[Asked], Answer] = judge_by_answer, models: tuple[str, ...] = ("gpt-4o-2024-08-06",)
    ):
        super().__init__()
        self.script = script
        self.models: tuple[str, ...] | None = models
        """None: the server keeps its models to itself (404 without a code)."""
        self.about_models: Callable[[Asked], Answer] | None = None
        """What is said to GET /models and /models/<id>, in place of the above."""
        self.keys: set[str] | None = None
        """The keys that are good; None: all, and none at all."""
        self.asked: list[Asked] = []
        self.sees = True
        """Pictures with a word in them are read; False: the script answers."""
        self.shown: list[Asked] = []
        """The questions which word a picture shows."""
        self._lock = threading.Lock()

    @property
    def judged(self) -> list[Asked]:
        """The judge calls among what was asked."""
        return [asked for asked in self.asked if asked.path.endswith("/chat/completions")]

    def reply(self, method: str, path: str, headers: dict[str, str], data: bytes) -> Reply | None:
        """The answer as it goes over the wire."""
        body = json.loads(data) if data else {}
        answer = self.answer(Asked(method, path, headers, body))
        if answer.delay_seconds:
            time.sleep(answer.delay_seconds)
        return None if answer.drop else Reply(answer.body(body.get("model", "")), answer.status, answer.headers)

    def answer(self, asked: Asked) -> Answer:
        """What the server says to a request."""
        word = self.read(asked)
        if word is not None:
            return Answer(word)
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

    def read(self, asked: Asked) -> str | None:
        """The word in the picture, where the question is which word it shows; such questions are not in `asked`."""
        if asked.method != "POST" or not self.sees or QUESTION not in json.dumps(asked.body.get("messages")):
            return None
        with self._lock:
            self.shown.append(asked)
        return words_in_pictures()[asked.image.partition(",")[2]]

    def _model(self, asked: Asked) -> Answer:
        if self.about_models is not None:
            return self.about_models(asked)
        if self.models is None:
            return Answer(status=404, raw=b'{"detail": "Not Found"}')
        name = asked.path.partition("/models/")[2]
        if name in self.models:
            return Answer(raw=json.dumps({"id": name, "object": "model", "created": 0, "owned_by": "test"}).encode())
        return Answer(status=404, error={"message": f"The model '{name}' does not exist", "code": "model_not_found"})
