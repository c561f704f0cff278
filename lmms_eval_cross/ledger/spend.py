"""What the ledger knows beside verdicts: what an endpoint does not take, and the money that calls cost."""

import json
import time
from dataclasses import dataclass

from lmms_eval_cross.ledger.store import Ledger


def load_quirks(ledger: Ledger, host: str, model: str, profile: str) -> frozenset[str] | None:
    """The quirks that earlier calls learnt, None if none was made yet."""
    query = "SELECT quirks FROM learnt WHERE host = ? AND model = ? AND profile = ?"
    for row in ledger.select(query, (host, model, profile)):
        return frozenset(json.loads(row["quirks"]))
    return None


def save_quirks(ledger: Ledger, host: str, model: str, profile: str, quirks: frozenset[str]) -> None:
    """Remember what was learnt for the next run."""
    ledger.change(
        "INSERT OR REPLACE INTO learnt VALUES (?, ?, ?, ?, datetime('now'))",
        (host, model, profile, json.dumps(sorted(quirks))),
    )


@dataclass(frozen=True, slots=True)
class Budget:
    """The money of a run, shared by all processes that write to the ledger.

    A call's cost is promised before it is made and corrected after it, so that no two ranks spend the same dollar.
    What a killed process had promised stays counted.
    """

    ledger: Ledger
    usd: float
    since: float
    """When the run began, in seconds of the epoch: earlier spending is not this run's."""

    def promise(self, usd: float) -> int | None:
        """Set money aside for one call; None if it would pass the budget."""
        changed, row = self.ledger.change(
            "INSERT INTO spend (usd, at) SELECT ?, ? WHERE "
            "(SELECT coalesce(sum(usd), 0) FROM spend WHERE at >= ?) + ? <= ?",
            (usd, time.time(), self.since, usd, self.usd),
        )
        if changed != 1:
            return None
        return row

    @property
    def spent_sentence(self) -> str:
        """For the user, when the next call would pass it."""
        return f"The budget of ${self.usd:g} (CROSS_JUDGE_BUDGET_USD) is spent."

    def settle(self, promise: int, usd: float) -> None:
        """Put what a call did cost in the place of what was promised."""
        self.ledger.change("UPDATE spend SET usd = ? WHERE id = ?", (usd, promise))

    @property
    def spent(self) -> float:
        """US dollars spent and promised since the run began."""
        query = "SELECT coalesce(sum(usd), 0) AS usd FROM spend WHERE at >= ?"
        return float(self.ledger.select(query, (self.since,))[0]["usd"])
