"""The ledger: every response before it is judged, every verdict as it arrives."""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any, Final, TypeAlias

from lmms_eval_cross import __version__
from lmms_eval_cross.benchmark.records import JudgeFailure, Outcome, fields_of
from lmms_eval_cross.errors import AwayError, EntryError, LedgerError
from lmms_eval_cross.ledger.address import Address, Server, advice_on, name_of
from lmms_eval_cross.ledger.database import Database, DatabaseError, UnfitError, Values, wanting
from lmms_eval_cross.ledger.rows import COLUMNS, PLACE, Row, Table, in_batches, read_outcome
from lmms_eval_cross.ledger.sqlite_file import SqliteFile
from lmms_eval_cross.text import storable


def _inserting(table: Table, conflict: str) -> str:
    columns = COLUMNS[table]
    names, marks = ", ".join(columns), ", ".join("?" * len(columns))
    return f"INSERT INTO {table} ({names}) VALUES ({marks}) ON CONFLICT {conflict}"


_UPDATES: Final = ", ".join(f"{name} = excluded.{name}" for name in COLUMNS["verdict"])
_FILE_RESPONSE: Final = _inserting("response", "DO NOTHING")
_FILE_VERDICT: Final = _inserting("verdict", f"(key, host) DO UPDATE SET {_UPDATES} WHERE verdict.score IS NULL")
_TAKE_OVER: Final[dict[Table, str]] = {
    "response": _FILE_RESPONSE,
    "verdict": f"{_FILE_VERDICT} AND excluded.score IS NOT NULL",
    "run": _inserting("run", "DO NOTHING"),
}
_MOST_VALUES: Final = 500
"""In one statement; older SQLites take 999."""


@dataclass(frozen=True, slots=True)
class Entry:
    """Where a verdict belongs."""

    key: str
    host: str
    """Scheme, name and port of the endpoint; part of the place, not of the key."""
    judge_id: str
    sample_id: str
    outline: str | None = None
    """What the key was made of (`VerdictKey.outline`)."""
    run: str | None = None
    """Which run asks."""


Place: TypeAlias = tuple[str, str | None]
"""A verdict's key, and its host, None for any."""
Claim: TypeAlias = tuple[str, str]
"""The key and the host of a verdict that is being asked for."""
Filing: TypeAlias = tuple[Entry, Outcome]


@dataclass(frozen=True, slots=True)
class Given:
    """What the model under test answered."""

    run: str
    sample_id: str
    response: str
    record: Mapping[str, Any]
    """The sample record as far as it is known."""


@dataclass(frozen=True, slots=True)
class RunNote:
    """What a run is known to be when its judging begins; None where it is not known."""

    model: str | None = None
    """Name and arguments of the model under test, without secrets."""
    tasks: str | None = None
    """As lmms-eval takes them: `cross_casa,cross_safeworld`."""
    folder: str | None = None
    """Where the run is written, without anybody's home in it."""


UNKNOWN_RUN: Final = RunNote()


class Ledger:
    """One ledger, in a file or on a server; may be used from several threads and processes."""

    is_given_up = False
    """Nobody waits any longer for a server that is away."""

    @property
    def is_behind(self) -> bool:
        """Whether something that was recorded waits, and others don't see it yet."""
        return False

    def send_on(self) -> None:
        """Write what waits, if that is possible."""

    def __init__(self, address: Address, journal: str = "WAL") -> None:
        """Open the ledger; a file is made where there is none, private (0600).

        Args:
            address: of the file or the database.
            journal: a file's journal mode; `WAL` needs shared memory, which network file systems lack.

        Raises:
            LedgerError: it can't be opened, is damaged, or its schema is not this release's.
        """
        self.address, self.name = address, name_of(address)
        self._error = AwayError if isinstance(address, Server) else LedgerError
        try:
            self._database = _open_database(address, journal)
        except DatabaseError as trouble:
            raise LedgerError(f"The ledger {self.name} can't be opened ({trouble}); {advice_on(address)}.") from None

    def close(self) -> None:
        """Close the ledger; nothing is pending, every write is a transaction of its own."""
        self._database.close()

    def find(self, key: str, host: str | None) -> Outcome | None:
        """The outcome under a key, from `host` or, with None, from any host; a verdict before a failure."""
        return self.find_all([(key, host)])[0]

    def find_all(self, places: Sequence[Place]) -> list[Outcome | None]:
        """The same for several keys at once, in order."""
        rows: dict[str, list[dict[str, Any]]] = {}
        for keys in in_batches(dict.fromkeys(key for key, _ in places), _MOST_VALUES):
            marks = ", ".join("?" * len(keys))
            query = f"SELECT * FROM verdict WHERE key IN ({marks}) ORDER BY score IS NULL, created_at"
            for row in self.select(query, tuple(keys)):
                rows.setdefault(row["key"], []).append(row)
        return [self._first(rows.get(key, []), host) for key, host in places]

    def _first(self, rows: Sequence[dict[str, Any]], host: str | None) -> Outcome | None:
        for row in rows:
            if host is None or row["host"] == host:
                return self._outcome(row)
        return None

    def _outcome(self, row: dict[str, Any]) -> Outcome:
        try:
            return read_outcome(row)
        except ValueError as error:
            sample = str(row["sample_id"])[:80]
            raise LedgerError(f"A verdict on {sample!r} in {self.name} can't be read ({error}).") from None

    def record_verdict(self, entry: Entry, outcome: Outcome) -> None:
        """Write an outcome; it replaces a failure, and nothing replaces a verdict."""
        self.record_verdicts([(entry, outcome)])

    def record_verdicts(self, filed: Sequence[Filing]) -> None:
        """Write several outcomes in one transaction."""
        self._record(_FILE_VERDICT, [_storable(_verdict_row(entry, outcome)) for entry, outcome in filed])

    def _record(self, statement: str, rows: Sequence[Values]) -> None:
        with self._writing():
            if len(rows) == 1:
                self._database.change(statement, rows[0])
            else:
                self._database.change_all(statement, rows)

    def record_response(self, run: str, sample_id: str, response: str, record: Mapping[str, Any]) -> None:
        """Write what the model answered before it is judged, with the sample record as far as it is known."""
        self.record_responses([Given(run, sample_id, response, record)])

    def record_responses(self, given: Sequence[Given]) -> None:
        """Write several in one transaction."""
        self._record(_FILE_RESPONSE, [_storable(_response_row(one)) for one in given])

    def record_run(self, run: str, judge_id: str, note: RunNote) -> None:
        """Write what a run is that is judged from now on; what was noted of it before stays."""
        row = {"run": run, "judge_id": judge_id, **fields_of(note), "created_at": _now()}
        self._record(_TAKE_OVER["run"], [_storable(row)])

    def count(self, table: Table) -> int:
        """Rows of a table."""
        return int(self.select(f"SELECT count(*) AS n FROM {table}")[0]["n"])

    def check_writable(self) -> None:
        """Write nothing, which shows whether something could be written.

        Raises:
            LedgerError: this role may only read, or the server does.
        """
        self.change("INSERT INTO verdict SELECT * FROM verdict WHERE FALSE")

    def change(self, statement: str, values: Values = ()) -> int:
        """Run one writing statement as a transaction; how many rows it changed."""
        with self._writing():
            return self._database.change(statement, values)

    def change_and_tell(self, statement: str, values: Values) -> list[dict[str, Any]]:
        """Run one writing statement that ends in RETURNING, as a transaction; the rows that it gives."""
        with self._writing():
            return self._database.select(statement, values)

    def insert_alone(self, statement: str, values: Values, word: str) -> int | None:
        """Insert a row while no other process does so with the same word; its id, None if it was not inserted."""
        with self._writing():
            return self._database.insert_alone(statement, values, word)

    def select(self, query: str, values: Values = ()) -> list[dict[str, Any]]:
        """The rows of a query.

        Raises:
            LedgerError: the ledger can't be read.
        """
        try:
            return self._database.select(query, values)
        except DatabaseError as trouble:
            raise self._error(f"The ledger {self.name} can't be read ({trouble}); {advice_on(self.address)}.") from None

    def counts_in(self, column: str) -> str:
        """SQL for the counts in a column, which is JSON's text, NULL where it can't be read."""
        return self._database.counts_in(column)

    def number_in(self, counts: str, name: str) -> str:
        """SQL for the number of a name among such counts, NULL where there is none."""
        return self._database.number_in(counts, name)

    def take_over(self, table: Table, rows: Sequence[Row]) -> int:
        """Write rows of another ledger in one transaction; gives how many are new.

        A row that is there stays, but that a verdict takes a failure's place.

        Raises:
            LedgerError: the ledger can't be written; it is as before.
        """
        values = [tuple(row[name] for name in COLUMNS[table]) for row in rows]
        before = self._taken(table, rows)
        with self._writing():
            self._database.change_all(_TAKE_OVER[table], values)
        return len({_place(table, row) for row in rows} - before.keys())

    def lacking(self, table: Table, rows: Sequence[Row]) -> list[Row]:
        """The rows, some hundreds, that would change this ledger: they are new, or a verdict where it has a failure."""
        taken, lacking = self._taken(table, rows), []
        for row in rows:
            stays = taken.get(_place(table, row))
            if stays is None or (not stays and row["score"] is not None):
                lacking.append(row)
        return lacking

    def _taken(self, table: Table, rows: Sequence[Row]) -> dict[tuple[str, ...], bool]:
        """Those of the rows' places that are taken, and whether for good: by an answer or a verdict."""
        first, second = PLACE[table][:2]
        stays = "score IS NOT NULL" if table == "verdict" else "TRUE"
        query = (
            f"SELECT {', '.join(PLACE[table])}, {stays} AS stays FROM wanted "
            f"JOIN {table} ON {first} = wanted.first AND {second} = wanted.second"
        )
        taken: dict[tuple[str, ...], bool] = {}
        for places in in_batches(dict.fromkeys((row[first], row[second]) for row in rows), _MOST_VALUES // 2):
            wanted, values = wanting(places)
            for row in self.select(f"{wanted} {query}", values):
                taken[_place(table, row)] = bool(row["stays"])
        return taken

    @contextmanager
    def _writing(self) -> Iterator[None]:
        """What the database refuses is a LedgerError."""
        try:
            yield
        except UnfitError as trouble:
            raise EntryError(f"The ledger {self.name} can't hold an entry ({trouble}).") from None
        except DatabaseError as trouble:
            raise self._error(f"The ledger {self.name} can't be written ({trouble}).") from None


def _open_database(address: Address, journal: str) -> Database:
    if isinstance(address, Server):
        from lmms_eval_cross.ledger.postgres import PostgresDatabase  # psycopg, which only a team's ledger needs

        return PostgresDatabase(address)
    return SqliteFile(address, journal)


def _response_row(given: Given) -> dict[str, Any]:
    return {
        "run": given.run,
        "sample_id": given.sample_id,
        "response": given.response,
        "record": json.dumps(given.record, ensure_ascii=True),
        "created_at": _now(),
    }


def _verdict_row(entry: Entry, outcome: Outcome) -> dict[str, Any]:
    """The row of an outcome: a verdict has a score, a failure its reason and detail."""
    row = {
        "key": entry.key,
        "host": entry.host,
        "judge_id": entry.judge_id,
        "sample_id": entry.sample_id,
        "dimension": outcome.dimension,
        "score": None,
        "reason": None,
        "detail": None,
        "reply": None,
        "model": outcome.model,
        "usage": json.dumps(fields_of(outcome.usage)),
        "written_by": __version__,
        "created_at": _now(),
        "quirks": json.dumps(outcome.quirks),
        "outline": entry.outline,
        "run": entry.run,
    }
    if isinstance(outcome, JudgeFailure):
        return row | {"reason": outcome.reason, "detail": outcome.detail, "reply": outcome.reply}
    return row | {"score": outcome.score, "reply": outcome.rationale}


def _storable(row: Mapping[str, Any]) -> Values:
    """A row's values, in the order of its columns."""
    values = []
    for value in row.values():
        if isinstance(value, str):
            value = storable(value)
        values.append(value)
    return tuple(values)


def _place(table: Table, row: Row) -> tuple[str, ...]:
    return tuple(row[name] for name in PLACE[table])


def _now() -> str:
    return datetime.now(timezone.utc).isoformat(timespec="seconds")


def utc_now() -> str:
    """The time as SQLite's `datetime('now')` writes it, which ledgers hold for batches and for what was learnt."""
    return datetime.now(timezone.utc).strftime("%Y-%m-%d %H:%M:%S")
