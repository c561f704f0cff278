"""Which host is asking for which verdict at this moment, so that no other pays for it too.

A claim is a row with a lease, by the server's clock. Its owner renews it while it lives, a connection that is cut or a
server that is started again ends none, and the lease of an owner that was killed runs out.
"""

import uuid
from collections.abc import Collection
from typing import Final

from lmms_eval_cross.ledger.rows import in_batches
from lmms_eval_cross.ledger.store import Claim, Ledger

LEASE_SECONDS: Final = 30.0
RENEWED_AFTER_SECONDS: Final = 8.0
"""So that a renewal may fail twice before the lease is out."""
_AT_A_TIME: Final = 200
_UNLESS_TAKEN: Final = (
    "ON CONFLICT (key, host) DO UPDATE SET owner = excluded.owner, until = excluded.until "
    "WHERE claim.until < now() OR claim.owner = excluded.owner RETURNING key, host"
)


class Claims:
    """The claims of one process."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger, self._lease, self._owner = ledger, LEASE_SECONDS, uuid.uuid4().hex

    def take(self, wanted: Collection[Claim]) -> set[Claim]:
        """Those of the wanted claims that are ours now; the others are another host's.

        Raises:
            LedgerError: the ledger can't be written.
        """
        taken: set[Claim] = set()
        for claims in in_batches(sorted(wanted), _AT_A_TIME):  # in one order, so that no two hosts wait for each other
            rows = ", ".join(["(?, ?, ?, now() + ? * interval '1 second')"] * len(claims))
            values = [value for key, host in claims for value in (key, host, self._owner, self._lease)]
            statement = f"INSERT INTO claim (key, host, owner, until) VALUES {rows} {_UNLESS_TAKEN}"
            taken |= {(row["key"], row["host"]) for row in self._ledger.change_and_tell(statement, tuple(values))}
        return taken

    def renew(self) -> None:
        """Begin the lease of all claims of ours anew."""
        renewed = "UPDATE claim SET until = now() + ? * interval '1 second' WHERE owner = ?"
        self._ledger.change(renewed, (self._lease, self._owner))

    def sweep(self) -> None:
        """Remove claims that have run out, such as one whose owner was killed between verdict and giving it back."""
        self._ledger.change("DELETE FROM claim WHERE until < now()")

    def give_back(self, claims: Collection[Claim]) -> None:
        """Let others take claims of ours."""
        for some in in_batches(sorted(claims), _AT_A_TIME):
            marks = ", ".join(["(?, ?)"] * len(some))
            values = [value for claim in some for value in claim]
            self._ledger.change(
                f"DELETE FROM claim WHERE owner = ? AND (key, host) IN ({marks})", (self._owner, *values)
            )
