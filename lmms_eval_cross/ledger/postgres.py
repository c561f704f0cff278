"""The ledger in PostgreSQL, which several hosts share: a pool of connections, each change a transaction."""

import weakref
from collections.abc import Callable, Sequence
from operator import itemgetter
from typing import Any, Final, TypeVar

from lmms_eval_cross.ledger.address import Server
from lmms_eval_cross.ledger.database import Values
from lmms_eval_cross.ledger.postgres_link import (
    CutError,
    ReadsOnlyError,
    check_encoding,
    check_schema,
    connected,
    marked,
    may_pass,
    pool_to,
    read_back,
    told,
    written,
)

_ResultT = TypeVar("_ResultT")
_COUNTS: Final = r'^\{(|"\w+": \d+(, "\w+": \d+)*)\}$'
"""Counts in JSON as we write them; before release 16 PostgreSQL can't say whether a text is JSON. Without a question
mark, which would stand for a value."""
_LONGEST: Final = 300
"""Characters of such a cell; a double holds a number of so many digits."""


class PostgresDatabase:
    """A server's database; may be used from several threads and hosts."""

    def __init__(self, server: Server) -> None:
        """Connect, and see that the schema is this release's.

        Raises:
            DatabaseError: there is no connecting.
            LedgerError: the schema is older, which its owner can mend, or newer.
        """
        with connected(server) as connection:  # without the pool, which tries again for long
            check_encoding(server, connection)
            check_schema(server, connection)
        self._pool = pool_to(server)
        weakref.finalize(self, self._pool.close)  # at the process's end too, or its threads are waited for

    def change(self, statement: str, values: Values = ()) -> int:
        """Run a writing statement as a transaction; how many rows it changed."""
        return self._do(lambda connection: int(connection.execute(marked(statement), written(values)).rowcount))

    def change_all(self, statement: str, rows: Sequence[Values]) -> None:
        """Run it with the values of each row, all in one transaction and one round trip.

        Rows go in the order of their places, which come first in them, so that no two hosts wait for each other.
        """
        values = sorted(map(written, rows), key=itemgetter(0, 1))

        def write(connection: Any) -> None:
            with connection.cursor() as cursor:
                cursor.executemany(marked(statement), values)  # as a pipeline, and so in one transaction

        self._do(write)

    def insert_alone(self, statement: str, values: Values, word: str) -> int | None:
        """Insert a row while no other process does so with the same word; its id, None if it was not inserted.

        Where the connection was cut before the server's answer came, the row may be there twice.
        """

        def insert(connection: Any) -> int | None:
            with connection.pipeline(), connection.transaction():
                connection.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", (word,))
                cursor = connection.execute(f"{marked(statement)} RETURNING id", written(values))
            row = cursor.fetchone()
            return None if row is None else int(row["id"])

        return self._do(insert)

    def select(self, query: str, values: Values = ()) -> list[dict[str, Any]]:
        """The rows of a query."""
        rows = self._do(lambda connection: connection.execute(marked(query), written(values)).fetchall())
        return [read_back(row) for row in rows]

    def counts_in(self, column: str) -> str:
        """SQL for the counts in a column, NULL where it can't be read."""
        readable = f"length({column}) < {_LONGEST} AND {column} ~ '{_COUNTS}'"
        return f"CASE WHEN {readable} THEN CAST({column} AS jsonb) END"

    def number_in(self, counts: str, name: str) -> str:
        """SQL for the number of a name among them, NULL where there is none."""
        return f"CAST({counts} ->> '{name}' AS double precision)"

    def close(self) -> None:
        """Close all connections; nothing is pending."""
        self._pool.close()

    def _do(self, work: Callable[[Any], _ResultT]) -> _ResultT:
        """Work with a connection, and once more with another where `may_pass` says that this helps."""
        with told():
            with self._pool.connection() as connection:
                try:
                    return work(connection)
                except (CutError, ReadsOnlyError) as error:
                    if not may_pass(error):
                        raise
                    connection.close()
            self._pool.check()
            with self._pool.connection() as connection:
                return work(connection)
