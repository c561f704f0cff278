"""Where our ledger is, and how ledger files come together.

SQLite's write-ahead log needs memory that all writers share, and no two hosts share any. So on a network file system
each host writes a file of its own, with a plain rollback journal, and takes the other hosts' verdicts over when it
opens its own. What other hosts find out in the meantime is not seen before the next run.
"""

import platform
import re
from pathlib import Path
from typing import Final, Literal

from lmms_eval_cross.errors import CrossError
from lmms_eval_cross.ledger.address import Address, Server
from lmms_eval_cross.ledger.merging import merge
from lmms_eval_cross.ledger.opening import check_owners
from lmms_eval_cross.ledger.store import Ledger
from lmms_eval_cross.say import tell
from lmms_eval_cross.settings import Settings

__all__ = [
    "ledger_address",
    "ledger_addresses",
    "ledger_file",
    "ledger_paths",
    "merge",
    "merge_other_hosts",
    "on_network",
]

SHARED: Final = "ledger.sqlite"
_MOUNTS: Final = Path("/proc/self/mountinfo")
_NETWORK: Final = re.compile(r"^(nfs|cifs|smb|lustre|gpfs|beegfs|ceph|afs|panfs|9p|glusterfs|fuse\.)")


def ledger_address(settings: Settings) -> tuple[Address, str]:
    """Where this process's ledger is, and SQLite's journal mode, which a server does not look at."""
    if settings.ledger_url is not None:
        return Server(settings.ledger_url, settings.home / f"unsent-{_this_host()}.sqlite"), "WAL"
    return ledger_file(settings.home, settings.ledger)


def ledger_addresses(settings: Settings) -> list[Address]:
    """The ledgers that hold what was judged under these settings: the team's, or all files under CROSS_HOME."""
    if settings.ledger_url is not None:
        return [Server(settings.ledger_url)]
    return list(ledger_paths(settings.home))


def ledger_file(home: Path, choice: Literal["auto", "shared", "host"]) -> tuple[Path, str]:
    """The path of this host's ledger under CROSS_HOME, and SQLite's journal mode for it."""
    if choice == "host" or (choice == "auto" and on_network(home)):
        return home / f"ledger-{_this_host()}.sqlite", "TRUNCATE"
    return home / SHARED, "WAL"


def _this_host() -> str:
    return re.sub(r"[^A-Za-z0-9-]", "-", platform.node()) or "unnamed"


def on_network(folder: Path) -> bool:
    """Whether the folder lies on a network file system; False where the system does not tell (no Linux)."""
    if not _MOUNTS.is_file():
        return False
    return bool(_NETWORK.match(_file_system(folder.resolve(), _MOUNTS.read_text(encoding="utf-8"))))


def _file_system(folder: Path, mounts: str) -> str:
    """The type of the file system that is mounted nearest above a folder."""
    best, kind = Path("/"), ""
    for line in mounts.splitlines():
        left, _, right = line.partition(" - ")
        point = Path(left.split()[4].encode().decode("unicode_escape"))
        if folder.is_relative_to(point) and point.is_relative_to(best):
            best, kind = point, right.split()[0]
    return kind


def ledger_paths(home: Path) -> list[Path]:
    """All ledger files under CROSS_HOME."""
    return sorted({*home.glob(SHARED), *home.glob("ledger-*.sqlite")})


def merge_other_hosts(ledger: Ledger) -> None:
    """Take over what the other ledger files under the same CROSS_HOME hold; one that can't be read is named.

    A team's ledger takes over no file unasked: hosts share it, and files beside it are of another time.
    """
    if isinstance(ledger.address, Server):
        return
    for path in ledger_paths(ledger.address.parent):
        if path.name == ledger.address.name:
            continue
        try:
            check_owners(path)
            merge(ledger, path, say=tell)
        except CrossError as error:
            tell(f"{error} The run goes on without its verdicts.")
