"""Where a ledger is: a file of SQLite, or a database of a PostgreSQL server."""

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeAlias


@dataclass(frozen=True, slots=True)
class Server:
    """A database of PostgreSQL, by libpq's URL."""

    url: str = field(repr=False)
    outbox: Path | None = None
    """A file of this host for what the server can't take while it is away."""

    @property
    def name(self) -> str:
        """Host and database: what may be shown, without user, password and parameters."""
        return re.sub(r"^(\w+://)(?:.*@)?([^?#]*).*$", r"\1\2", self.url, flags=re.DOTALL)


Address: TypeAlias = Path | Server


def name_of(address: Address) -> str:
    """What a ledger is called in sentences; no path and no password is shown."""
    return address.name


def advice_on(address: Address) -> str:
    """What to do about a ledger that can't be used."""
    if isinstance(address, Server):
        return "see that the server runs and CROSS_LEDGER_URL names it, or unset it for a file of this machine"
    return "move it away or set CROSS_HOME to another folder"
