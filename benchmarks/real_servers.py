"""litellm's proxy and transformers serve, as `make servers` installs them, on the loopback and without a network."""

import json
import os
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from benchmarks.free_port import free_port
from tests.judge_server import Answer, Asked, JudgeServer
from tests.scenes import GOOD, HALF, ONE, completion, says

BIN: Final = Path(__file__).resolve().parent.parent / ".venv-servers" / "bin"
KEY: Final = "sk-front"
"""Of the proxy's users."""
SAME_REPLY: Final = "Score: 1"
"""What the models of transformers serve say to everything."""
_START_SECONDS: Final = 600
_FOUR: Final = json.dumps(dict.fromkeys(("awareness", "education", "violation", "helpfulness"), ONE))


def are_installed() -> bool:
    """Whether `make servers` was made."""
    return (BIN.parent / ".installed").exists()


def _busy(asked: Asked, counts: dict[str, int]) -> Answer:
    """Every fourth call is refused, with a wait of a second."""
    counts["busy"] = counts.get("busy", 0) + 1
    if counts["busy"] % 4:
        return says(GOOD)
    return Answer(status=429, error={"message": "Rate limit reached", "code": None}, headers={"Retry-After": "1"})


_EMPTY: Final = {
    "message": "You exceeded your current quota, please check your plan and billing details.",
    "code": "insufficient_quota",
}
"""In OpenAI's words, for the proxy keeps no codes; likewise Azure's below."""
_FILTER: Final = {
    "message": "The prompt triggered Azure OpenAI's content management policy.",
    "code": "content_filter",
    "param": "prompt",
    "type": None,
}
_NO_SCHEMA: Final = {"message": "response_format is not supported", "param": "response_format", "code": None}
BEHIND: Final[dict[str, Answer]] = {
    "good": says(GOOD),
    "parts": says([{"type": "text", "text": GOOD}]),
    "thinking": completion({"role": "assistant", "content": GOOD, "reasoning_content": "Score: 0?"}),
    "think-tags": says(f"<think>Score: 0?</think>{GOOD}"),
    "half": says(HALF, "length"),
    "stopped": says(HALF, "content_filter"),
    "odd-end": says(HALF, "a word of tomorrow"),
    "empty": says(""),
    "filter": Answer(status=400, error=_FILTER),
    "key": Answer(status=401, error={"message": "Incorrect API key provided", "code": "invalid_api_key"}),
    "purse": Answer(status=429, error=_EMPTY),
    "down": Answer(status=503, error={"message": "Overloaded"}),
    "joint": says(f"So:\n{_FOUR}"),
    "no-schema": Answer(status=400, error=_NO_SCHEMA),
}
"""A model of the proxy -> what the server behind it says; `busy` and `no-schema` look at the call, too."""
MODELS: Final = (*BEHIND, "busy")


def behind(counts: dict[str, int], asked: Asked) -> Answer:
    """The script of the server behind the proxy."""
    name = asked.body["model"]
    if name == "busy":
        return _busy(asked, counts)
    if name == "no-schema" and "response_format" not in asked.body:
        return BEHIND["joint"]
    return BEHIND[name]


@contextmanager
def litellm_proxy(server: JudgeServer, folder: Path) -> Iterator[str]:
    """The proxy in front of a judge; yields its base URL. It tries nothing again by itself, so that we see all."""
    rows = [
        {
            "model_name": name,
            "litellm_params": {"model": f"openai/{name}", "api_base": server.url, "api_key": "sk-behind"},
        }
        for name in MODELS
    ]
    config = {
        "model_list": rows,
        "litellm_settings": {"telemetry": False, "num_retries": 0},
        "router_settings": {"num_retries": 0},
        "general_settings": {"master_key": KEY},
    }
    path = folder / "litellm.yaml"
    path.write_text(json.dumps(config), encoding="utf-8")  # JSON is YAML
    port = free_port()
    command = [BIN / "litellm", "--config", path, "--host", "127.0.0.1", "--port", port, "--telemetry", "False"]
    extra = {"LITELLM_LOCAL_MODEL_COST_MAP": "True", "LITELLM_MODE": "PRODUCTION", "NO_DOCS": "True"}
    with _running(command, extra, folder, f"http://127.0.0.1:{port}/health/liveliness"):
        yield f"http://127.0.0.1:{port}/v1"


@contextmanager
def transformers_serve(model: Path, folder: Path) -> Iterator[str]:
    """A model on disk, served; yields the base URL."""
    port = free_port()
    command = [BIN / "transformers", "serve", "--host", "127.0.0.1", "--port", port, "--device", "cpu", model]
    extra = {"HF_HUB_OFFLINE": "1", "CUDA_VISIBLE_DEVICES": "", "OMP_NUM_THREADS": "1"}
    with _running(command, extra, folder, f"http://127.0.0.1:{port}/health"):
        yield f"http://127.0.0.1:{port}/v1"


@contextmanager
def _running(command: Sequence[object], extra: dict[str, str], folder: Path, health: str) -> Iterator[None]:
    """The server, with nothing of the user's environment, until the block ends."""
    environment = {"PATH": os.defpath, "HOME": str(folder), **extra}
    with (folder / "server.log").open("wb") as log:
        process = subprocess.Popen([*map(str, command)], env=environment, stdout=log, stderr=log)
        try:
            _wait_for(process, health, folder / "server.log")
            yield
        finally:
            process.terminate()
            try:
                process.wait(30)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _wait_for(process: "subprocess.Popen[bytes]", health: str, log: Path) -> None:
    end = time.monotonic() + _START_SECONDS
    while time.monotonic() < end:
        if process.poll() is not None:
            break
        try:
            with urllib.request.urlopen(health, timeout=5):
                return
        except OSError:
            time.sleep(1)
    sys.exit(f"A server did not start: {log.read_text(encoding='utf-8', errors='replace')[-2000:]}")
