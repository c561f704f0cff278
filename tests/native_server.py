"""Judges on the loopback that are asked in Anthropic's and Google's own words, and in OpenAI's beside them."""

import json
import re
from collections.abc import Callable

from lmms_eval_cross.judge.sight import QUESTION
from tests.judge_server import score_of, words_in_pictures
from tests.loopback import Reply
from tests.provider_server import Call, Provider, Said, body_of

MODELS = {"anthropic": "claude-judge", "gemini": "gemini-judge", "openai": "compatible-judge"}


def judge_by_answer(call: Call) -> Said:
    """The script of `judge_server`, for the stand-in rubric."""
    text = text_of(call)
    name, response = re.search(r"<<DIM:(\w+)>>", text), re.search(r"<<RESPONSE>>\s*(.*?)\s*<<TASK>>", text, re.DOTALL)
    assert name is not None
    assert response is not None
    return Said(f"On {name[1]}.\nScore: {score_of(response[1], name[1])}")


def text_of(call: Call) -> str:
    """The words of the last message."""
    turn = call.body.get("contents", call.body.get("messages"))[-1]
    parts = turn.get("parts", turn.get("content"))
    return str(next(part["text"] for part in parts if "text" in part))


class NativeJudge(Provider):
    """Knows its models and keys, reads words in pictures, and says what its script says."""

    def __init__(self, script: Callable[[Call], Said] = judge_by_answer) -> None:
        super().__init__(script)
        self.key = "sk-native"
        self.sees = True
        self.shown: list[Call] = []
        self.refuse: Callable[[Call], Reply | None] = lambda _: None
        """What is answered in place of a reply, in a provider's own shape."""

    def reply(self, method: str, path: str, headers: dict[str, str], data: bytes) -> Reply:
        given = headers.get("x-api-key") or headers.get("x-goog-api-key") or headers.get("authorization", "")[7:]
        if given != self.key:
            return self._refuse_key(path, headers)
        if method == "GET":
            return self._model(path)
        call = Call(path, headers, json.loads(data))
        if self.sees and QUESTION in call.words:
            self.shown.append(call)
            word = next(word for picture, word in words_in_pictures().items() if picture in call.words)
            return Reply(json.dumps(body_of(call, Said(word))).encode())
        refused = self.refuse(call)
        if refused is not None:
            self.calls.append(call)
            return refused
        return super().reply(method, path, headers, data)

    def _refuse_key(self, path: str, headers: dict[str, str]) -> Reply:
        if "anthropic-version" in headers:
            return refusal(
                401, {"type": "error", "error": {"type": "authentication_error", "message": "invalid x-api-key"}}
            )
        words = "API key not valid. Please pass a valid API key."
        return refusal(400, {"error": {"code": 400, "message": words, "status": "INVALID_ARGUMENT"}})

    def _model(self, path: str) -> Reply:
        name = path.rpartition("/")[2]
        if name in MODELS.values():
            return Reply(json.dumps({"id": name, "name": f"models/{name}"}).encode())
        return refusal(404, {"error": {"type": "not_found_error", "message": f"model: {name}"}})


def refusal(status: int, body: object, **headers: str) -> Reply:
    """An answer that is no reply."""
    return Reply(json.dumps(body).encode(), status, headers)
