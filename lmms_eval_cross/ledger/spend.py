"""What the ledger knows beside verdicts: what an endpoint does not take, and the money that calls cost."""

import json
import time
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from lmms_eval_cross.errors import AwayError
from lmms_eval_cross.ledger.address import Server
from lmms_eval_cross.ledger.store import Ledger, utc_now


def load_quirks(ledger: Ledger, host: str, model: str, profile: str) -> frozenset[str] | None:
    """The quirks that earlier calls learnt, None if none was made yet."""
    query = "SELECT quirks FROM learnt WHERE host = ? AND model = ? AND profile = ?"
    for row in ledger.select(query, (host, model, profile)):
        return frozenset(json.loads(row["quirks"]))
    return None


def save_quirks(ledger: Ledger, host: str, model: str, profile: str, quirks: frozenset[str]) -> None:
    """Remember what was learnt for the next run."""
    ledger.change(
        "INSERT INTO learnt (host, model, profile, quirks, learnt_at) VALUES (?, ?, ?, ?, ?) "
        "ON CONFLICT (host, model, profile) DO UPDATE SET quirks = excluded.quirks, learnt_at = excluded.learnt_at",
        (host, model, profile, json.dumps(sorted(quirks)), utc_now()),
    )


def load_in_flight(ledger: Ledger, host: str, model: str, profile: str) -> int:
    """Calls in flight that the server was seen to take; 0 where no limit is known."""
    query = "SELECT in_flight FROM learnt WHERE host = ? AND model = ? AND profile = ?"
    for row in ledger.select(query, (host, model, profile)):
        return int(row["in_flight"] or 0)
    return 0


def save_in_flight(ledger: Ledger, host: str, model: str, profile: str, in_flight: int | None) -> None:
    """Remember how many calls in flight the server takes, None for as many as are asked for."""
    ledger.change(
        "INSERT INTO learnt (host, model, profile, quirks, learnt_at, in_flight) "
        "VALUES (?, ?, ?, '[]', ?, ?) ON CONFLICT (host, model, profile) DO UPDATE SET in_flight = excluded.in_flight",
        (host, model, profile, utc_now(), in_flight),
    )


def forget_learnt(ledger: Ledger) -> int:
    """Drop all that was learnt of endpoints; how many entries that were."""
    return ledger.change("DELETE FROM learnt")


_TRIES: Final = 30
"""Of a server that is away, a second apart."""


@dataclass(frozen=True, slots=True)
class Budget:
    """The money of a run, shared by all processes that write to the ledger.

    A call's cost is promised before it is made and corrected after it, so that no two ranks spend the same dollar.
    What a killed process had promised stays counted.
    """

    ledger: Ledger
    usd: float
    run: str
    """Under which spending counts, the same for all ranks of a run."""
    after: int = 0
    """Entries of the ledger up to this one are an earlier run's that had the same name."""
    set_by: str = "CROSS_JUDGE_BUDGET_USD"
    """Where the user wrote the sum, for the sentence that it is spent."""

    def promise(self, usd: float) -> int | None:
        """Set money aside for one call; None if it would pass the budget. A server that is away is waited for."""
        tries = _TRIES if self.is_shared else 1
        for _ in range(tries - 1):
            with suppress(AwayError):
                return self._promise(usd)
            time.sleep(1.0)
        return self._promise(usd)

    def _promise(self, usd: float) -> int | None:
        return self.ledger.insert_alone(
            "INSERT INTO spend (usd, at, run) SELECT ?, ?, ? WHERE "
            "(SELECT coalesce(sum(usd), 0) FROM spend WHERE run = ? AND id > ?) + ? <= ?",
            (usd, time.time(), self.run, self.run, self.after, usd, self.usd),
            self.run,
        )

    @property
    def is_shared(self) -> bool:
        """Whether it is counted on a server, which takes a round trip to ask."""
        return isinstance(self.ledger.address, Server)

    @property
    def spent_sentence(self) -> str:
        """For the user, when the next call would pass it."""
        return f"The budget of ${self.usd:g} ({self.set_by}) is spent."

    def settle(self, promise: int, usd: float) -> None:
        """Put what a call did cost in the place of what was promised."""
        self.ledger.change("UPDATE spend SET usd = ? WHERE id = ?", (usd, promise))

    @property
    def spent(self) -> float:
        """US dollars spent and promised in the run."""
        query = "SELECT coalesce(sum(usd), 0) AS usd FROM spend WHERE run = ? AND id > ?"
        return float(self.ledger.select(query, (self.run, self.after))[0]["usd"])


def last_entry_before(ledger: Ledger, run: str, moment: float) -> int:
    """The last spending under a run's name from before a moment, in seconds of the epoch; 0 if there is none."""
    query = "SELECT coalesce(max(id), 0) AS id FROM spend WHERE run = ? AND at < ?"
    return int(ledger.select(query, (run, moment))[0]["id"])
