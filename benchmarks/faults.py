"""What faults cost: python -m benchmarks.faults [--kills 200]. Prints a Markdown table; docs/failures.md has one.

A small run (the twelve samples of cross_demo, four verdicts each) is judged by a server on the loopback that counts
what it is asked. Every trial answers anew, meets its fault, and is finished by `lmms-eval-cross judge` without the
fault. The processes are real and so is `kill -9`; only torch and lmms-eval are left out.
"""

import argparse
import json
import multiprocessing
import os
import random
import shutil
import sqlite3
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks import hostile
from lmms_eval_cross.benchmark.records import DIMENSIONS
from lmms_eval_cross.data.demo_split import prepare_demo
from tests.judge_server import Answer, Asked, JudgeServer, read_native, score_of
from tests.run_folders import predicted_rows, write_rows
from tests.runs import samples_in

SHARE = 0.3
"""Of requests that meet the HTTP fault."""
CONCURRENCY = 4
TIMEOUT_SECONDS = 0.5
SEED = 20250514

Place = tuple[str, str]
"""Response and dimension."""
Script = Callable[[Asked], Answer]

HTTP_FAULTS: Mapping[str, Answer] = {
    "401": Answer(status=401, error={"message": "expired"}),
    "429": Answer(status=429, error={"message": "slow down"}, headers={"Retry-After": "0.01"}),
    "500": Answer(status=500),
    "502 with HTML": Answer(status=502, raw=b"<html>Bad gateway</html>"),
    "503": Answer(status=503, headers={"Retry-After": "0.01"}),
    "400": Answer(status=400, error={"message": "no"}),
    "content filter": Answer(status=400, error={"message": "filtered", "code": "content_filter"}),
    "200 with HTML": Answer(raw=b"<html>Welcome</html>"),
    "200, no choices": Answer(
        raw=b'{"id": "x", "object": "chat.completion", "created": 0, "model": "m", "choices": []}'
    ),
    "dropped connection": Answer(drop=True),
    "no answer in time": Answer("Score: 1", delay_seconds=2 * TIMEOUT_SECONDS),
    "empty reply": Answer(""),
    "refusal": Answer(None, refusal="I would rather not."),
    "reply cut by a limit": Answer("The answer", finish_reason="length"),
    "unparsable reply": Answer("I can't decide."),
    "score off the menu": Answer("Score: 7"),
}


@dataclass
class Tally:
    """A row of the table."""

    fault: str
    tried: int = 0
    changed: int = 0
    """Scores, at any time, that are not what the judge gave."""
    lost: int = 0
    """Verdicts that were kept and are not in the end, or never come though the fault is over."""
    twice: int = 0
    """Verdicts that were kept and were asked for again."""
    in_flight: list[int] = field(default_factory=list)
    """Calls that a kill cost, each."""

    def row(self) -> str:
        """As Markdown."""
        calls = self.in_flight
        cost = f"{max(calls)} at most, {sum(calls) / len(calls):.1f} on average" if calls else "-"
        return f"| {self.fault} | {self.tried} | {self.changed} | {self.lost} | {self.twice} | {cost} |"


def place_of(asked: Asked) -> Place:
    """Which answer and dimension a request is about, by our own rubric's marks."""
    dimension, response = read_native(asked.text)
    return response, dimension.lower()


def honest(asked: Asked) -> Answer:
    """A score that depends on answer and dimension alone, after 48 ms."""
    response, dimension = place_of(asked)
    return Answer(f"Reasons.\nScore: {score_of(response, dimension)}", delay_seconds=0.048)


def faulty(fault: Answer, seed: int) -> Script:
    """The honest judge, but for a share of the requests."""
    draw = random.Random(seed)
    return lambda asked: fault if draw.random() < SHARE else honest(asked)


class Trial:
    """A CROSS_HOME and a run made with --predict_only, with answers that no other trial has."""

    def __init__(self, folder: Path, prepared: Path, name: str, url: str) -> None:
        self.home, self.run, self.output = folder / "home", folder / "run", folder / "judged"
        shutil.copytree(prepared, self.home)
        self.run.mkdir()
        self.samples = samples_in(prepare_demo(self.home))
        said = (f"{name}, sample {number}: I would ask the hosts first." for number in range(len(self.samples)))
        rows = predicted_rows(zip(self.samples, said, strict=True))
        write_rows(self.run / "20250101_000000_samples_cross_demo.jsonl", rows)
        (self.run / "20250101_000000_results.json").write_text("{}", encoding="utf-8")
        self.environment = {
            "CROSS_HOME": str(self.home),
            "CROSS_JUDGE_BASE_URL": url,
            "CROSS_JUDGE_API_KEY": "sk-benchmark",
            "CROSS_JUDGE_CONCURRENCY": str(CONCURRENCY),
            "CROSS_JUDGE_TIMEOUT": str(TIMEOUT_SECONDS),
        }

    def start(self, retry_failed: bool = False) -> multiprocessing.process.BaseProcess:
        """Judge, in a process of its own."""
        context = multiprocessing.get_context("forkserver")
        arguments = (self.environment, str(self.run), str(self.output), retry_failed)
        process = context.Process(target=judge, args=arguments)
        process.start()
        return process

    def kept(self) -> dict[Place, int]:
        """Place -> score, of the verdicts in the ledger."""
        ledger = self.home / "ledger.sqlite"
        if not ledger.is_file():
            return {}
        names = {each.sample_id: number for number, each in enumerate(self.samples)}
        responses = [json.loads(line)["filtered_resps"] for line in _samples(self.run)]
        with sqlite3.connect(ledger, timeout=60) as connection:
            if not connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'verdict'").fetchone():
                return {}
            rows = connection.execute("SELECT sample_id, dimension, score FROM verdict WHERE score IS NOT NULL")
            return {(responses[names[sample]], dimension): score for sample, dimension, score in rows}

    def scored(self) -> dict[Place, int]:
        """Place -> score, of the samples that were written last."""
        records = [json.loads(line)["cross"] for line in _samples(self.output)]
        return {
            (record["response"], name): record["dimensions"][name]["score"]
            for record in records
            for name in DIMENSIONS
            if record["dimensions"][name]["score"] is not None
        }


def _samples(folder: Path) -> list[str]:
    files = sorted(folder.glob("*_samples_*.jsonl"))
    return files[-1].read_text(encoding="utf-8").splitlines() if files else []


def judge(environment: Mapping[str, str], run: str, output: str, retry_failed: bool) -> None:
    """What `lmms-eval-cross judge` does, in a process that has imported it already."""
    os.environ.update(environment)
    sys.stdout = sys.stderr = open(os.devnull, "w")  # noqa: SIM115
    from lmms_eval_cross.harness.finishing import judge_run

    judge_run(Path(run), Path(output), retry_failed)


def wrong(scores: Mapping[Place, int]) -> int:
    """How many scores are not the judge's."""
    return sum(score != score_of(*place) for place, score in scores.items())


def finish(trial: Trial, server: JudgeServer, tally: Tally, kept: Mapping[Place, int]) -> Counter[Place]:
    """Judge the rest without the fault and count; gives what was asked for."""
    server.script = honest
    server.asked.clear()
    process = trial.start(retry_failed=True)
    process.join()
    asked = Counter(place_of(request) for request in server.judged)
    final = trial.scored()
    tally.tried += 1
    tally.changed += wrong(kept) + wrong(final)
    tally.lost += len(DIMENSIONS) * len(trial.samples) - len(final) + sum(final.get(p) != s for p, s in kept.items())
    tally.twice += sum(asked[place] for place in kept)
    return asked


def http_fault(trial: Trial, server: JudgeServer, tally: Tally, fault: Answer, seed: int) -> None:
    """One run with the fault, one without."""
    server.script = faulty(fault, seed)
    process = trial.start()
    process.join()
    tally.changed += wrong(trial.scored())
    finish(trial, server, tally, trial.kept())


def killed(trial: Trial, server: JudgeServer, tally: Tally, after_seconds: float) -> None:
    """One run that is killed, one that finishes it."""
    server.script = honest
    server.asked.clear()
    process = trial.start()
    process.join(after_seconds)
    process.kill()
    process.join()
    first = Counter(place_of(request) for request in server.judged)
    kept = trial.kept()
    again = finish(trial, server, tally, kept)
    tally.in_flight.append(sum((first & again).values()))


def trials(prepared: Path, url: str, kind: str, count: int) -> Iterator[Trial]:
    """One after another, each in a folder that is deleted after it."""
    for number in range(count):
        with tempfile.TemporaryDirectory() as folder:
            yield Trial(Path(folder), prepared, f"{kind} {number}", url)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--runs", type=int, default=3, help="runs an HTTP fault")
    parser.add_argument("--hostile", action="store_true", help="the table of hostile inputs alone")
    options = parser.parse_args()
    if options.hostile:
        hostile.main()
        return
    multiprocessing.get_context("forkserver").set_forkserver_preload(
        ["lmms_eval_cross.harness.finishing", "openai.resources.chat"]
    )
    draw = random.Random(SEED)
    print("| fault | tried | scores changed | verdicts lost | paid twice | calls in flight that a kill cost |")
    print("| --- | --- | --- | --- | --- | --- |")
    with tempfile.TemporaryDirectory() as folder, JudgeServer() as server:
        prepare_demo(Path(folder))
        for name, fault in HTTP_FAULTS.items():
            tally = Tally(f"{name}, at {SHARE:.0%} of requests")
            for number, trial in enumerate(trials(Path(folder), server.url, name, options.runs)):
                http_fault(trial, server, tally, fault, number)
            print(tally.row(), flush=True)
        tally, seconds = Tally("kill -9 at a random moment"), undisturbed(Path(folder), server)
        for trial in trials(Path(folder), server.url, "kill", options.kills):
            killed(trial, server, tally, draw.uniform(0, seconds))
        print(tally.row())
    print()
    hostile.main()


def undisturbed(prepared: Path, server: JudgeServer) -> float:
    """Seconds that a run takes."""
    server.script = honest
    for trial in trials(prepared, server.url, "clock", 1):
        started = time.monotonic()
        trial.start().join()
    return time.monotonic() - started


if __name__ == "__main__":
    main()
