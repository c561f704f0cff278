"""Copy a ledger into another one, of whatever kind: what is there stays, so that a copy that was cut short goes on."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from lmms_eval_cross.ledger.address import Address
from lmms_eval_cross.ledger.opening import open_to_read, read_ahead
from lmms_eval_cross.ledger.rows import TABLES, Row, Table, fits, in_batches
from lmms_eval_cross.ledger.store import Ledger

_AT_A_TIME: Final = 500


@dataclass(slots=True)
class Copied:
    """What came of a copy, in rows of all tables that are copied."""

    read: int = 0
    new: int = 0
    """Written by this copy; the others were there."""
    damaged: int = 0
    """Left out: cells of another type than any release writes."""
    missing: int = 0
    """Of the rows that were read, those that the target lacks after it; not 0 only where somebody deletes there."""


def copy(source: Address, target: Ledger, seen: Callable[[int], object] = lambda _: None) -> Copied:
    """Copy answers, verdicts and what runs are, and look afterwards whether each is there under its key.

    Args:
        source: a ledger, which is not changed.
        target: takes over what it lacks; a verdict takes a failure's place.
        seen: gets how many rows more have been read.

    Raises:
        LedgerError: either can't be used; what was copied by then stays.
    """
    copied = Copied()
    read_ahead(source)
    with open_to_read(source) as rows:
        for table in TABLES:
            for batch in in_batches(rows.rows(table), _AT_A_TIME):
                _copy_batch(copied, target, table, batch)
                seen(len(batch))
        for table in TABLES:
            for batch in in_batches(rows.rows(table), _AT_A_TIME):
                _look_for(copied, target, table, batch)
                seen(len(batch))
    return copied


def _copy_batch(copied: Copied, target: Ledger, table: Table, batch: Sequence[Row]) -> None:
    copied.read += len(batch)
    copied.damaged += sum(not fits(table, row) for row in batch)
    _take_over(copied, target, table, batch)


def _look_for(copied: Copied, target: Ledger, table: Table, batch: Sequence[Row]) -> None:
    """Count the rows that the target lacks, once it has what came to the source meanwhile."""
    late = _take_over(copied, target, table, batch)
    if late:
        copied.read += len(late)
        copied.missing += len(_lacking(target, table, late))


def _take_over(copied: Copied, target: Ledger, table: Table, batch: Sequence[Row]) -> list[Row]:
    """Give the target what it lacks of a batch; gives these rows."""
    lacking = _lacking(target, table, batch)
    if lacking:
        target.take_over(table, lacking)
        copied.new += len(lacking)
    return lacking


def _lacking(target: Ledger, table: Table, batch: Sequence[Row]) -> list[Row]:
    """The rows that would change the target."""
    whole = [row for row in batch if fits(table, row)]
    return target.lacking(table, whole)
