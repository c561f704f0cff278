"""Bring a server's tables up to this release's schema, by its owner's word; a file's change as it is opened."""

from collections.abc import Iterator
from typing import Any, Final

from lmms_eval_cross.errors import LedgerError
from lmms_eval_cross.ledger.address import Server, advice_on
from lmms_eval_cross.ledger.database import DatabaseError, InUseError
from lmms_eval_cross.ledger.postgres_schema import MIGRATIONS, SCHEMA

_ONE_AT_A_TIME: Final = "SELECT pg_advisory_xact_lock(hashtextextended('lmms_eval_cross.migration', 0))"
_PATIENCE: Final = "30s"
"""While a step waits for a long reader, such as a dump, all that comes later waits behind it."""
_BOOK: Final = (
    f"CREATE SCHEMA IF NOT EXISTS {SCHEMA}",
    f"CREATE TABLE IF NOT EXISTS {SCHEMA}.migration (number INTEGER PRIMARY KEY, title TEXT NOT NULL, "
    "taken_at TIMESTAMPTZ NOT NULL DEFAULT now())",
)
"""Of the steps that were taken."""


def migrate(server: Server) -> list[str]:
    """Take the steps that the server's schema lacks, all in one transaction; their titles.

    Raises:
        LedgerError: the server can't be reached, its schema is newer, the role may not make tables, or somebody has
            been using them for as long as a step may wait.
    """
    from lmms_eval_cross.ledger.postgres_link import (  # psycopg, for a team's ledger alone
        check_encoding,
        connected,
        newer,
        schema_of,
    )

    try:
        with connected(server) as connection, connection.transaction():
            check_encoding(server, connection)
            connection.execute(_ONE_AT_A_TIME)
            version = schema_of(connection)
            if version > len(MIGRATIONS):
                raise LedgerError(newer(server, version))
            connection.execute(f"SET LOCAL lock_timeout TO '{_PATIENCE}'")
            return list(_take(connection, version))
    except InUseError:
        raise LedgerError(
            f"The tables of the ledger {server.name} have been in use for {_PATIENCE}, by a dump or another long "
            "reader; no step was taken, since every run would wait behind it: type the command again later."
        ) from None
    except DatabaseError as trouble:
        raise LedgerError(f"The ledger {server.name} can't be migrated ({trouble}); {advice_on(server)}.") from None


def _take(connection: Any, version: int) -> Iterator[str]:
    if version == 0:
        for statement in _BOOK:
            connection.execute(statement)
    for number, step in enumerate(MIGRATIONS[version:], start=version + 1):
        connection.execute(step.sql)
        connection.execute("INSERT INTO migration (number, title) VALUES (%s, %s)", (number, step.title))
        yield f"Step {number}: {step.title}."


def statements() -> str:
    """All steps as SQL, for who runs them by hand."""
    parts = [f"{statement};" for statement in _BOOK]
    parts.append(f"SET search_path TO {SCHEMA};")
    for number, step in enumerate(MIGRATIONS, start=1):
        parts.append(f"{step.sql.strip()}\nINSERT INTO migration (number, title) VALUES ({number}, '{step.title}');")
    return "\n".join(parts)
