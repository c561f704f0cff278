"""Trials of a fault: a run with answers of its own is judged in real processes, and what became of it is counted."""

import json
import multiprocessing
import os
import shutil
import sqlite3
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from multiprocessing.process import BaseProcess
from pathlib import Path

from lmms_eval_cross.benchmark.records import DIMENSIONS
from lmms_eval_cross.data.demo_split import prepare_demo
from tests.judge_server import Answer, Asked, read_native, score_of
from tests.run_folders import predicted_rows, write_rows
from tests.runs import samples_in

CONCURRENCY = 4
TIMEOUT_SECONDS = 0.5

Place = tuple[str, str]
"""Response and dimension."""
Script = Callable[[Asked], Answer]
Judging = Callable[[Mapping[str, str], str, str, bool], None]
"""What a process of a trial does; its arguments are those of `judge`."""


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


class Trial:
    """A CROSS_HOME and a run made with --predict_only, with answers that no other trial has."""

    def __init__(self, folder: Path, prepared: Path, name: str, url: str) -> None:
        self.home, self.run, self.output = folder / "home", folder / "run", folder / "judged"
        shutil.copytree(prepared, self.home)
        self.run.mkdir()
        self.samples = samples_in(prepare_demo(self.home))
        said = [f"{name}, sample {number}: I would ask the hosts first." for number in range(len(self.samples))]
        self.responses = {sample.sample_id: text for sample, text in zip(self.samples, said, strict=True)}
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

    def start(self, retry_failed: bool = False, judging: Judging | None = None) -> BaseProcess:
        """Judge, in a process of its own."""
        context = multiprocessing.get_context("forkserver")
        arguments = (self.environment, str(self.run), str(self.output), retry_failed)
        process = context.Process(target=judging or judge, args=arguments)
        process.start()
        return process

    def kept(self) -> dict[Place, int]:
        """Place -> score, of the verdicts in the ledger."""
        ledger = self.home / "ledger.sqlite"
        if not ledger.is_file():
            return {}
        with sqlite3.connect(ledger, timeout=60) as connection:
            if not connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'verdict'").fetchone():
                return {}
            rows = connection.execute("SELECT sample_id, dimension, score FROM verdict WHERE score IS NOT NULL")
            return {(self.responses[sample], dimension): score for sample, dimension, score in rows}

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
