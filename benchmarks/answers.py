"""`cross_api` beside other ways to ask a model: a bare loop of the SDK, and lmms-eval's own `openai` class.

    python -m benchmarks.answers
    python -m benchmarks.answers --rounds 1 --calls 321

A loopback server answers each call after 0.5 s (benchmarks/loopback_judge.py). Every way asks the same questions, each
with a JPEG of 1024 x 768 made of noise, 64 calls in flight, in a process of its own; rounds are interleaved, the table
shows medians, and under `of bare` the median of the rounds' ratios. `bare` has its messages made before; the classes
make theirs from documents, as in a run. `cross_api` has a ledger in which an earlier run noted what the endpoint takes;
`cross_api, first run` has not.
"""

import argparse
import base64
import io
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import cache
from types import SimpleNamespace
from typing import Any

from benchmarks.bare_loop import bare_loop
from benchmarks.judge import IN_FLIGHT, KEY, PICTURES, fetch, server

CALLS = 1_284
PARTS = {"lmms-eval openai": 64}
"""Calls of the way that would take minutes: it encodes every picture as PNG."""
QUESTION = "Which of these should I bring to my hosts, and why? " * 3


@cache
def picture(number: int) -> bytes:
    """A JPEG."""
    import numpy as np
    from PIL import Image

    noise = np.random.default_rng(number).integers(0, 255, (96, 128, 3), dtype=np.uint8)
    file = io.BytesIO()
    Image.fromarray(noise).resize((1024, 768)).save(file, "JPEG", quality=90)
    return file.getvalue()


def messages_of(doc: dict[str, Any]) -> list[dict[str, Any]]:
    """As our tasks give them: the original bytes to whom they are enough, else the decoded picture."""
    from lmms_eval_cross.data.images import StoredImage, open_image, upright_rgb
    from lmms_eval_cross.data.originals import originals_are_wanted

    data: bytes = picture(doc["n"] % PICTURES)
    image: Any
    if originals_are_wanted():
        image = StoredImage(str(doc["n"]), "image/jpeg", data)
    else:
        with open_image(data) as opened:
            image = upright_rgb(opened)
    return [{"role": "user", "content": [{"type": "text", "text": QUESTION}, {"type": "image", "url": image}]}]


def asked(model: Any, calls: int) -> int:
    """How many answers a model class of lmms-eval gives."""
    docs = [{"n": number} for number in range(calls)]
    model.task_dict = {"task": {"test": docs}}
    requests = []
    for number in range(calls):
        args = (QUESTION, messages_of, {"max_new_tokens": 256, "temperature": 0}, number, "task", "test")
        requests.append(SimpleNamespace(task_name="task", doc_id=number, idx=0, args=args))
    return sum(answer.text.endswith("Score: 1") for answer in model.generate_until(requests))


def bare(url: str, calls: int) -> Callable[[], int]:
    """An AsyncOpenAI loop."""
    urls = ["data:image/jpeg;base64," + base64.b64encode(picture(number)).decode() for number in range(PICTURES)]
    ready: list[Any] = []
    for number in range(calls):
        image = {"type": "image_url", "image_url": {"url": urls[number % PICTURES]}}
        ready.append([{"role": "user", "content": [{"type": "text", "text": QUESTION}, image]}])
    return lambda: bare_loop(url, KEY, ready, IN_FLIGHT, max_tokens=256)


def cross_api(url: str, calls: int, known: bool = True) -> Callable[[], int]:
    """Ours."""
    os.environ |= {"CROSS_HOME": tempfile.mkdtemp(dir=os.environ["BENCHMARK_FOLDER"]), "CROSS_MODEL_API_KEY": KEY}
    from lmms_eval_cross.models.cross_api import CrossApi

    model = CrossApi(model="judge", base_url=url, concurrency=IN_FLIGHT)
    if known:
        asked(model, 1)
    return lambda: asked(model, calls)


def openai_class(url: str, calls: int) -> Callable[[], int]:
    """lmms-eval's."""
    from lmms_eval.models.chat.openai import OpenAICompatible

    model = OpenAICompatible(model_version="judge", base_url=url, api_key=KEY, num_concurrent=IN_FLIGHT)
    return lambda: asked(model, calls)


WAYS: dict[str, Callable[[str, int], Callable[[], int]]] = {
    "bare": bare,
    "cross_api": cross_api,
    "cross_api, first run": lambda url, calls: cross_api(url, calls, known=False),
    "lmms-eval openai": openai_class,
}


def measure(way: str, url: str, calls: int) -> dict[str, float]:
    """Run one way in this process."""
    for number in range(PICTURES):
        picture(number)
    run = WAYS[way](url, calls)
    cpu, wall = time.process_time(), time.perf_counter()
    answers = run()
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {"answers": answers, "wall": wall, "cpu": cpu, "peak_mib": peak}


def one(way: str, address: str, calls: int, folder: str) -> dict[str, float]:
    """Measure a way in a fresh process."""
    fetch(f"{address}/reset", "POST")
    command = [sys.executable, "-m", "benchmarks.answers", "--measure", way, f"{address}/v1"]
    command.append(str(min(calls, PARTS.get(way, calls))))
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("CROSS_", "OPENAI_"))}
    environment = {**clean, "BENCHMARK_FOLDER": folder}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    if done.returncode:
        raise SystemExit(f"{way}: {done.stderr[-2000:]}")
    measured: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return measured


def table(results: dict[str, list[dict[str, float]]]) -> Iterator[str]:
    """The medians as Markdown."""
    yield "| way | answers | answers/s | of bare | CPU ms/answer | peak MiB |"
    yield "|---|--:|--:|--:|--:|--:|"
    for way, rounds in results.items():
        rates = [measured["answers"] / measured["wall"] for measured in rounds]
        beside = [measured["answers"] / measured["wall"] for measured in results["bare"]]
        of_bare = statistics.median(rate / other for rate, other in zip(rates, beside, strict=True))
        cpu = statistics.median(1000 * measured["cpu"] / measured["answers"] for measured in rounds)
        peak = statistics.median(measured["peak_mib"] for measured in rounds)
        answers = statistics.median(measured["answers"] for measured in rounds)
        yield f"| {way} | {answers:.0f} | {statistics.median(rates):.1f} | {of_bare:.3f} | {cpu:.1f} | {peak:.0f} |"


def main() -> None:
    """Measure, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--calls", type=int, default=CALLS)
    parser.add_argument("--measure", nargs=3, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.measure:
        way, url, calls = given.measure
        print(json.dumps(measure(way, url, int(calls))))
        return
    results: dict[str, list[dict[str, float]]] = {way: [] for way in WAYS}
    with tempfile.TemporaryDirectory() as folder, server(()) as address:
        for _ in range(given.rounds):
            for way, rounds in results.items():
                rounds.append(one(way, address, given.calls, folder))
                print(way, {name: round(value, 2) for name, value in rounds[-1].items()}, file=sys.stderr)
    print("\n".join(table(results)))


if __name__ == "__main__":
    main()
