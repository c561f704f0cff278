"""The ledger's tables, as numbered steps make them, and the check that a file has these and no other.

A ledger may come from elsewhere. What its schema names (a view, a trigger, a generated column) would be run by reading
or writing it, so tables of ours must be ours word for word.
"""

import sqlite3
from collections.abc import Callable
from functools import cache
from typing import Final

from lmms_eval_cross.errors import LedgerError

_RESPONSE: Final = """
CREATE TABLE response (
    run TEXT NOT NULL,
    sample_id TEXT NOT NULL,
    response TEXT NOT NULL,
    record TEXT NOT NULL,
    created_at TEXT NOT NULL,
    PRIMARY KEY (run, sample_id, response)
) WITHOUT ROWID
"""
_VERDICT: Final = """
CREATE TABLE verdict (
    key TEXT NOT NULL,
    host TEXT NOT NULL,
    judge_id TEXT NOT NULL,
    sample_id TEXT NOT NULL,
    dimension TEXT NOT NULL,
    score INTEGER CHECK (score IN (0, 1)),
    reason TEXT,
    detail TEXT,
    reply TEXT,
    model TEXT,
    usage TEXT NOT NULL,
    written_by TEXT NOT NULL,
    created_at TEXT NOT NULL,
    PRIMARY KEY (key, host),
    CHECK ((score IS NULL) <> (reason IS NULL))
) WITHOUT ROWID
"""


def _step_1(connection: sqlite3.Connection) -> None:
    connection.execute(_RESPONSE)
    connection.execute(_VERDICT)


def _step_spend(connection: sqlite3.Connection) -> None:
    """What the endpoint does not take, with each verdict and for the next run; money, as it is promised and spent."""
    connection.execute("ALTER TABLE verdict ADD COLUMN quirks TEXT NOT NULL DEFAULT '[]'")
    connection.execute(
        """
        CREATE TABLE learnt (
            host TEXT NOT NULL,
            model TEXT NOT NULL,
            profile TEXT NOT NULL,
            quirks TEXT NOT NULL,
            learnt_at TEXT NOT NULL,
            PRIMARY KEY (host, model, profile)
        ) WITHOUT ROWID
        """
    )
    connection.execute(
        """
        CREATE TABLE spend (
            id INTEGER PRIMARY KEY,
            usd REAL NOT NULL,
            at REAL NOT NULL
        )
        """
    )


def _step_batch(connection: sqlite3.Connection) -> None:
    """Batches that were handed in; `id` is NULL from before the endpoint is asked until it has answered."""
    connection.execute(
        """
        CREATE TABLE batch (
            token TEXT PRIMARY KEY,
            host TEXT NOT NULL,
            id TEXT,
            calls TEXT NOT NULL,
            collected INTEGER NOT NULL DEFAULT 0,
            created_at TEXT NOT NULL
        )
        """
    )


def _step_outline(connection: sqlite3.Connection) -> None:
    """What a verdict's key was made of, so that it can be derived anew; NULL where it was not kept."""
    connection.execute("ALTER TABLE verdict ADD COLUMN outline TEXT")


def _step_arrival(connection: sqlite3.Connection) -> None:
    """The order in which rows came, so that who has read a ledger reads only what is new; and how far we have read."""
    connection.execute(
        "CREATE TABLE arrival (number INTEGER PRIMARY KEY, of TEXT NOT NULL, first TEXT NOT NULL, second TEXT NOT NULL)"
    )
    for trigger, event, table, place in (
        ("verdict_arrives", "INSERT", "verdict", "NEW.key, NEW.host"),
        ("verdict_changes", "UPDATE", "verdict", "NEW.key, NEW.host"),
        ("response_arrives", "INSERT", "response", "NEW.run, NEW.sample_id"),
    ):
        connection.execute(
            f"CREATE TRIGGER {trigger} AFTER {event} ON {table} BEGIN "
            f"INSERT INTO arrival (of, first, second) VALUES ('{table}', {place}); END"
        )
    connection.execute(
        """
        CREATE TABLE merged (
            file TEXT PRIMARY KEY,
            state TEXT NOT NULL,
            number INTEGER NOT NULL,
            row TEXT NOT NULL
        ) WITHOUT ROWID
        """
    )


def _step_purse(connection: sqlite3.Connection) -> None:
    """Whose money: the run's id, since no clock tells one run from another; calls in flight that a server can take."""
    connection.execute("ALTER TABLE spend ADD COLUMN run TEXT NOT NULL DEFAULT ''")
    connection.execute("CREATE INDEX spend_of_run ON spend (run, usd)")
    connection.execute("ALTER TABLE learnt ADD COLUMN in_flight INTEGER")


def _step_run(connection: sqlite3.Connection) -> None:
    """Which run asked for a verdict, NULL where it was not kept; and what each run was known to be at its start."""
    connection.execute("ALTER TABLE verdict ADD COLUMN run TEXT")
    connection.execute(
        """
        CREATE TABLE run (
            run TEXT NOT NULL,
            judge_id TEXT NOT NULL,
            model TEXT,
            tasks TEXT,
            folder TEXT,
            created_at TEXT NOT NULL,
            PRIMARY KEY (run, judge_id)
        ) WITHOUT ROWID
        """
    )
    connection.execute(
        "CREATE TRIGGER run_arrives AFTER INSERT ON run BEGIN "
        "INSERT INTO arrival (of, first, second) VALUES ('run', NEW.run, NEW.judge_id); END"
    )


STEPS: Final[tuple[Callable[[sqlite3.Connection], None], ...]] = (
    _step_1,
    _step_spend,
    _step_batch,
    _step_outline,
    _step_arrival,
    _step_purse,
    _step_run,
)
"""Schema steps, numbered from 1: new ones are added, old ones never edited."""


def schema_version(connection: sqlite3.Connection, name: str) -> int:
    """The number of schema steps that a ledger file has taken.

    Raises:
        LedgerError: more than this release knows.
    """
    version = int(connection.execute("PRAGMA user_version").fetchone()[0])
    if not 0 <= version <= len(STEPS):
        raise LedgerError(
            f"The ledger {name} has schema {version}, this release knows {len(STEPS)}; upgrade lmms-eval-cross."
        )
    return version


def check_tables(connection: sqlite3.Connection, name: str) -> None:
    """Refuse a file whose tables differ from what its schema steps make, or that has what computes of its own.

    Raises:
        LedgerError: it does, or it is of a newer version.
    """
    known = _made_by_steps(schema_version(connection, name))
    expected, present, computing = set(known.items()), set(), _indexes_that_compute(connection)
    for kind, name_there, sql in connection.execute("SELECT type, name, sql FROM sqlite_master"):
        title = str(name_there).lower()
        runs = kind in {"trigger", "view"} or (kind == "index" and name_there in computing)
        if runs or title in known:
            present.add((title, _shape(kind, sql)))
    other = sorted(title for title, _ in expected ^ present)
    if other:
        raise LedgerError(
            f"The ledger {name} can't be read ({other[0]!r} is not as this release makes it); move it away, or give "
            "one that is whole."
        )


def _indexes_that_compute(connection: sqlite3.Connection) -> set[str]:
    """Indexes that are made of more than columns; one that somebody added to find rows sooner is not.

    Each table is asked for its indexes once: a file may have thousands of them on one table.
    """
    tables = "(SELECT DISTINCT tbl_name FROM sqlite_master WHERE type = 'index') AS of"
    has_expression = "EXISTS (SELECT 1 FROM pragma_index_xinfo(this.name) WHERE cid = -2)"
    query = f"SELECT this.name FROM {tables}, pragma_index_list(of.tbl_name) AS this WHERE partial OR {has_expression}"
    return {str(name) for (name,) in connection.execute(query)}


@cache
def _made_by_steps(version: int) -> dict[str, tuple[str, str]]:
    """Name -> type and statement of what the first schema steps make."""
    connection = sqlite3.connect(":memory:")
    for step in STEPS[:version]:
        step(connection)
    objects = connection.execute("SELECT type, name, sql FROM sqlite_master WHERE sql IS NOT NULL").fetchall()
    connection.close()
    return {title: _shape(kind, sql) for kind, title, sql in objects}


def _shape(kind: object, sql: object) -> tuple[str, str]:
    """Type and statement, whatever its white space."""
    return str(kind), " ".join(str(sql).split())


def readable(text: bytes) -> str:
    """A cell; bytes that are no UTF-8 cost their row its key, not everybody theirs."""
    return text.decode("utf-8", "replace")


def cause(error: OSError | sqlite3.Error | UnicodeDecodeError) -> str:
    """What went wrong, in the words of the system or of SQLite, where these can be read."""
    if isinstance(error, OSError):
        return str(error.strerror)
    if isinstance(error, UnicodeDecodeError):
        return "it is damaged"
    return str(error)
