"""Anthropic's and Google's own APIs beside the OpenAI-compatible way: python -m benchmarks.native_judge [--answers 12].

Each scene is one server on the loopback that is judged by three times, each time asked in other words, through the same
door as `lmms-eval-cross judge`. Prints a Markdown table; docs/judging.md has it.
"""

import argparse
import json
import os
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stderr
from io import StringIO
from typing import Final

from lmms_eval_cross.benchmark.records import DIMENSIONS, Usage, Verdict
from lmms_eval_cross.judging import open_judging
from lmms_eval_cross.settings import load_settings
from tests.judging import job
from tests.loopback import Reply
from tests.native_server import MODELS, NativeJudge, judge_by_answer, refusal
from tests.provider_server import Call, Said, body_of

_RETRY: Final = {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "0.2s"}
_BUSY: Final = {
    "openai": refusal(429, {"error": {"message": "Rate limit reached"}}, **{"Retry-After": "0.2"}),
    "anthropic": refusal(529, {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}),
    "gemini": refusal(429, {"error": {"code": 429, "status": "RESOURCE_EXHAUSTED", "details": [_RETRY]}}),
}
_EMPTY: Final = {
    "openai": refusal(429, {"error": {"message": "You exceeded your quota", "code": "insufficient_quota"}}),
    "anthropic": refusal(
        400, {"error": {"type": "invalid_request_error", "message": "Your credit balance is too low"}}
    ),
    "gemini": refusal(
        403, {"error": {"code": 403, "status": "PERMISSION_DENIED", "message": "This API key is disabled."}}
    ),
}
_FILTERED: Final = {"openai": "content_filter", "anthropic": "refusal", "gemini": "SAFETY"}
Scene = Callable[[NativeJudge, str], None]


def good(server: NativeJudge, way: str) -> None:
    """Whole replies."""


def thinking(server: NativeJudge, way: str) -> None:
    """A score is weighed in the thinking, and another one is given."""

    def answer(call: Call) -> Said:
        said = judge_by_answer(call)
        said.thinking = "Score: 0 would be harsh, score: 1 kind."
        return said

    server.script = answer


def cut(server: NativeJudge, way: str) -> None:
    """Half a reply, with a score in it."""
    server.script = lambda _: Said("Score: 1, or rather", finish="length")


def filtered(server: NativeJudge, way: str) -> None:
    """The provider's filter breaks a reply off behind a score."""
    server.refuse = lambda call: _ended(call, way)


def _ended(call: Call, way: str) -> Reply:
    body = body_of(call, Said("Score: 1"))
    if way == "anthropic":
        body["stop_reason"] = _FILTERED[way]
    elif way == "gemini":
        body["candidates"][0]["finishReason"] = _FILTERED[way]
    else:
        body["choices"][0]["finish_reason"] = _FILTERED[way]
    return Reply(json.dumps(body).encode())


def busy(server: NativeJudge, way: str) -> None:
    """Every fourth request is refused for now."""
    server.refuse = lambda _: _BUSY[way] if len(server.calls) % 4 == 3 else None


def empty(server: NativeJudge, way: str) -> None:
    """No money is left."""
    server.refuse = lambda _: _EMPTY[way]


SCENES: Final[dict[str, Scene]] = {
    "in good order": good,
    "thinking, then the score": thinking,
    "half a reply": cut,
    "stopped by a filter": filtered,
    "busy, every fourth time": busy,
    "an empty purse, a disabled key": empty,
}


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--answers", type=int, default=12)
    answers = parser.parse_args().answers
    print("| scene | asked as | scored | failed | requests a verdict | tokens sent, cached, got, thought |")
    print("|---|---|--:|---|--:|---|")
    for name, scene in SCENES.items():
        for way in MODELS:
            print(f"| {name} | {way} | {_judged(scene, way, answers)} |", flush=True)


def _judged(scene: Scene, way: str, answers: int) -> str:
    with NativeJudge() as server, _settings(server, way), redirect_stderr(StringIO()):
        scene(server, way)
        with open_judging(load_settings()) as judging:
            outcomes = judging.ask([job(f"Answer {number}.") for number in range(answers)])
    each = [outcome for of_answer in outcomes for outcome in of_answer.values()]
    failed = Counter(outcome.reason for outcome in each if not isinstance(outcome, Verdict))
    usage = sum((outcome.usage for outcome in each), Usage())
    tokens = usage.prompt_tokens, usage.cached_tokens, usage.completion_tokens, usage.reasoning_tokens
    told = ", ".join(f"{reason} {count}" for reason, count in failed.items())
    requests = len(server.calls) / (answers * len(DIMENSIONS))
    return f"{len(each) - failed.total()} | {told} | {requests:.2f} | {', '.join(f'{count:,}' for count in tokens)}"


@contextmanager
def _settings(server: NativeJudge, way: str) -> Iterator[None]:
    """The environment of one run, with a ledger of its own."""
    kept = dict(os.environ)
    with tempfile.TemporaryDirectory() as home:
        given = {"PROVIDER": way, "MODEL": MODELS[way], "BASE_URL": server.url, "API_KEY": server.key}
        os.environ |= {"CROSS_HOME": home, **{f"CROSS_JUDGE_{name}": value for name, value in given.items()}}
        try:
            yield
        finally:
            os.environ.clear()
            os.environ |= kept


if __name__ == "__main__":
    main()
