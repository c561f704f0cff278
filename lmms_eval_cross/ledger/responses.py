"""The answers that runs left in the ledger."""

from collections.abc import Sequence
from typing import Any, Final

from lmms_eval_cross.ledger.store import Ledger

NO_RUN: Final = "-"
"""Under which answers are filed that are judged outside of a run: those of anchors, repeats, and training data."""


_ROUND: Final = "#"
"""Between a run's id and the number of a further round of --repeats, which may have the same answers as the first."""


def name_of_round(run: str, number: int) -> str:
    """What the answers of a round, counted from 1, are filed under."""
    return run if number == 1 else f"{run}{_ROUND}{number}"


def run_of(name: str) -> str:
    """The run that answers filed under a name belong to."""
    return name.partition(_ROUND)[0]


def responses_of(ledger: Ledger, runs: Sequence[str]) -> list[dict[str, Any]]:
    """The rows of `response` that belong to runs, their further rounds among them, the earliest first."""
    marks = ", ".join("?" * len(runs))
    further = " OR run LIKE ?" * len(runs)
    names = (*runs, *[f"{run}{_ROUND}%" for run in runs])
    return ledger.select(f"SELECT * FROM response WHERE run IN ({marks}){further} ORDER BY created_at", names)


def has_responses(ledger: Ledger, run: str) -> bool:
    """Whether a run left an answer."""
    return bool(ledger.select("SELECT 1 FROM response WHERE run = ? LIMIT 1", (run,)))
