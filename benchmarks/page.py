"""The report's page, old against new in one run: its size, the time until the first answer shows, and a filter's time.

    python -m benchmarks.page --old COMMIT

Twenty runs of all 1,284 samples, answers of 1,400 letters and four replies of 700, of made-up words whose own gzip
ratio is printed: words that repeat would make any page small. The old page is drawn by the package as it was at COMMIT.
Needs Chromium and Playwright.
"""

import argparse
import gzip
import os
import random
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from statistics import median
from typing import Any

from playwright.sync_api import Browser, CDPSession, sync_playwright

from lmms_eval_cross.benchmark.records import DIMENSIONS
from lmms_eval_cross.report.build import build_report
from lmms_eval_cross.report.page import PageOptions, render_page
from tests.report_runs import make_run, samples_of, verdict
from tests.run_folders import Judged

ROOT = Path(__file__).parent.parent
RUNS, DIFFERENT = 20, 4
ANSWER, REPLY = 1_400, 700
"""Letters."""
TRIES = 5
CHANGES = (("search", "flowers 3"), ("filter-country", "Japan"), ("filter-outcome", "disagree"), ("search", ""))
CHANGE = """([id, value]) => { const filter = document.getElementById(id), start = performance.now();
    filter.value = value; filter.dispatchEvent(new Event('input', {bubbles: true}));
    return performance.now() - start; }"""
FIRST_ANSWER = "() => document.querySelector('.answer .says')?.textContent.length > 1000 ? performance.now() : false"


class Writer:
    """Made-up text with the spread of words that languages have (Zipf)."""

    def __init__(self, seed: int) -> None:
        self._chance = random.Random(seed)
        letters = random.Random(0)
        self._words: list[str] = []
        for _ in range(8_000):
            word = letters.choices("etaoinshrdlucmfwypvbgkjqxz", range(26, 0, -1), k=letters.randint(2, 9))
            self._words.append("".join(word))
        self._weights = [1 / (rank + 3) for rank in range(len(self._words))]

    def text(self, letters: int) -> str:
        """Words of about so many letters."""
        return " ".join(self._chance.choices(self._words, self._weights, k=letters // 6))[:letters]


def answers(seed: int) -> Iterator[Judged]:
    """A run's answers, with verdicts by chance."""
    writer, chance = Writer(seed), random.Random(seed)
    for sample in samples_of():
        outcomes = {name: verdict(name, int(chance.random() < 0.5), writer.text(REPLY)) for name in DIMENSIONS}
        yield sample, writer.text(ANSWER), outcomes


def write_page(file: Path) -> None:
    """Draw the page with the package that is imported, and print the gzip ratio of its answers."""
    made = [make_run(f"run-{seed}", list(answers(seed))) for seed in range(DIFFERENT)]
    texts = "\n".join(answer.response for run in made for answer in run.answers).encode()
    print(f"gzip ratio of the answers: {len(gzip.compress(texts, 6)) / len(texts):.3f}", flush=True)
    runs = [replace(made[place % DIFFERENT], name=f"run-{place}") for place in range(RUNS)]
    file.write_text(render_page(build_report(runs, min_coverage=99), PageOptions()), encoding="utf-8")


def write_old_page(commit: str, file: Path, folder: Path) -> None:
    """The same by the package as it was at a commit."""
    archive = subprocess.run(["git", "archive", commit, "lmms_eval_cross"], cwd=ROOT, check=True, capture_output=True)
    subprocess.run(["tar", "-x", "-C", folder], input=archive.stdout, check=True)
    for name in ("tests", "benchmarks", "utils"):
        shutil.copytree(ROOT / name, folder / name)
    command = [sys.executable, "-m", "benchmarks.page", "--write", str(file)]
    subprocess.run(command, cwd=folder, check=True, env={**os.environ, "PYTHONPATH": str(folder)})


def measure(browser: Browser, file: Path) -> dict[str, float]:
    """Medians over several openings, in milliseconds: to the first answer, and of the slowest filter."""
    opening: list[float] = []
    worked: list[float] = []
    filtering: list[float] = []
    for _ in range(TRIES):
        page = browser.new_page(viewport={"width": 1280, "height": 900})
        watch = page.context.new_cdp_session(page)
        watch.send("Performance.enable", {"timeDomain": "threadTicks"})
        page.goto(file.as_uri(), wait_until="commit")
        opening.append(page.wait_for_function(FIRST_ANSWER, timeout=120_000).json_value())
        worked.append(1000 * busy_seconds(watch))
        page.wait_for_load_state("load")
        page.wait_for_timeout(15_000)  # answers are made ready for the search
        filtering.append(max(page.evaluate(CHANGE, list(change)) for change in CHANGES))
        page.close()
    first = {"first answer ms": median(opening), "of the processor": median(worked)}
    return {**first, "filter ms": median(filtering)}


def busy_seconds(watch: CDPSession) -> float:
    """What the page's main thread has taken of a processor, which other work on the machine does not lengthen."""
    metrics = {metric["name"]: metric["value"] for metric in watch.send("Performance.getMetrics")["metrics"]}
    return float(metrics["TaskDuration"])


def main() -> None:
    """Write both pages and print what they weigh and how long they take."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--old", metavar="COMMIT", help="The commit of the old page.")
    parser.add_argument("--write", type=Path, help="Only write the page of the package that is imported.")
    options: Any = parser.parse_args()
    if options.write:
        write_page(options.write)
        return
    if options.old is None:
        parser.error("--old COMMIT is needed: the page is measured beside an older one.")
    with tempfile.TemporaryDirectory() as place:
        old, new = Path(place, "old.html"), Path(place, "new.html")
        (Path(place) / "old").mkdir()
        write_old_page(options.old, old, Path(place) / "old")
        write_page(new)
        sizes = old.stat().st_size, new.stat().st_size
        print(f"size: old {sizes[0] / 1e6:.1f} MB, new {sizes[1] / 1e6:.1f} MB, ratio {sizes[1] / sizes[0]:.3f}")
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=shutil.which("chromium"))
            print("old", measure(browser, old))
            print("new", measure(browser, new))


if __name__ == "__main__":
    main()
