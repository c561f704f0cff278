"""What faults of a team's ledger cost: the rows of `python -m benchmarks.faults --team`, with a PostgreSQL of our own.

Two hosts, each a process with a CROSS_HOME of its own, judge the same twelve answers on one database. Every reply of
the judge bears its call's number, and a ledger keeps the first verdict that is committed: a call whose number is above
the one that is kept was paid for twice, one below it was in flight when its host was killed.
"""

import os
import random
import re
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from functools import partial
from itertools import count
from pathlib import Path

from benchmarks.trials import Place, Tally, Trial, judge, place_of, wrong
from lmms_eval_cross.benchmark.records import DIMENSIONS
from lmms_eval_cross.ledger.address import Server
from lmms_eval_cross.ledger.migrating import migrate
from lmms_eval_cross.ledger.store import Ledger
from tests.judge_server import Answer, Asked, JudgeServer, score_of
from tests.postgres_server import PostgresServer, programs

LEASE_SECONDS = 2.0
"""Where hosts are killed, in place of 30, so that nobody waits long for a dead host's verdicts."""
AWAY_SECONDS = 8.0
"""Longer than a connection is waited for."""
LONG_SECONDS = 35.0
"""Longer than a claim lasts."""
CALLS_BEFORE = 8
"""The judge has been asked so often when a fault begins."""
KILLS_A_TRIAL = 5
SEED = 20250514
HOSTS = ("a", "b")
ROOM_MEGABYTES = 64
"""Of the disk that fills up."""
CUT = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE datname = '{}'"

Kept = dict[Place, tuple[int, int]]
"""Place -> number of the call whose verdict is kept, and score."""


class NumberedJudge:
    """An honest judge whose replies bear numbers."""

    def __init__(self, delay_seconds: float) -> None:
        self.calls: dict[Place, list[int]] = defaultdict(list)
        self.callers: dict[int, str] = {}
        """Number of a call -> key of the host that made it."""
        self.asked = 0
        self._delay_seconds, self._numbers = delay_seconds, count(1)

    def __call__(self, asked: Asked) -> Answer:
        """A score that depends on answer and dimension alone."""
        place, number = place_of(asked), next(self._numbers)
        self.calls[place].append(number)
        self.callers[number] = asked.headers["authorization"].removeprefix("Bearer ")
        self.asked = number
        return Answer(f"Call {number}.\nScore: {score_of(*place)}", delay_seconds=self._delay_seconds)


class Team:
    """Two hosts that judge the same answers on one database."""

    def __init__(self, folder: Path, prepared: Path, name: str, url: str, ledger: Server) -> None:
        self.ledger = ledger
        self.hosts = [Trial(folder / host, prepared, name, url) for host in HOSTS]
        for key, host in zip(HOSTS, self.hosts, strict=True):
            own = {"CROSS_LEDGER_URL": ledger.url, "CROSS_JUDGE_TIMEOUT": "10", "CROSS_JUDGE_API_KEY": key}
            host.environment |= own

    def kept(self) -> Kept:
        """The verdicts in the database."""
        responses, kept = self.hosts[0].responses, Kept()
        with closing(Ledger(self.ledger)) as ledger:
            for row in ledger.select("SELECT * FROM verdict WHERE score IS NOT NULL"):
                number = re.search(r"\d+", row["reply"])
                assert number is not None
                kept[responses[row["sample_id"]], row["dimension"]] = (int(number[0]), row["score"])
        return kept


def count_up(tally: Tally, team: Team, judging: NumberedJudge, before: Kept) -> list[int]:
    """Count what became of a trial, of which `before` was kept at some time; gives the calls below the kept ones."""
    kept, scored = team.kept(), [host.scored() for host in team.hosts]
    whole = len(DIMENSIONS) * len(team.hosts[0].samples)
    tally.tried += 1
    tally.changed += wrong({place: score for place, (_, score) in kept.items()}) + sum(map(wrong, scored))
    tally.lost += sum(whole - len(scores) for scores in scored)
    tally.lost += sum(kept.get(place) != verdict for place, verdict in before.items())
    below: list[int] = []
    for place, numbers in judging.calls.items():
        first, _ = kept.get(place, (0, 0))
        tally.twice += sum(number > first for number in numbers)
        below += [number for number in numbers if number < first]
    return below


def judge_on_short_leases(environment: Mapping[str, str], run: str, output: str, retry_failed: bool) -> None:
    """Judge as `judge` does, with claims that run out soon."""
    from lmms_eval_cross.ledger import claims, desk

    claims.LEASE_SECONDS, desk.RENEWED_AFTER_SECONDS = LEASE_SECONDS, LEASE_SECONDS / 4  # type: ignore[misc]
    judge(environment, run, output, retry_failed)


def killed(team: Team, server: JudgeServer, tally: Tally, draw: random.Random, seconds: float) -> None:
    """Hosts are killed at random moments and started again, until both are done or five were killed."""
    server.script = judging = NumberedJudge(0.2)
    processes = [host.start(judging=judge_on_short_leases) for host in team.hosts]
    began, lives = [0, 0], list[tuple[str, int, int]]()
    before: Kept = {}
    while len(lives) < KILLS_A_TRIAL:
        time.sleep(draw.uniform(0, seconds / 2))
        alive = [number for number, process in enumerate(processes) if process.is_alive()]
        if not alive:
            break
        victim = draw.choice(alive)
        processes[victim].kill()
        processes[victim].join()
        lives.append((HOSTS[victim], began[victim], judging.asked))
        before |= team.kept()
        began[victim] = judging.asked
        processes[victim] = team.hosts[victim].start(judging=judge_on_short_leases)
    for process in processes:
        process.join()
    below = count_up(tally, team, judging, before)
    for host, first, last in lives:
        tally.in_flight.append(sum(first < number <= last and judging.callers[number] == host for number in below))
    tally.twice += len(below) - sum(tally.in_flight[len(tally.in_flight) - len(lives) :])
    tally.tried += len(lives) - 1


def undisturbed(team: Team, server: JudgeServer) -> float:
    """Seconds that both hosts take."""
    server.script = NumberedJudge(0.2)
    began = time.monotonic()
    processes = [host.start(judging=judge_on_short_leases) for host in team.hosts]
    for process in processes:
        process.join()
    return time.monotonic() - began


# ---- troubles ----

Trouble = Callable[[], None]


@dataclass(frozen=True)
class Scene:
    """A database, and how its trouble begins and ends."""

    ledger: Server
    begin: Trouble
    end: Trouble
    seconds: float = AWAY_SECONDS


def troubled(team: Team, server: JudgeServer, tally: Tally, scene: Scene) -> None:
    """The ledger is in trouble for a while in the middle; then both hosts type `judge --retry-failed`."""
    server.script = judging = NumberedJudge(0.4)
    processes = [host.start() for host in team.hosts]
    while judging.asked < CALLS_BEFORE:
        time.sleep(0.02)
    before = team.kept()
    scene.begin()
    time.sleep(scene.seconds)
    scene.end()
    for process in processes:
        process.join()
    for host in team.hosts:
        host.start(retry_failed=True).join()
    tally.twice += len(count_up(tally, team, judging, before))  # for no host was killed


Setting = Callable[[PostgresServer], "Iterator[Scene]"]


def migrated(ledger: Server) -> Server:
    """The same database with our tables."""
    migrate(ledger)
    return ledger


def database_of(ledger: Server) -> str:
    """Its name at the server."""
    return re.sub(r".*/(\w+)\?.*", r"\1", ledger.url)


def started_again(server: PostgresServer) -> Iterator[Scene]:
    """The server crashes and is started again."""
    yield Scene(migrated(server.new_database()), partial(server.stop, "immediate"), server.start)


def long_away(server: PostgresServer) -> Iterator[Scene]:
    """It is away for longer than a claim lasts."""
    ledger = migrated(server.new_database())
    yield Scene(ledger, partial(server.stop, "immediate"), server.start, LONG_SECONDS)


def cut(server: PostgresServer) -> Iterator[Scene]:
    """All connections are cut, ten times."""
    ledger = migrated(server.new_database())

    def begin() -> None:
        for _ in range(10):
            server.sql(CUT.format(database_of(ledger)), "postgres")
            time.sleep(0.2)

    yield Scene(ledger, begin, lambda: None)


def read_only(server: PostgresServer) -> Iterator[Scene]:
    """The database only reads."""
    ledger = migrated(server.new_database())
    name, setting = database_of(ledger), "default_transaction_read_only"

    def begin() -> None:
        server.sql(f"ALTER DATABASE {name} SET {setting} = on", "postgres")
        server.sql(CUT.format(name), "postgres")  # connections that stand go on as before

    def end() -> None:
        server.sql(f"ALTER DATABASE {name} RESET {setting}", "postgres")
        server.sql(CUT.format(name), "postgres")

    yield Scene(ledger, begin, end)


def full(server: PostgresServer) -> Iterator[Scene]:
    """The disk of the database's tablespace is full."""
    with small_disk(server.folder / "small") as disk:
        (disk / "space").mkdir()
        server.give(disk / "space")
        server.sql(f"CREATE TABLESPACE small LOCATION '{disk / 'space'}'", "postgres")
        ledger = migrated(server.new_database("TABLESPACE small"))
        filler = disk / "filler"

        def begin() -> None:
            with suppress_full(), filler.open("wb", buffering=0) as file:
                while True:
                    file.write(bytes(4096))

        yield Scene(ledger, begin, filler.unlink)
        server.sql(f"DROP DATABASE {database_of(ledger)} WITH (FORCE)", "postgres")
        server.sql("DROP TABLESPACE small", "postgres")


@contextmanager
def suppress_full() -> Iterator[None]:
    """Until there is no room."""
    try:
        yield
    except OSError as error:
        if error.errno != 28:
            raise


@contextmanager
def small_disk(folder: Path) -> Iterator[Path]:
    """A file system of its own, which only root can mount."""
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={ROOM_MEGABYTES}m", "tmpfs", str(folder)], check=True)
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)
        folder.rmdir()


def failover(server: PostgresServer) -> Iterator[Scene]:
    """The first server crashes for good, and a replica, which had to confirm every commit, takes over."""
    del server
    where = programs()
    assert where is not None
    with closing(PostgresServer(where)) as first, closing(PostgresServer(where, replica_of=first)) as second:
        first.sql("ALTER SYSTEM SET synchronous_standby_names = '*'", "postgres")
        first.sql("SELECT pg_reload_conf()", "postgres")
        ledger = migrated(first.new_database())
        url = f"postgresql://owner@/{database_of(ledger)}?host={first.folder},{second.folder}&port=5432,5432"

        def begin() -> None:
            first.stop("immediate")
            second.promote()

        yield Scene(Server(f"{url}&target_session_attrs=read-write"), begin, lambda: None)


SETTINGS: Mapping[str, Setting] = {
    "PostgreSQL crashes, is started again after 8 s": started_again,
    "it is away for 35 s, longer than a claim lasts": long_away,
    "all its connections are cut, ten times in 2 s": cut,
    "its disk is full for 8 s": full,
    "it only reads for 8 s": read_only,
    "it crashes, and its replica takes over": failover,
}


def print_rows(prepared: Path, server: JudgeServer, runs: int, kills: int) -> None:
    """Print the rows."""
    where = programs()
    if where is None:
        print("PostgreSQL is not installed here: its rows are left out.", file=sys.stderr)
        return
    with closing(PostgresServer(where)) as postgres:
        for name, setting in SETTINGS.items():
            if setting is full and os.geteuid() != 0:
                print("Only root can mount the disk that fills up: its row is left out.", file=sys.stderr)
                continue
            print(trouble(name, setting, prepared, server, postgres, runs).row(), flush=True)
        print(kill_hosts(prepared, server, postgres, kills).row(), flush=True)


def trouble(
    name: str, setting: Setting, prepared: Path, server: JudgeServer, postgres: PostgresServer, runs: int
) -> Tally:
    """The row of a trouble."""
    tally = Tally(name)
    for number in range(runs):
        with contextmanager(setting)(postgres) as scene, passing(prepared, server, number, scene.ledger) as team:
            troubled(team, server, tally, scene)
    return tally


def kill_hosts(prepared: Path, server: JudgeServer, postgres: PostgresServer, kills: int) -> Tally:
    """The row of `kill -9`."""
    tally, draw = Tally("kill -9 of one of two hosts, started again until both are done"), random.Random(SEED)
    with passing(prepared, server, -1, migrated(postgres.new_database())) as team:
        seconds = undisturbed(team, server)
    for number in count():
        if tally.tried >= kills:
            return tally
        ledger = migrated(postgres.new_database())
        with passing(prepared, server, number, ledger) as team:
            killed(team, server, tally, draw, seconds)
        postgres.sql(f"DROP DATABASE {database_of(ledger)} WITH (FORCE)", "postgres")
    raise AssertionError("there is no last trial")


@contextmanager
def passing(prepared: Path, server: JudgeServer, number: int, ledger: Server) -> Iterator[Team]:
    """Two hosts whose folders are deleted afterwards."""
    with tempfile.TemporaryDirectory() as folder:
        yield Team(Path(folder), prepared, f"trial {number}", server.url, ledger)
