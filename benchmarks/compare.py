"""How long `lmms-eval-cross compare` takes from start to exit: python -m benchmarks.compare.

Two full runs (1,284 samples, 6,000 characters of answer and rationale each) and 10,000 resamples; beside it,
measured in turns, a bare start of Python with the two libraries that a comparison can't do without.
Prints one Markdown table; nothing is kept. Exits 1 if a goal is missed.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.made_runs import cross_samples, draw, write_run

COMPARE_GOAL, HELP_GOAL = 4.0, 0.3
"""Seconds."""
BARE = [sys.executable, "-c", "import numpy, scipy.special"]
CROSS = [sys.executable, "-m", "lmms_eval_cross"]


def write_runs(root: Path) -> list[str]:
    """Two full runs, the second 3 points worse."""
    samples = cross_samples()
    responses = {each.sample_id: "An answer. " * 550 for each in samples}
    scores = {"before": draw(samples, 0.7, 1), "after": draw(samples, 0.7, 1, drop=0.03)}
    return [str(write_run(root / name, samples, each, responses=responses)) for name, each in scores.items()]


def seconds(command: list[str]) -> float:
    """Wall time of a command; its exit code must be one of compare's verdicts."""
    started = time.perf_counter()
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode not in (0, 1, 3) or "Traceback" in done.stderr:
        raise RuntimeError(done.stderr)
    return time.perf_counter() - started


def main() -> None:
    """Measure in turns, print medians and ratios."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--turns", type=int, default=5)
    turns = parser.parse_args().turns
    with tempfile.TemporaryDirectory() as root:
        compare = [*CROSS, "compare", *write_runs(Path(root)), "--resamples", "10000"]
        commands = {"bare start": BARE, "compare --help": [*CROSS, "compare", "--help"], "compare": compare}
        times = {name: [seconds(command)] for name, command in commands.items()}
        for _ in range(turns - 1):
            for name, command in commands.items():
                times[name].append(seconds(command))
    medians = {name: statistics.median(each) for name, each in times.items()}
    print("| command | median seconds | slowest | ratio to a bare start |\n| --- | ---: | ---: | ---: |")
    for name, each in times.items():
        print(f"| {name} | {medians[name]:.2f} | {max(each):.2f} | {medians[name] / medians['bare start']:.1f} |")
    sys.exit(medians["compare"] > COMPARE_GOAL or medians["compare --help"] > HELP_GOAL)


if __name__ == "__main__":
    main()
