"""Read a PostgreSQL ledger from one end to the other, some thousands of rows at a time."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from typing import Any, Final

from lmms_eval_cross.errors import LedgerError
from lmms_eval_cross.ledger.address import Server, advice_on
from lmms_eval_cross.ledger.database import DatabaseError, Values, ranges, wanting
from lmms_eval_cross.ledger.postgres_link import check_schema, connected, marked, read_back, told, written
from lmms_eval_cross.ledger.rows import COLUMNS, Table

_AT_A_TIME: Final = 2000
_PARTS: Final = 16


@dataclass(frozen=True)
class ReadServer:
    """A server's ledger that is only read, as it was when reading began."""

    name: str
    connection: Any
    _numbers: Iterator[int]
    """Of cursors, each of which has a name of its own."""

    def rows(self, table: Table, where: str = "TRUE", values: Values = ()) -> Iterator[dict[str, Any]]:
        """The rows of a table, one after another, as they lie.

        Raises:
            DatabaseError: they can't be read.
        """
        query = f"SELECT {', '.join(COLUMNS[table])} FROM {table} AS this WHERE {where}"
        with told(), self.connection.cursor(name=f"rows_{next(self._numbers)}") as cursor:
            cursor.itersize = _AT_A_TIME
            cursor.execute(marked(query), written(values))
            yield from map(read_back, cursor)

    def parts_of_verdicts(self) -> list[str]:
        """Sixteen, by the pages where they lie: keys lie anywhere, and a large table would be read a page a row."""
        query = "SELECT pg_relation_size('verdict') / CAST(current_setting('block_size') AS integer) AS pages"
        with told():
            pages = int(self.connection.execute(query).fetchone()["pages"])
        return ranges("this.ctid", [f"'({pages * part // _PARTS},0)'::tid" for part in range(1, _PARTS)])

    def answers_to(self, places: Sequence[tuple[str, str]]) -> Iterator[dict[str, Any]]:
        """The rows of `response` of some hundreds of samples, in one round trip."""
        wanted, values = wanting(places)
        names = ", ".join(COLUMNS["response"])
        query = f"{wanted} SELECT {names} FROM wanted JOIN response ON run = wanted.first AND sample_id = wanted.second"
        with told():
            yield from map(read_back, self.connection.execute(marked(query), written(values)))

    def count_up_to(self, table: Table, most: int) -> int:
        """Rows of a table, or `most` if it has more."""
        query = f"SELECT count(*) AS n FROM (SELECT 1 FROM {table} LIMIT %s) AS first_rows"
        with told():
            return int(self.connection.execute(query, (most,)).fetchone()["n"])


@contextmanager
def open_server_to_read(server: Server) -> Iterator[ReadServer]:
    """A server's ledger for reading, in one transaction that can't write.

    Raises:
        LedgerError: it can't be reached or read, or its schema is another release's.
    """
    try:
        with connected(server) as connection:
            check_schema(server, connection)
            connection.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
            yield ReadServer(server.name, connection, count())
    except DatabaseError as error:
        raise LedgerError(f"The ledger {server.name} can't be read ({error}); {advice_on(server)}.") from None
