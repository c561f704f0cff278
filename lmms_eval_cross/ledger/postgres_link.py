"""Connecting to PostgreSQL: by what, with which words for its errors, and how texts go there and back.

SQL is the same as SQLite's; `?` is written `%s`. NUL, which PostgreSQL's texts can't hold, is written as an escape.
"""

import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final, TypeAlias

from lmms_eval_cross.errors import LedgerError
from lmms_eval_cross.ledger.address import Server
from lmms_eval_cross.ledger.database import DatabaseError, InUseError, UnfitError, Values
from lmms_eval_cross.ledger.postgres_schema import MIGRATIONS, SCHEMA

try:
    import psycopg
    from psycopg import conninfo, errors
    from psycopg.rows import dict_row
    from psycopg_pool import ConnectionPool
except ImportError:
    raise LedgerError(
        "CROSS_LEDGER_URL names a PostgreSQL server, which wants the extra `postgres`; type "
        "`pip install '.[postgres]'` in a clone, or unset CROSS_LEDGER_URL."
    ) from None

_UNFIT: Final = (psycopg.DataError, psycopg.IntegrityError, errors.DatatypeMismatch, errors.ProgramLimitExceeded)
"""What is said of values that no table of ours takes."""
_DEFAULTS: Final[Mapping[str, str]] = {
    "fallback_application_name": "lmms-eval-cross",
    "connect_timeout": "10",
    "keepalives_idle": "30",
    "tcp_user_timeout": "30000",
}
"""Of libpq, where the URL says nothing else: a connection that was cut without a word is noticed within 30 s."""
_ALWAYS: Final[Mapping[str, str]] = {"client_encoding": "UTF8"}
"""Whatever PGCLIENTENCODING or the role says: answers are of 14 languages."""
_SESSION: Final = (
    f"SET search_path TO {SCHEMA}; SET standard_conforming_strings TO on; "
    "SET SESSION CHARACTERISTICS AS TRANSACTION ISOLATION LEVEL READ COMMITTED"
)
"""In another isolation, who waited for a budget's lock would not see what was promised meanwhile."""
_ESCAPE: Final = "\uf8ff"
"""A character of nobody's: NUL is kept as this and a 0, and itself as this and a 1."""
_CONNECTIONS: Final = 4
"""Of a process; lmms-eval hands answers over from four threads."""
_WAIT_SECONDS: Final = 5.0
"""For a connection, before that is a trouble."""
CutError: TypeAlias = psycopg.OperationalError
"""What is raised where a connection was cut, and for much else."""
ReadsOnlyError: TypeAlias = errors.ReadOnlySqlTransaction
_OPTIONS: Final[Mapping[str, Any]] = {"autocommit": True, "prepare_threshold": None, "row_factory": dict_row}
"""Of every connection; nothing is prepared, so that a pooler may stand between."""


def connection_string(server: Server) -> str:
    """What libpq connects by.

    Raises:
        LedgerError: the URL can't be read; it is not quoted, for it may hold a password.
    """
    try:
        given = conninfo.conninfo_to_dict(server.url)
    except psycopg.Error:
        raise LedgerError(
            "CROSS_LEDGER_URL can't be read as a URL of PostgreSQL; write postgresql://USER@HOST/DATABASE, with "
            "special characters percent-encoded."
        ) from None
    return str(conninfo.make_conninfo(**{**_DEFAULTS, **given, **_ALWAYS}))


def use_schema(connection: Any) -> None:
    """Have a connection's statements mean the same whatever its role's settings are."""
    connection.execute(_SESSION)


@contextmanager
def connected(server: Server) -> Iterator[Any]:
    """A connection of its own.

    Raises:
        DatabaseError: there is no connecting, or what is done fails.
    """
    with told(), psycopg.connect(connection_string(server), **_OPTIONS) as connection:
        use_schema(connection)
        yield connection


def pool_to(server: Server) -> Any:
    """Connections for several threads, made when they are wanted."""
    logging.getLogger("psycopg").setLevel(logging.ERROR)  # of every cut and every try, which the ledger tells once
    return ConnectionPool(
        connection_string(server),
        kwargs=dict(_OPTIONS),
        configure=use_schema,
        min_size=1,
        max_size=_CONNECTIONS,
        timeout=_WAIT_SECONDS,
        reconnect_timeout=_WAIT_SECONDS,
        open=True,
    )


def may_pass(error: Any) -> bool:
    """Whether another connection may do better at once.

    This one was cut, its server ends, or only reads any longer; or what it did was undone, since it and another one
    waited for each other.
    """
    return error.sqlstate is None or error.sqlstate.startswith(("57P", "08", "25006", "40"))


def check_encoding(server: Server, connection: Any) -> None:
    """Refuse a database that can't hold every answer.

    Raises:
        LedgerError: its encoding is not UTF8.
    """
    encoding = connection.info.parameter_status("server_encoding")
    if encoding != "UTF8":
        raise LedgerError(
            f"The database of {server.name} has the encoding {encoding}, which can't hold answers of all languages; "
            "make one with `createdb --encoding=UTF8 --template=template0`, and `ledger copy` what the old one holds."
        )


@contextmanager
def told() -> Iterator[None]:
    """Errors of psycopg as the ledger's, in a line."""
    try:
        yield
    except (*_UNFIT, UnicodeEncodeError) as error:
        raise UnfitError(_line(error)) from None
    except errors.LockNotAvailable as error:
        raise InUseError(_line(error)) from None
    except psycopg.Error as error:
        raise DatabaseError(_line(error)) from None


def _line(error: Exception) -> str:
    """The first line of what libpq or the server says, which quotes no password."""
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__


def schema_of(connection: Any) -> int:
    """The number of schema steps that the database has taken; 0 where it has none of our tables."""
    row = connection.execute("SELECT to_regclass(%s) IS NOT NULL AS there", (f"{SCHEMA}.migration",)).fetchone()
    if not row["there"]:
        return 0
    return int(connection.execute("SELECT coalesce(max(number), 0) AS n FROM migration").fetchone()["n"])


def check_schema(server: Server, connection: Any) -> int:
    """The schema's number, if it is this release's.

    Raises:
        LedgerError: it is older, which its owner can mend, or newer.
    """
    version = schema_of(connection)
    if version > len(MIGRATIONS):
        raise LedgerError(newer(server, version))
    if version < len(MIGRATIONS):
        raise LedgerError(
            f"The ledger {server.name} has schema {version}, this release wants {len(MIGRATIONS)}; type "
            "`lmms-eval-cross ledger migrate` as the owner of its tables."
        )
    return version


def newer(server: Server, version: int) -> str:
    """What an older release says of a newer one's schema."""
    known = len(MIGRATIONS)
    return f"The ledger {server.name} has schema {version}, this release knows {known}; upgrade lmms-eval-cross."


# ---- texts ----


def marked(statement: str) -> str:
    """A statement with psycopg's marks for values; no statement of ours has a question mark in a text."""
    return statement.replace("%", "%%").replace("?", "%s")


def written(values: Values) -> Values:
    """Values as PostgreSQL can hold them."""
    return tuple(_escaped(value) if isinstance(value, str) else value for value in values)


def _escaped(text: str) -> str:
    if "\0" not in text and _ESCAPE not in text:
        return text
    return text.replace(_ESCAPE, f"{_ESCAPE}1").replace("\0", f"{_ESCAPE}0")


def read_back(row: dict[str, Any]) -> dict[str, Any]:
    """A row with its texts as they were."""
    for name, value in row.items():
        if isinstance(value, str) and _ESCAPE in value:
            row[name] = value.replace(f"{_ESCAPE}0", "\0").replace(f"{_ESCAPE}1", _ESCAPE)
    return row
