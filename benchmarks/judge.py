"""The judge engine beside other ways to make the same calls, in one run on one machine.

    python benchmarks/judge.py                  # all of it, some ten minutes
    python benchmarks/judge.py --only fixed-3kB --rounds 1

A loopback server answers each call after 0.5 s. Every way judges the same 321 samples on four dimensions (the serial
loop and lmms-eval's provider a part of them, since they are slow) in a process of its own. Rounds are interleaved; the
table shows medians, and under `of bare` the median of the rounds' ratios. `bare` is an AsyncOpenAI loop held at 64
calls in flight with its messages made in advance. The engine has a ledger in which an earlier run noted what this
endpoint takes; `engine, first run` has not.
"""

import argparse
import base64
import concurrent.futures
import hashlib
import json
import os
import random
import resource
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))
from benchmarks.bare_loop import bare_loop  # noqa: E402
from benchmarks.loopback_judge import KEY  # noqa: E402

SAMPLES, DIMENSIONS, PICTURES, IN_FLIGHT, LATENCY = 321, 4, 32, 64, 0.5
SMALL, LARGE = 3_000, 2_000_000


@dataclass(frozen=True)
class Scene:
    """A server, the size of the pictures, and who is tried on it."""

    server: tuple[str, ...]
    picture_bytes: int
    ways: tuple[str, ...]
    key: str = KEY


_QUOTA = ("--rate", "50", "--burst", "50", "--headers")
SCENES = {
    "fixed-3kB": Scene((), SMALL, ("bare", "engine", "engine, first run", "lmms-eval provider", "serial")),
    "fixed-2MB": Scene((), LARGE, ("bare", "engine")),
    "drawn-3kB": Scene(("--spread", "0.5"), SMALL, ("bare", "engine")),
    "quota, headers": Scene((*_QUOTA, "full"), SMALL, ("bare with SDK retries", "engine")),
    "quota, Retry-After": Scene((*_QUOTA, "retry"), SMALL, ("bare with SDK retries", "engine", "engine, AIMD")),
    "quota, silent": Scene((*_QUOTA, "none"), SMALL, ("bare with SDK retries", "engine", "engine, AIMD")),
    "4% refused at random": Scene(("--refuse", "0.04"), SMALL, ("bare with SDK retries", "engine", "engine, AIMD")),
    "wrong key": Scene((), SMALL, ("bare with SDK retries", "engine", "engine, first run"), key="sk-wrong"),
}
PARTS = {"serial": 24, "lmms-eval provider": 160}
"""Calls of the ways that would take minutes."""


# ---------------------------------------------------------------- the ways, each in a process of its own


def texts(number: int, dimension: int) -> str:
    """The user text of a call, some 4 kB; the words of a sample differ, as real ones do."""
    return f"Sample {number}. " + "A question, a norm and an answer. " * 110 + f"Dimension {dimension}: score 0 or 1."


def picture(number: int, size: int) -> bytes:
    """Bytes that stand for a picture; nothing decodes them."""
    return random.Random(number % PICTURES).randbytes(size)


def messages(number: int, dimension: int, urls: list[str]) -> list[dict[str, Any]]:
    """A call of the official layout."""
    image = {"type": "image_url", "image_url": {"url": urls[number % PICTURES]}}
    text = {"type": "text", "text": texts(number, dimension)}
    return [{"role": "system", "content": "You judge. " * 100}, {"role": "user", "content": [text, image]}]


def all_messages(size: int, calls: int) -> list[list[dict[str, Any]]]:
    """The messages of all calls; pictures are encoded once."""
    urls = ["data:image/png;base64," + base64.b64encode(picture(n, size)).decode() for n in range(PICTURES)]
    return [messages(n // DIMENSIONS, n % DIMENSIONS, urls) for n in range(calls)]


def bare(url: str, key: str, size: int, calls: int, retries: int = 0) -> Callable[[], int]:
    """An AsyncOpenAI loop."""
    from openai import OpenAIError

    ready = all_messages(size, calls)
    return lambda: bare_loop(url, key, ready, IN_FLIGHT, retries, (OpenAIError,), temperature=0)


def serial(url: str, key: str, size: int, calls: int) -> Callable[[], int]:
    """One call after the other, as the released script does."""
    from openai import OpenAI

    ready = all_messages(size, calls)
    client: Any = OpenAI(base_url=url, api_key=key)
    return lambda: sum(
        client.chat.completions.create(model="judge", messages=prompt, temperature=0)
        .choices[0]
        .message.content.endswith("1")
        for prompt in ready
    )


def provider(url: str, key: str, size: int, calls: int) -> Callable[[], int]:
    """lmms-eval's own judge provider, called from four threads as lmms-eval 0.7.3 calls `process_results`."""
    os.environ |= {"OPENAI_API_KEY": key, "OPENAI_API_URL": url}
    from lmms_eval.llm_judge import Request, ServerConfig, get_server

    server = get_server("openai", ServerConfig(model_name="judge"))
    ready = all_messages(size, calls)

    def run() -> int:
        with concurrent.futures.ThreadPoolExecutor(4) as threads:
            return sum(r.content.endswith("1") for r in threads.map(lambda m: server.evaluate(Request(m)), ready))

    return run


def engine_with_aimd(url: str, key: str, size: int, calls: int) -> Callable[[], int]:
    """Our engine with a plain AIMD window in place of the search for a silent quota."""
    from benchmarks.pace import PlainLimiter
    from lmms_eval_cross.judge import engine as module

    module.Limiter = PlainLimiter  # type: ignore[misc]
    return engine(url, key, size, calls)


def engine(url: str, key: str, size: int, calls: int, known: bool = True) -> Callable[[], int]:
    """Our engine: pictures from Parquet, verdicts parsed and filed in a ledger."""
    from lmms_eval_cross.benchmark.native_rubric import load_native_rubric
    from lmms_eval_cross.benchmark.records import Sample, Verdict
    from lmms_eval_cross.data.images import ImageStore, StoredImage, write_images
    from lmms_eval_cross.errors import CrossError
    from lmms_eval_cross.judge.endpoint import find_endpoint
    from lmms_eval_cross.judge.endpoint_judge import EndpointJudge
    from lmms_eval_cross.judge.engine import JudgeEngine
    from lmms_eval_cross.judge.job import Job
    from lmms_eval_cross.judge.probe import probe
    from lmms_eval_cross.ledger.spend import save_quirks
    from lmms_eval_cross.ledger.store import Ledger
    from lmms_eval_cross.settings import load_settings

    folder = Path(tempfile.mkdtemp(dir=os.environ["BENCHMARK_FOLDER"]))
    pictures = [picture(n, size) for n in range(PICTURES)]
    hashes = [hashlib.sha256(data).hexdigest() for data in pictures]
    stored = (StoredImage(sha, "image/png", data) for sha, data in zip(hashes, pictures, strict=True))
    write_images(stored, folder / "images.parquet")
    del pictures
    os.environ |= {"CROSS_JUDGE_BASE_URL": url, "CROSS_JUDGE_API_KEY": key, "CROSS_JUDGE_MODEL": "judge"}
    os.environ |= {"CROSS_HOME": str(folder), "CROSS_JUDGE_CONCURRENCY": str(IN_FLIGHT), "CROSS_JUDGE_SEES": "assume"}
    settings = load_settings()
    rubric, images, ledger = load_native_rubric(), ImageStore(folder / "images.parquet"), Ledger(folder / "ledger")
    jobs = [
        Job(
            Sample(
                *(str(n), "demo", "english", str(n), 1, "Japan", "English", "English", "n", "A norm.", "A question?"),
                *(hashes[n % PICTURES], "x.png", None),
            ),
            texts(n, 0),
            rubric,
            images.read,
        )
        for n in range(calls // DIMENSIONS)
    ]
    outcomes: list[Any] = []

    def run() -> int:
        if known:
            try:
                probe(find_endpoint(settings), "judge")
            except CrossError:
                return 0
        judge = EndpointJudge(settings)
        if known:
            save_quirks(ledger, judge.host, "judge", "official", frozenset())
        engine = JudgeEngine(judge, ledger, IN_FLIGHT)
        for job in jobs:
            engine.submit(job, lambda told: outcomes.extend(told.values()))
        engine.drain(show_progress=False)
        engine.close()
        return sum(isinstance(outcome, Verdict) for outcome in outcomes)

    return run


WAYS: dict[str, Callable[..., Callable[[], int]]] = {
    "bare": bare,
    "bare with SDK retries": lambda *given: bare(*given, retries=4),
    "engine": engine,
    "engine, AIMD": engine_with_aimd,
    "engine, first run": lambda *given: engine(*given, known=False),
    "lmms-eval provider": provider,
    "serial": serial,
}


def measure(way: str, url: str, key: str, size: int, calls: int) -> dict[str, float]:
    """Run one way in this process."""
    run = WAYS[way](url, key, size, calls)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    cpu, wall = time.process_time(), time.perf_counter()
    verdicts = run()
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    return {"verdicts": verdicts, "calls": calls, "wall": wall, "cpu": cpu, "grown_mib": grown}


# ---------------------------------------------------------------- the run


@contextmanager
def server(arguments: tuple[str, ...]) -> Iterator[str]:
    """A loopback endpoint as a process; gives its address."""
    command = [sys.executable, str(ROOT / "benchmarks" / "loopback_judge.py"), "--latency", str(LATENCY), *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield f"http://127.0.0.1:{int(process.stdout.readline())}"
        finally:
            process.terminate()


def fetch(url: str, method: str) -> dict[str, float]:
    """Talk to the server itself."""
    with urllib.request.urlopen(urllib.request.Request(url, method=method)) as response:
        told: dict[str, float] = json.load(response)
        return told


def one(way: str, scene: Scene, address: str, calls: int, folder: str) -> dict[str, float]:
    """Measure a way in a fresh process."""
    fetch(f"{address}/reset", "POST")
    given = [way, f"{address}/v1", scene.key, str(scene.picture_bytes), str(min(calls, PARTS.get(way, calls)))]
    command = [sys.executable, __file__, "--measure", *given]
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("CROSS_", "OPENAI_"))}
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, env={**clean, "BENCHMARK_FOLDER": folder}
    )
    if done.returncode:
        raise SystemExit(f"{way}: {done.stderr[-2000:]}")
    measured: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return {**measured, **{f"server_{name}": value for name, value in fetch(f"{address}/counts", "GET").items()}}


def ideal_seconds(scene: Scene, calls: float) -> float:
    """The least time: 64 calls at a time, or what the bucket lets in."""
    if "--rate" in scene.server:
        return max(0.0, calls - 50) / 50 + LATENCY
    return calls / IN_FLIGHT * LATENCY


def _rate(one: dict[str, float]) -> float:
    return one["verdicts"] / one["wall"]


def table(results: dict[tuple[str, str], list[dict[str, float]]]) -> Iterator[str]:
    """The medians as Markdown."""
    yield "| scene | way | verdicts | verdicts/s | of ideal | of bare | requests | wasted | CPU ms/verdict | peak MiB |"
    yield "|---|---|--:|--:|--:|--:|--:|--:|--:|--:|"
    for (name, way), rounds in results.items():
        scene = SCENES[name]
        middle = {key: statistics.median(one[key] for one in rounds) for key in rounds[0]}
        verdicts, rate = middle["verdicts"], middle["verdicts"] / middle["wall"]
        beside = results.get((name, "bare"), [])
        ratios = [_rate(one) / _rate(other) for one, other in zip(rounds, beside, strict=False) if other["verdicts"]]
        ideal = verdicts / ideal_seconds(scene, verdicts) if verdicts else 0.0
        wasted = 1 - middle["server_ok"] / middle["server_calls"] if middle["server_calls"] else 0.0
        cells = [
            name,
            way,
            f"{verdicts:.0f}",
            f"{rate:.1f}",
            f"{rate / ideal:.3f}" if ideal and "spread" not in str(scene.server) else "",
            f"{statistics.median(ratios):.3f}" if ratios else "",
            f"{middle['server_calls']:.0f}",
            f"{100 * wasted:.1f}%",
            f"{1000 * middle['cpu'] / verdicts:.2f}" if verdicts else "",
            f"{middle['grown_mib']:.0f}",
        ]
        yield "| " + " | ".join(cells) + " |"


def main() -> None:
    """Measure, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--samples", type=int, default=SAMPLES)
    parser.add_argument("--only", action="append", choices=list(SCENES), help="a scene; may be given again")
    parser.add_argument("--measure", nargs=5, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.measure:
        way, url, key, size, calls = given.measure
        print(json.dumps(measure(way, url, key, int(size), int(calls))))
        return
    results: dict[tuple[str, str], list[dict[str, float]]] = {}
    with tempfile.TemporaryDirectory() as folder:
        for name in given.only or SCENES:
            scene = SCENES[name]
            with server(scene.server) as address:
                for _ in range(given.rounds):
                    for way in scene.ways:
                        result = one(way, scene, address, given.samples * DIMENSIONS, folder)
                        results.setdefault((name, way), []).append(result)
                        print(name, way, {key: round(value, 2) for key, value in result.items()}, file=sys.stderr)
    print("\n".join(table(results)))


if __name__ == "__main__":
    main()
