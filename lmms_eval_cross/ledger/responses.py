"""The answers that runs left in the ledger."""

from collections.abc import Sequence
from typing import Any, Final

from lmms_eval_cross.ledger.store import Ledger

NO_RUN: Final = "-"
"""Under which answers are filed that are judged outside of a run: those of anchors, repeats, and training data."""


def responses_of(ledger: Ledger, runs: Sequence[str]) -> list[dict[str, Any]]:
    """The rows of `response` that belong to runs, the earliest first."""
    marks = ", ".join("?" * len(runs))
    return ledger.select(f"SELECT * FROM response WHERE run IN ({marks}) ORDER BY created_at", tuple(runs))


def has_responses(ledger: Ledger, run: str) -> bool:
    """Whether a run left an answer."""
    return bool(ledger.select("SELECT 1 FROM response WHERE run = ? LIMIT 1", (run,)))
