"""What the ledger asks of a database: SQL with `?` for values, as SQLite and PostgreSQL both understand it."""

from collections.abc import Iterator, Sequence
from itertools import chain
from typing import Any, Protocol, TypeAlias

from lmms_eval_cross.ledger.rows import Table

Values: TypeAlias = tuple[Any, ...]


def wanting(places: Sequence[tuple[str, str]]) -> tuple[str, Values]:
    """The beginning of a query that has `places` as its table `wanted (first, second)`, and the values in it.

    Both engines take an index for a join with it, which they don't for a row's value IN a list.
    """
    marks = ", ".join(["(?, ?)"] * len(places))
    return f"WITH wanted (first, second) AS (VALUES {marks})", tuple(chain.from_iterable(places))


class DatabaseError(Exception):
    """Something can't be read or written, in the database's own words."""


class UnfitError(DatabaseError):
    """One entry's values are of another type or size, or break a rule; others can be written."""


class InUseError(DatabaseError):
    """Somebody else has been using a table for longer than we may wait."""


class Database(Protocol):
    """A database that is open; may be used from several threads."""

    def change(self, statement: str, values: Values = ()) -> int:
        """Run a writing statement as a transaction; how many rows it changed."""
        ...

    def change_all(self, statement: str, rows: Sequence[Values]) -> None:
        """Run it with the values of each row, all in one transaction."""
        ...

    def insert_alone(self, statement: str, values: Values, word: str) -> int | None:
        """Insert a row into a table with an `id`, while no other process does so with the same word; its id, if any."""
        ...

    def select(self, query: str, values: Values = ()) -> list[dict[str, Any]]:
        """The rows of a query."""
        ...

    def counts_in(self, column: str) -> str:
        """SQL for the counts in a column, which is JSON's text, NULL where it can't be read; engines differ."""
        ...

    def number_in(self, counts: str, name: str) -> str:
        """SQL for the number of a name among such counts, NULL where there is none."""
        ...

    def close(self) -> None:
        """Let go of it."""
        ...


def ranges(column: str, cuts: Sequence[str]) -> list[str]:
    """Conditions that divide a column's values at some cuts, which are SQL and in their order."""
    begins = ["TRUE", *(f"{column} >= {cut}" for cut in cuts)]
    ends = [*(f"{column} < {cut}" for cut in cuts), "TRUE"]
    return [f"{begin} AND {end}" for begin, end in zip(begins, ends, strict=True)]


class LedgerRows(Protocol):
    """A ledger that is only read, a row after another, whatever its size."""

    @property
    def name(self) -> str:
        """What it is called in sentences."""
        ...

    def rows(self, table: Table, where: str = "TRUE", values: Values = ()) -> Iterator[dict[str, Any]]:
        """The rows of a table as they lie on the disk, of which each page is read once; keys may lie anywhere."""
        ...

    def parts_of_verdicts(self) -> list[str]:
        """Conditions, each of which holds for about as many verdicts, and one of which for every verdict."""
        ...

    def answers_to(self, places: Sequence[tuple[str, str]]) -> Iterator[dict[str, Any]]:
        """The rows of `response` of some hundreds of samples, each given by its run and `sample_id`."""
        ...

    def count_up_to(self, table: Table, most: int) -> int:
        """Rows of a table, or `most` if it has more."""
        ...
