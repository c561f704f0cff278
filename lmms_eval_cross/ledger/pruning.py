"""Delete what is older than a date, which is asked for anew, and paid for anew, should it be wanted again."""

from dataclasses import dataclass
from datetime import datetime

from lmms_eval_cross.ledger.store import Ledger

_VERDICTS = "FROM verdict WHERE created_at < ?"
_ANSWERS = (
    "FROM response WHERE created_at < ? AND sample_id NOT IN (SELECT sample_id FROM verdict WHERE created_at >= ?)"
)
"""An answer stays while a verdict on its sample does, which may have been given on it."""
_RUNS = (
    "FROM run WHERE created_at < ? AND run NOT IN (SELECT run FROM response WHERE created_at >= ? OR sample_id IN "
    "(SELECT sample_id FROM verdict WHERE created_at >= ?)) "
    "AND run NOT IN (SELECT run FROM verdict WHERE created_at >= ? AND run IS NOT NULL)"
)
"""What is known of a run stays while an answer of it does, or a verdict that it asked for."""
_SPENDING = "FROM spend WHERE run IN (SELECT run FROM spend GROUP BY run HAVING max(at) < ?)"
"""A run that has spent since goes on with its budget, and counts all that it has spent."""


@dataclass(frozen=True, slots=True)
class Old:
    """What is older than a date."""

    verdicts: int
    """Failures are counted in."""
    answers: int
    spending: int
    """Entries."""
    runs: int
    """Of which nothing is left then."""


def count_old(ledger: Ledger, before: datetime) -> Old:
    """What `prune` would delete; `before` has a time zone.

    Raises:
        LedgerError: the ledger can't be read.
    """
    text = _text(before)
    verdicts = ledger.select(f"SELECT count(*) AS n {_VERDICTS}", (text,))[0]["n"]
    answers = ledger.select(f"SELECT count(*) AS n {_ANSWERS}", (text, text))[0]["n"]
    spending = ledger.select(f"SELECT count(*) AS n {_SPENDING}", (before.timestamp(),))[0]["n"]
    runs = ledger.select(f"SELECT count(*) AS n {_RUNS}", (text,) * 4)[0]["n"]
    return Old(int(verdicts), int(answers), int(spending), int(runs))


def prune(ledger: Ledger, before: datetime) -> Old:
    """Delete it.

    Raises:
        LedgerError: the ledger can't be written, or the role may not delete there.
    """
    text = _text(before)
    verdicts = ledger.change(f"DELETE {_VERDICTS}", (text,))
    answers = ledger.change(f"DELETE {_ANSWERS}", (text, text))
    spending = ledger.change(f"DELETE {_SPENDING}", (before.timestamp(),))
    return Old(verdicts, answers, spending, ledger.change(f"DELETE {_RUNS}", (text,) * 4))


def _text(moment: datetime) -> str:
    """As rows are dated, in UTC."""
    return moment.isoformat(timespec="seconds")
