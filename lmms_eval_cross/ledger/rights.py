"""What a role must be allowed in a server's ledger before it judges or spends.

A right that is missing is missing until somebody grants it: waiting for it and keeping verdicts for it help nobody, so
that nothing is asked at all. A server that only reads, such as a replica before it takes over, heals by itself, and
gives the rights that it will have then; what is judged meanwhile waits for it.
"""

from collections.abc import Sequence
from typing import Final, TypeAlias

from lmms_eval_cross.errors import LedgerError, listing
from lmms_eval_cross.ledger.address import Server
from lmms_eval_cross.ledger.database import wanting
from lmms_eval_cross.ledger.store import Ledger

Right: TypeAlias = tuple[str, str]
"""A table, and what is done there."""
TO_JUDGE: Final[Sequence[Right]] = (
    ("response", "INSERT"),
    ("verdict", "SELECT"),
    ("verdict", "INSERT"),
    ("verdict", "UPDATE"),
    ("claim", "SELECT"),
    ("claim", "INSERT"),
    ("claim", "UPDATE"),
    ("claim", "DELETE"),
)
"""Without which verdicts would be lost or paid for twice; what else a run writes it can do without."""
TO_SPEND: Final[Sequence[Right]] = (("spend", "SELECT"), ("spend", "INSERT"), ("spend", "UPDATE"))


def require_rights(ledger: Ledger, rights: Sequence[Right]) -> None:
    """Refuse a role that lacks one of the rights; a file has no roles.

    Raises:
        LedgerError: it lacks one, or the server does not answer.
    """
    if not isinstance(ledger.address, Server):
        return
    wanted, values = wanting(rights)
    rows = ledger.select(f"{wanted} SELECT * FROM wanted WHERE NOT has_table_privilege(first, second)", values)
    lacking = [f"{row['second']} on {row['first']}" for row in rows]
    if lacking:
        raise LedgerError(
            f"The ledger {ledger.name} can't be judged into by this role, which lacks {listing(lacking)}; name one in "
            "CROSS_LEDGER_URL that has the rights of `cross_writer` in docs/ledger.md, or have them granted."
        )
