"""A team's ledger beside a file: python -m benchmarks.team_ledger. Prints two Markdown tables; needs PostgreSQL here.

Every host is a process with an engine of its own, and all ask one judge on the loopback, which answers after a fixed
time. The server is a cluster in a passing folder. `20 ms` goes through a proxy that holds every packet back for 10 ms
each way. Rounds are interleaved; medians are shown.
"""

import argparse
import asyncio
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.free_port import free_port
from lmms_eval_cross.ledger.address import Server
from lmms_eval_cross.ledger.migrating import migrate
from lmms_eval_cross.ledger.store import Ledger
from tests.judge_server import Answer, JudgeServer
from tests.postgres_server import PostgresServer, programs

ONE_WAY_SECONDS = 0.010


@dataclass(frozen=True)
class Load:
    """What a host asks for."""

    answers: int
    in_flight: int
    latency_seconds: float


FULL = Load(answers=400, in_flight=64, latency_seconds=0.64)
"""100 calls a second at the most."""
SHARED = Load(answers=100, in_flight=16, latency_seconds=0.8)
"""20 calls a second a host."""


def host(first: int, load: Load, ledger: str, begin: float) -> None:
    """One host: judge answers from a number on, and print what it took."""
    from lmms_eval_cross.judge.endpoint_judge import EndpointJudge
    from lmms_eval_cross.judge.engine import JudgeEngine
    from lmms_eval_cross.ledger.spend import save_quirks
    from lmms_eval_cross.settings import load_settings
    from tests.judging import job

    os.environ |= {"CROSS_JUDGE_API_KEY": "sk-benchmark", "CROSS_JUDGE_CONCURRENCY": str(load.in_flight)}
    own = Ledger(Server(ledger) if "://" in ledger else Path(ledger))
    judge = EndpointJudge(load_settings())
    save_quirks(own, judge.host, judge.identity.model, judge.identity.profile, frozenset())
    engine = JudgeEngine(judge, own, load.in_flight)
    jobs = [job(f"Answer {number}. " + "I would ask the hosts. " * 30) for number in range(first, first + load.answers)]
    time.sleep(max(0.0, begin - time.time()))
    began, before = time.monotonic(), _cpu()
    for one in jobs:
        engine.submit(one, lambda _: None)
    engine.drain(show_progress=False)
    told = {"seconds": time.monotonic() - began, "cpu": _cpu() - before, "verdicts": engine.tally.judged}
    engine.close()
    own.close()
    print(json.dumps(told))


def _cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


@dataclass(frozen=True)
class Told:
    """What hosts said together."""

    verdicts: int
    seconds: float
    """Of the slowest."""
    cpu: float
    """Seconds of all hosts' processors."""

    @property
    def rate(self) -> float:
        """Verdicts a second."""
        return self.verdicts / self.seconds


def run_hosts(judge: JudgeServer, load: Load, ledger: str, firsts: Sequence[int]) -> Told:
    """Judge at once, each host from a number of its own."""
    judge.script = lambda _: Answer("Reasons.\nScore: 1", delay_seconds=load.latency_seconds)
    begin = time.time() + 4 + len(firsts)
    commands = [_command(first, load, ledger, begin) for first in firsts]
    environment = {**os.environ, "CROSS_JUDGE_BASE_URL": judge.url}
    started = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) for command in commands]
    told = [json.loads(process.communicate()[0]) for process in started]
    return Told(
        sum(one["verdicts"] for one in told), max(one["seconds"] for one in told), sum(one["cpu"] for one in told)
    )


def _command(first: int, load: Load, ledger: str, begin: float) -> list[str]:
    numbers = [first, load.answers, load.in_flight, load.latency_seconds]
    return [sys.executable, "-m", "benchmarks.team_ledger", "--host", *map(str, numbers), ledger, str(begin)]


@contextmanager
def delayed(port: int) -> Iterator[int]:
    """A port whose packets to and from another one come later, in order."""

    async def pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        loop = asyncio.get_running_loop()
        while data := await reader.read(65536):
            loop.call_later(ONE_WAY_SECONDS, writer.write, data)
        loop.call_later(2 * ONE_WAY_SECONDS, writer.close)

    async def connect(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        theirs, ours = await asyncio.open_connection("127.0.0.1", port)
        await asyncio.gather(pass_on(reader, ours), pass_on(theirs, writer))

    loop = asyncio.new_event_loop()
    server = loop.run_until_complete(asyncio.start_server(connect, "127.0.0.1", 0))
    threading.Thread(target=loop.run_forever, daemon=True).start()
    yield server.sockets[0].getsockname()[1]
    loop.call_soon_threadsafe(loop.stop)


def side_by_side(judge: JudgeServer, server: PostgresServer, port: int, rounds: int) -> None:
    """One host with a file, a server, and a server that is far."""
    rates: dict[str, list[Told]] = {}
    with delayed(port) as far, tempfile.TemporaryDirectory() as folder:
        for number in range(rounds):
            for name in ("SQLite", "PostgreSQL", "PostgreSQL, 20 ms"):
                told = run_hosts(judge, FULL, _place(name, server, port, far, Path(folder), number), [0])
                rates.setdefault(name, []).append(told)
    print(f"{FULL.in_flight} calls in flight, {FULL.in_flight / FULL.latency_seconds:.0f} calls/s at most\n")
    print("| ledger | verdicts/s | of SQLite | host's CPU, % of one |\n| --- | ---: | ---: | ---: |")
    for name, told_of in rates.items():
        ratios = [one.rate / file.rate for one, file in zip(told_of, rates["SQLite"], strict=True)]
        cpu = statistics.median(100 * one.cpu / one.seconds for one in told_of)
        rate = statistics.median(one.rate for one in told_of)
        print(f"| {name} | {rate:.1f} | {statistics.median(ratios):.3f} | {cpu:.0f} |")


def _place(name: str, server: PostgresServer, port: int, far: int, folder: Path, number: int) -> str:
    if name == "SQLite":
        return str(folder / f"{number}.sqlite")
    database = _migrated(server)
    used = port if name == "PostgreSQL" else far
    return f"postgresql://owner@127.0.0.1:{used}/{database.name.rpartition('/')[2]}"


def _migrated(server: PostgresServer) -> Server:
    database = server.new_database()
    migrate(database)
    return database


def many_hosts(judge: JudgeServer, server: PostgresServer) -> None:
    """One host, four with answers of their own, and four with the same."""
    print(f"\n{SHARED.in_flight / SHARED.latency_seconds:.0f} calls/s a host at most\n")
    print("| hosts | verdicts/s | of one host | calls made twice | CPU of all hosts, % of one |")
    print("| --- | ---: | ---: | ---: | ---: |")
    one = None
    for name, firsts in (("1", [0]), ("4", [0, 1000, 2000, 3000]), ("4 with the same answers", [0, 0, 0, 0])):
        judge.asked.clear()
        told = run_hosts(judge, SHARED, _migrated(server).url, firsts)
        one = one or told
        calls = Counter((asked.response, asked.dimension) for asked in judge.judged)
        twice = sum(calls.values()) - len(calls)
        cpu = 100 * told.cpu / told.seconds
        print(f"| {name} | {told.rate:.1f} | {told.rate / one.rate:.2f} | {twice} | {cpu:.0f} |", flush=True)


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--host", nargs=6, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.host:
        first, answers, in_flight, latency, ledger, begin = options.host
        host(int(first), Load(int(answers), int(in_flight), float(latency)), ledger, float(begin))
        return
    where, port = programs(), free_port()
    if where is None:
        sys.exit("PostgreSQL is not installed here.")
    server = PostgresServer(where, port)
    try:
        with JudgeServer() as judge:
            side_by_side(judge, server, port, options.rounds)
            many_hosts(judge, server)
    finally:
        server.close()


if __name__ == "__main__":
    main()
