"""How fast a real run of lmms-eval judges, beside a bare loop that makes the same calls.

    python -m benchmarks.run_speed                          # some ten minutes
    python -m benchmarks.run_speed --samples 100 --rounds 1

`lmms-eval --model dummy --tasks cross_casa` (828 samples, 3,312 calls, 64 in flight) and an AsyncOpenAI loop, whose
messages are made before, ask one server on the loopback that answers after 0.5 s; rounds are interleaved, the table
shows medians. Verdicts/s count from the first question to the last answer as the server saw them. Processor time is
that of the whole process, user and system, less what the same command takes with `--predict_only`; the loop's is taken
around it alone. An earlier run of the same CROSS_HOME has learnt what the endpoint takes. Then a quota of 50/s.
"""

import argparse
import base64
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from benchmarks.bare_loop import bare_loop
from benchmarks.fullsize import write_fullsize
from benchmarks.judge import IN_FLIGHT, KEY, LATENCY, fetch, server

SAMPLES, DIMENSIONS, PIXELS = 828, 4, (40, 25)
RATE, BURST = 50, 50
QUOTAS = {"headers": "full", "Retry-After": "retry", "silent": "none"}
"""How the quota is told -> what benchmarks/loopback_judge.py calls that."""
Figures = dict[str, float]


def bare(url: str, samples: int, answer: str) -> Figures:
    """Ask for the verdicts of the same samples in an AsyncOpenAI loop, in this process."""
    ready = _messages(samples, answer)
    before = time.process_time()
    verdicts = bare_loop(url, KEY, ready, IN_FLIGHT, temperature=0)
    return {"verdicts": verdicts, "cpu": time.process_time() - before}


def _messages(samples: int, answer: str) -> list[list[dict[str, Any]]]:
    """The messages of all calls, of CROSS_HOME's data."""
    from lmms_eval_cross.benchmark.native_rubric import load_native_rubric
    from lmms_eval_cross.benchmark.records import DIMENSIONS as ALL
    from lmms_eval_cross.data.prepared import require_prepared
    from lmms_eval_cross.judge.messages import build_messages
    from tests.runs import samples_in

    prepared, rubric = require_prepared(Path(os.environ["CROSS_HOME"])), load_native_rubric()
    ready: list[list[dict[str, Any]]] = []
    for sample in samples_in(prepared, "casa_english")[:samples]:
        image = prepared.images.read(sample.image_sha256)
        url = f"data:{image.mime};base64,{base64.b64encode(image.data).decode()}"
        for dimension in ALL:
            ready.append(build_messages(rubric, dimension, sample.query, sample.norm, answer, url))
    return ready


def bare_process(environment: Mapping[str, str], url: str, samples: int, answer: str) -> Figures:
    """The bare loop in a process of its own."""
    command = [sys.executable, "-m", "benchmarks.run_speed", "--bare", url, str(samples), answer]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    if done.returncode:
        sys.exit(f"bare: {done.stderr[-2000:]}")
    measured: Figures = json.loads(done.stdout.splitlines()[-1])
    return measured


def lmms_eval(environment: Mapping[str, str], answer: str, *more: str) -> float:
    """Run lmms-eval with the dummy model; seconds of processor time."""
    command = [sys.executable, "-m", "lmms_eval", "--model", "dummy", "--model_args", f"response={answer}", *more]
    process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    errors = process.stderr.read() if process.stderr else b""
    _, status, usage = os.wait4(process.pid, 0)
    if status or b"Traceback" in errors:
        sys.exit(f"{' '.join(command[2:])} failed:\n{errors.decode()[-2000:]}")
    return usage.ru_utime + usage.ru_stime


class Bench:
    """A folder with prepared data, and runs in it."""

    def __init__(self, folder: Path, samples: int) -> None:
        self.samples, self._folder, self._answers = samples, folder, 0
        home = folder / "home"
        clean = {name: value for name, value in os.environ.items() if not name.startswith(("CROSS_", "OPENAI_"))}
        self._environment = {
            **clean,
            "CROSS_HOME": str(home),
            "HF_HOME": str(folder / "hf"),
            "HF_HUB_OFFLINE": "1",
            "CROSS_JUDGE_API_KEY": KEY,
            "CROSS_JUDGE_MODEL": "judge",
            "CROSS_JUDGE_RUBRIC": "native",
            "CROSS_JUDGE_SEES": "assume",
            "CROSS_JUDGE_CONCURRENCY": str(IN_FLIGHT),
        }
        write_fullsize(folder / "CROSS", pixels=PIXELS)
        prepare = [sys.executable, "-m", "lmms_eval_cross", "prepare", "--source", str(folder / "CROSS")]
        subprocess.run(prepare, env=self._environment, check=True, stdout=subprocess.DEVNULL)

    def _answer(self) -> str:
        """An answer of the dummy that no verdict is known of."""
        self._answers += 1
        return f"Answer {self._answers}. " + "I would ask the hosts and bring the plain one. " * 10

    def _task(self, *more: str, task: str = "cross_casa") -> list[str]:
        limit = [] if self.samples == SAMPLES else ["--limit", str(self.samples)]
        return ["--tasks", task, "--output_path", str(self._folder / "out"), *(more or limit)]

    def learn(self, address: str) -> None:
        """Have an earlier run find out what the endpoint takes."""
        task = self._task("--limit", "1", task="cross_casa_multilingual")
        lmms_eval(self._asking(address), self._answer(), *task)

    def predict_only(self) -> float:
        """Seconds of processor time of a run that judges nothing."""
        return lmms_eval(self._environment, self._answer(), *self._task(), "--predict_only")

    def run(self, address: str) -> Figures:
        """A run of lmms-eval, its processor time as a whole."""
        fetch(f"{address}/reset", "POST")
        cpu = lmms_eval(self._asking(address), self._answer(), *self._task())
        return self._with_counts({"cpu": cpu}, address)

    def bare(self, address: str) -> Figures:
        """The bare loop."""
        fetch(f"{address}/reset", "POST")
        measured = bare_process(self._environment, f"{address}/v1", self.samples, self._answer())
        return self._with_counts(measured, address)

    def _with_counts(self, measured: Figures, address: str) -> Figures:
        measured |= fetch(f"{address}/counts", "GET")
        if measured["ok"] != self.samples * DIMENSIONS:
            sys.exit(f"{measured['ok']:.0f} calls were answered, not {self.samples * DIMENSIONS}.")
        return measured

    def _asking(self, address: str) -> dict[str, str]:
        return {**self._environment, "CROSS_JUDGE_BASE_URL": f"{address}/v1"}


def side_by_side(bench: Bench, rounds: int) -> None:
    """Print the table of speeds."""
    results: dict[str, list[Figures]] = {"bare loop": [], "lmms-eval": []}
    with server(()) as address:
        bench.learn(address)
        for _ in range(rounds):
            results["bare loop"].append(bench.bare(address))
            without = bench.predict_only()
            run = bench.run(address)
            run["cpu"] -= without
            results["lmms-eval"].append(run)
            print(results["bare loop"][-1], results["lmms-eval"][-1], f"without judging {without:.1f}", file=sys.stderr)
    print("\n".join(speed_table(results)))


def speed_table(results: Mapping[str, list[Figures]]) -> Iterator[str]:
    """Medians; ratio and difference are the medians of the rounds'."""
    yield "| way | verdicts | verdicts/s | of bare | CPU ms/verdict | over bare |"
    yield "|---|--:|--:|--:|--:|--:|"
    for way, rounds in results.items():
        rates, times = [_rate(one) for one in rounds], [_milliseconds(one) for one in rounds]
        pairs = list(zip(rounds, results["bare loop"], strict=True))
        of_bare = statistics.median(_rate(one) / _rate(other) for one, other in pairs)
        over = statistics.median(_milliseconds(one) - _milliseconds(other) for one, other in pairs)
        rate, milliseconds = statistics.median(rates), statistics.median(times)
        yield f"| {way} | {rounds[0]['ok']:.0f} | {rate:.1f} | {of_bare:.3f} | {milliseconds:.2f} | {over:.2f} |"


def _rate(measured: Figures) -> float:
    return measured["ok"] / measured["seconds"]


def _milliseconds(measured: Figures) -> float:
    return 1000 * measured["cpu"] / measured["ok"]


def under_quotas(bench: Bench) -> None:
    """Print the table of quotas."""
    print(f"\n| quota of {RATE}/s, told by | goodput | requests | wasted |\n|---|--:|--:|--:|")
    for name, headers in QUOTAS.items():
        with server(("--rate", str(RATE), "--burst", str(BURST), "--headers", headers)) as address:
            bench.learn(address)
            told = bench.run(address)
        least = max(0.0, told["ok"] - BURST) / RATE + LATENCY
        wasted = 1 - told["ok"] / told["calls"]
        print(f"| {name} | {least / told['seconds']:.3f} | {told['calls']:.0f} | {100 * wasted:.1f}% |", flush=True)


def main() -> None:
    """Measure, and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--samples", type=int, default=SAMPLES, help="of the 828, for a quick trial")
    parser.add_argument("--only", choices=["speed", "quotas"])
    parser.add_argument("--bare", nargs=3, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.bare:
        url, samples, answer = given.bare
        print(json.dumps(bare(url, int(samples), answer)))
        return
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(Path(folder), given.samples)
        if given.only != "quotas":
            side_by_side(bench, given.rounds)
        if given.only != "speed":
            under_quotas(bench)


if __name__ == "__main__":
    main()
