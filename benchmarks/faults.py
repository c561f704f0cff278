"""What faults cost: python -m benchmarks.faults [--kills 200]. Prints a Markdown table; docs/failures.md has one.

A small run (the twelve samples of cross_demo, four verdicts each) is judged by a server on the loopback that counts
what it is asked. Every trial answers anew, meets its fault, and is finished by `lmms-eval-cross judge` without the
fault. The processes are real and so is `kill -9`; only torch and lmms-eval are left out.
"""

import argparse
import multiprocessing
import random
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path

from benchmarks import hostile, team_faults
from benchmarks.trials import TIMEOUT_SECONDS, Place, Script, Tally, Trial, honest, place_of, wrong
from lmms_eval_cross.benchmark.records import DIMENSIONS
from lmms_eval_cross.data.demo_split import prepare_demo
from tests.judge_server import Answer, JudgeServer

SHARE = 0.3
"""Of requests that meet the HTTP fault."""
SEED = 20250514
PRELOADED = [
    "benchmarks.team_faults",
    "lmms_eval_cross.harness.finishing",
    "openai.resources.chat",
    "psycopg_pool",
    "pyarrow.dataset",
]
"""What a judging process imports, so that a trial takes no time for it."""

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


def faulty(fault: Answer, seed: int) -> Script:
    """The honest judge, but for a share of the requests."""
    draw = random.Random(seed)
    return lambda asked: fault if draw.random() < SHARE else honest(asked)


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
    parser.add_argument("--team", action="store_true", help="the rows of a PostgreSQL alone")
    options = parser.parse_args()
    if options.hostile:
        hostile.main()
        return
    multiprocessing.get_context("forkserver").set_forkserver_preload(PRELOADED)
    print("| fault | tried | scores changed | verdicts lost | paid twice | calls in flight that a kill cost |")
    print("| --- | --- | --- | --- | --- | --- |")
    with tempfile.TemporaryDirectory() as folder, JudgeServer() as server:
        prepare_demo(Path(folder))
        if not options.team:
            of_one_machine(Path(folder), server, options.runs, options.kills)
        team_faults.print_rows(Path(folder), server, options.runs, options.kills)
    if not options.team:
        print()
        hostile.main()


def of_one_machine(prepared: Path, server: JudgeServer, runs: int, kills: int) -> None:
    """Print the rows of a ledger in a file."""
    draw = random.Random(SEED)
    for name, fault in HTTP_FAULTS.items():
        tally = Tally(f"{name}, at {SHARE:.0%} of requests")
        for number, trial in enumerate(trials(prepared, server.url, name, runs)):
            http_fault(trial, server, tally, fault, number)
        print(tally.row(), flush=True)
    tally, seconds = Tally("kill -9 at a random moment"), undisturbed(prepared, server)
    for trial in trials(prepared, server.url, "kill", kills):
        killed(trial, server, tally, draw.uniform(0, seconds))
    print(tally.row(), flush=True)


def undisturbed(prepared: Path, server: JudgeServer) -> float:
    """Seconds that a run takes."""
    server.script = honest
    for trial in trials(prepared, server.url, "clock", 1):
        started = time.monotonic()
        trial.start().join()
    return time.monotonic() - started


if __name__ == "__main__":
    main()
