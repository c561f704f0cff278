"""CPU seconds that commands cost on two runs of full size, beside what Python and click cost; no test, a measurement.

python -m benchmarks.startup [--times 5]
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from resource import RUSAGE_CHILDREN, getrusage
from typing import Final

from tests.made_runs import cross_samples, draw, write_run

CROSS: Final = ("-m", "lmms_eval_cross")
COMMANDS: Final = (
    ("-c", "pass"),
    ("-c", "import click"),
    ("-c", "import numpy"),
    ("-c", "import openai"),
    (*CROSS, "--help"),
    (*CROSS, "config"),
    (*CROSS, "ledger", "show"),
    (*CROSS, "label", "--help"),
    (*CROSS, "anchor", "build", "a", "-o", "anchor.json"),
    (*CROSS, "agree", "a", "b"),
    (*CROSS, "baseline", "a", "-o", "a.json"),
    (*CROSS, "compare", "a", "b"),
    (*CROSS, "report", "a", "b", "--json", "report.json"),
)


def write_runs(folder: Path) -> None:
    """Two runs of 1,284 answers each, `a` and `b`."""
    samples = cross_samples()
    write_run(folder / "a", samples, draw(samples, 0.6, seed=1))
    write_run(folder / "b", samples, draw(samples, 0.6, seed=1, flips=0.1), model="another_model")


def cpu_seconds(command: Sequence[str], folder: Path) -> float:
    """User and system time of one start of Python, children included."""
    before = getrusage(RUSAGE_CHILDREN)
    environment = {**os.environ, "CROSS_HOME": str(folder / "home"), "CROSS_JUDGE": "offline"}
    subprocess.run([sys.executable, *command], cwd=folder, env=environment, stdout=subprocess.DEVNULL, check=False)
    after = getrusage(RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main() -> None:
    """Print the median of each command, and how often `import click` fits into it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--times", type=int, default=5)
    times = parser.parse_args().times
    os.environ["PYTHONPATH"] = str(Path.cwd())
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_runs(folder)
        rounds = [[cpu_seconds(command, folder) for command in COMMANDS] for _ in range(times + 1)][1:]
    medians = [statistics.median(seconds) for seconds in zip(*rounds, strict=True)]
    click = medians[COMMANDS.index(("-c", "import click"))]
    for command, median in zip(COMMANDS, medians, strict=True):
        print(f"{median:6.2f} s  {median / click:5.1f} x  {' '.join(command)}")


if __name__ == "__main__":
    main()
