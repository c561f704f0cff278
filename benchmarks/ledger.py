"""A ledger of a million verdicts: python -m benchmarks.ledger [--verdicts 1000000]. Prints a Markdown table.

Every operation runs in a process of its own, whose largest memory is read when it ends. The ledger is 6 GB large, and
two of them are made in a passing folder, of which --folder names the place. Where PostgreSQL is installed, rows of a
server follow, whose own memory is not counted. `--engine postgres` leaves the files out, and fills the server by COPY;
`--engine sqlite` leaves the server out, and with it `--no-merges` makes one file and leaves out what needs two.
"""

import argparse
import json
import os
import resource
import shutil
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import closing
from dataclasses import asdict
from functools import partial
from pathlib import Path

from tqdm import tqdm

from lmms_eval_cross.benchmark.native_rubric import load_native_rubric
from lmms_eval_cross.benchmark.records import DIMENSIONS, Usage
from lmms_eval_cross.ledger.address import Address, Server
from lmms_eval_cross.ledger.keys import VerdictKey
from lmms_eval_cross.ledger.migrating import migrate
from lmms_eval_cross.ledger.rows import COLUMNS
from lmms_eval_cross.ledger.store import Ledger
from tests.postgres_server import PostgresServer, programs

VERDICT = ", ".join(COLUMNS["verdict"])
REPLY = "The answer names the custom and offers the guests another way to say thanks. " * 12
OPERATIONS = {
    "first merge, all of it new": "merge(Ledger(Path('own.sqlite')), Path('theirs.sqlite'))",
    "merge with nothing new": "merge(Ledger(Path('own.sqlite')), Path('theirs.sqlite'))",
    "first merge, nothing of it new": "merge(Ledger(Path('theirs.sqlite')), Path('own.sqlite'))",
    "merge with 100 new": "merge(Ledger(Path('own.sqlite')), Path('theirs.sqlite'))",
    "verify": "verify(Ledger(Path('own.sqlite')), rescore)",
    "export": "export([Path('own.sqlite')], Path('out'))",
    "show": "describe(Ledger(Path('own.sqlite'))); runs_in(Ledger(Path('own.sqlite')))",
}
ON_A_SERVER = {
    "copy from a file, all of it new": "copy(Path('theirs.sqlite'), Ledger(server))",
    "copy again, nothing of it new": "copy(Path('theirs.sqlite'), Ledger(server))",
    "merge of a file with 100 new": "merge(Ledger(server), Path('more.sqlite'))",
    "verify": "verify(Ledger(server), rescore)",
    "export": "export([server], Path('out-of-server'))",
    "show": "describe(Ledger(server)); runs_in(Ledger(server))",
}
CODE = """
import resource, sys, time
from pathlib import Path
from lmms_eval_cross.judge.rescoring import rescore
from lmms_eval_cross.ledger.address import Server
from lmms_eval_cross.ledger.contents import describe, verify
from lmms_eval_cross.ledger.copying import copy
from lmms_eval_cross.ledger.exporting import export
from lmms_eval_cross.ledger.hosts import merge
from lmms_eval_cross.ledger.run_lines import runs_in
from lmms_eval_cross.ledger.store import Ledger
server = Server(sys.argv[1])
if __name__ == "__main__":
    began = time.monotonic()
    {operation}
    took = time.monotonic() - began
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    print(took, sum(one.ru_utime + one.ru_stime for one in used), max(one.ru_maxrss for one in used))
"""


def rows(first: int, answers: int) -> Iterator[tuple[tuple[str, ...], list[tuple[object, ...]]]]:
    """The row of an answer, and those of its four verdicts."""
    rubric, now = load_native_rubric().sha256, "2025-01-01T00:00:00+00:00"
    for number in range(first, first + answers):
        sample_id, response = f"casa/english/Japan_{number}/1", f"Answer {number}. " + "I would ask the hosts. " * 30
        texts = {
            "query": f"What shall I bring, {number}?",
            "norm": "Nobody gives four of anything.",
            "response": response,
        }
        record = json.dumps({"sample_id": sample_id, **texts})
        verdicts = []
        for name in DIMENSIONS:
            key = VerdictKey(rubric, "official", "gpt-4o", {"temperature": 0}, name, **texts, image_sha256="")
            usage = json.dumps(asdict(Usage(700 + number % 400, 0, 100 + number % 97)))
            verdicts.append(
                (key.digest, "https://a:1", "gpt-4o", sample_id, name, 1, None, None, f"{REPLY}\nScore: 1", "gpt-4o",
                 usage, "0.2", now, "[]", key.outline, f"run {number // 1284}")
            )  # fmt: skip
        yield (f"run {number // 1284}", sample_id, response, record, now), verdicts


def fill(path: Path, first: int, verdicts: int) -> None:
    """Write answers and their verdicts by a process of its own: what is started later would count our memory as its."""
    with ProcessPoolExecutor(1) as pool:
        pool.submit(_fill, path, first, verdicts).result()


def _fill(path: Path, first: int, verdicts: int) -> None:
    Ledger(path).close()  # makes the tables
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        for pragma in ("synchronous = OFF", "cache_size = -500000"):
            connection.execute(f"PRAGMA {pragma}")
        connection.execute("BEGIN")
        answers = verdicts // len(DIMENSIONS)
        for answer, four in tqdm(rows(first, answers), path.name, answers, unit=" answers", disable=None):
            connection.execute("INSERT INTO response VALUES (?, ?, ?, ?, ?)", answer)
            connection.executemany(f"INSERT INTO verdict ({VERDICT}) VALUES ({', '.join('?' * 16)})", four)
        connection.execute("COMMIT")


def fill_server(server: Server, first: int, verdicts: int) -> None:
    """The same on a server, by two streams of COPY."""
    import psycopg

    with psycopg.connect(server.url) as answers, psycopg.connect(server.url) as connection:
        for one in (answers, connection):
            one.execute("SET search_path TO lmms_eval_cross")
        into_answers = answers.cursor().copy("COPY response FROM STDIN")
        into_verdicts = connection.cursor().copy(f"COPY verdict ({VERDICT}) FROM STDIN")
        with into_answers as response, into_verdicts as verdict:
            count = verdicts // len(DIMENSIONS)
            for answer, four in tqdm(rows(first, count), "COPY", count, unit=" answers", disable=None):
                response.write_row(answer)
                for row in four:
                    verdict.write_row(row)


def fill_server_from_all_processors(server: Server, verdicts: int) -> None:
    """A part of the answers from each processor, for making rows takes longer than COPY."""
    import psycopg

    parts = os.cpu_count() or 1
    each = verdicts // parts // len(DIMENSIONS) * len(DIMENSIONS)
    firsts = range(0, each // len(DIMENSIONS) * parts, max(1, each // len(DIMENSIONS)))
    with ProcessPoolExecutor(parts) as pool:
        list(pool.map(partial(fill_server, server, verdicts=each), firsts))
    with psycopg.connect(server.url) as connection:
        connection.execute("ANALYZE")  # which the server else does some time later


def measured(operation: str, folder: Path, server: str = "") -> str:
    """Seconds, seconds of processors, and gigabytes of an operation, as cells of a row."""
    script = folder / "operation.py"
    script.write_text(CODE.format(operation=operation), encoding="utf-8")
    command = [sys.executable, str(script), server]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True)
    seconds, processors, kilobytes = done.stdout.split()[-3:]
    return f"{float(seconds):.2f} | {float(processors):.2f} | {int(kilobytes) / 2**20:.2f}"


def look_ups(address: Address) -> float:
    """The median of 2,000 look-ups, in seconds."""
    with closing(Ledger(address)) as ledger:
        keys = [row["key"] for row in ledger.select("SELECT key FROM verdict LIMIT 2000")]
        taken = []
        for key in keys:
            began = time.perf_counter()
            ledger.find(key, "https://a:1")
            taken.append(time.perf_counter() - began)
    return statistics.median(taken)


def print_rows_of_files(folder: Path, verdicts: int, with_merges: bool) -> None:
    """The rows of two files, or of the one that merges leave."""
    made = folder / ("theirs.sqlite" if with_merges else "own.sqlite")
    began = time.monotonic()
    fill(made, 0, verdicts)
    print(f"| made, {made.stat().st_size / 1e9:.1f} GB | {time.monotonic() - began:.2f} | - | - |", flush=True)
    for name, operation in OPERATIONS.items():
        if "merge" in name and not with_merges:
            continue
        if name == "merge with 100 new":
            fill(folder / "theirs.sqlite", verdicts, 100)
        print(f"| {name} | {measured(operation, folder)} |", flush=True)
    print(f"| one look-up | {look_ups(folder / 'own.sqlite'):.6f} | - | - |", flush=True)


def print_rows_of_a_server(folder: Path, verdicts: int, from_file: bool) -> None:
    """The rows of a PostgreSQL of our own, into which the file is copied, or COPY writes."""
    where = programs()
    if where is None:
        print("PostgreSQL is not installed here: its rows are left out.", file=sys.stderr)
        return
    with closing(PostgresServer(where)) as postgres:
        server = postgres.new_database()
        migrate(server)
        fill(folder / "more.sqlite", 2 * verdicts, 100)
        if not from_file:
            began = time.monotonic()
            fill_server_from_all_processors(server, verdicts)
            print(f"| PostgreSQL: filled by COPY | {time.monotonic() - began:.2f} | - | - |", flush=True)
        for name, operation in ON_A_SERVER.items():
            if from_file or not name.startswith("copy"):
                print(f"| PostgreSQL: {name} | {measured(operation, folder, server.url)} |", flush=True)
        print(f"| PostgreSQL: one look-up | {look_ups(server):.6f} | - | - |")


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--verdicts", type=int, default=1_000_000)
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--engine", choices=["both", "sqlite", "postgres"], default="both")
    parser.add_argument("--no-merges", action="store_true")
    options = parser.parse_args()
    if options.no_merges and options.engine != "sqlite":
        parser.error("--no-merges goes with --engine sqlite: a server is filled from the file that merges leave.")
    os.environ["PYTHONPATH"] = str(Path(__file__).resolve().parent.parent)
    folder = Path(tempfile.mkdtemp(dir=options.folder))
    try:
        print(f"{options.verdicts:,} verdicts, {os.cpu_count()} processors\n")
        print("| operation | seconds | seconds of processors | largest process, GB |\n| --- | ---: | ---: | ---: |")
        if options.engine != "postgres":
            print_rows_of_files(folder, options.verdicts, not options.no_merges)
        if options.engine != "sqlite":
            print_rows_of_a_server(folder, options.verdicts, options.engine == "both")
    finally:
        shutil.rmtree(folder)


if __name__ == "__main__":
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    main()
