"""Whether a ledger's verdicts stand under the keys that their answers give, with the scores that their replies give.

A large ledger is looked through by several processes, a part after another, each part in the order in which it lies.
"""

import os
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import Any, Final, TypeAlias

from lmms_eval_cross.errors import listing
from lmms_eval_cross.ledger.address import Address
from lmms_eval_cross.ledger.deriving import Derived, Deriving
from lmms_eval_cross.ledger.opening import open_to_read, read_ahead
from lmms_eval_cross.ledger.rows import Row, in_batches
from lmms_eval_cross.ledger.store import Ledger
from lmms_eval_cross.ledger.texts_index import TextsIndex

Rescore: TypeAlias = Callable[[str, str, str, str], int | None]
"""From profile, hash of the rubric, dimension and reply to the score that the reply gives; None where it gives none.
A function of a module, since other processes get it by its name."""
_SMALL: Final = 20_000
"""Verdicts for which other processes are not worth their start."""
_AT_A_TIME: Final = 500


@dataclass(slots=True)
class Verification:
    """How a ledger's verdicts fared."""

    right: int = 0
    wrong: list[str] = field(default_factory=list)
    """Samples whose verdicts stand under a key that their answers don't give, or can't be read."""
    unknown: int = 0
    """Verdicts whose answer is not in the ledger, or of which it was not kept how they were asked for."""
    differing: list[str] = field(default_factory=list)
    """Samples that have another score than their replies give."""
    unreadable: list[str] = field(default_factory=list)
    """Samples whose answers can't be read."""

    def __iadd__(self, other: "Verification") -> "Verification":
        self.right += other.right
        self.unknown += other.unknown
        self.wrong += other.wrong
        self.differing += other.differing
        self.unreadable += other.unreadable
        return self

    @property
    def verdicts(self) -> int:
        """How many were looked at."""
        return self.right + len(self.wrong) + self.unknown

    @property
    def has_faults(self) -> bool:
        """Whether something is not as it was written."""
        return bool(self.wrong or self.differing or self.unreadable)

    @property
    def sentence(self) -> str:
        """The outcome in one line."""
        counts = f"{self.right} keys are right, {len(self.wrong)} wrong, "
        sentence = f"{counts}{self.unknown} have nothing to derive them from."
        if self.wrong:
            sentence += f" Wrong: {listing(sorted(set(self.wrong)))}."
        if self.differing:
            some = listing(sorted(set(self.differing)))
            sentence += f" {len(self.differing)} scores are not the ones that their replies give: {some}."
        if self.unreadable:
            sentence += f" {len(self.unreadable)} answers can't be read: {listing(sorted(set(self.unreadable)))}."
        return sentence


def verify(
    ledger: Ledger, rescore: Rescore | None = None, seen: Callable[[int], object] = lambda _: None
) -> Verification:
    """Derive the key of every verdict from its outline and its answer, and its score from its reply, and compare.

    What another host writes meanwhile may be looked at or not.

    Args:
        ledger: whose verdicts.
        rescore: reads a reply again; without it scores are not looked at.
        seen: gets how many verdicts more have been looked at.

    Raises:
        LedgerError: the ledger can't be read.
    """
    with tempfile.TemporaryDirectory(prefix="cross-verify-") as folder:
        path = Path(folder) / "texts.sqlite"
        with open_to_read(ledger.address, in_use=True) as own:
            index = TextsIndex(str(path))
            index.add(own.rows("response"))
            index.close()
            total = Verification(unreadable=index.unreadable)
            large = own.count_up_to("verdict", _SMALL) == _SMALL
            conditions = own.parts_of_verdicts() if large else ["TRUE"]
        for part in _parts(ledger.address, partial(verify_part, ledger.address, path, rescore), conditions):
            total += part
            seen(part.verdicts)
    return total


def _parts(
    ledger: Address, verify_where: Callable[[str], Verification], conditions: Sequence[str]
) -> Iterator[Verification]:
    if len(conditions) == 1:
        yield verify_where(*conditions)
        return
    with ProcessPoolExecutor(_processors(), get_context("spawn")) as pool:
        pool.submit(read_ahead, ledger).result()  # in another process, for this one has the file open to write
        yield from pool.map(verify_where, conditions)


def _processors() -> int:
    if hasattr(os, "sched_getaffinity"):  # Linux; a container has fewer than the machine
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def verify_part(ledger: Address, index: Path, rescore: Rescore | None, condition: str) -> Verification:
    """The verdicts of a part."""
    part = Verification()
    with open_to_read(ledger, in_use=True) as own:
        deriving = Deriving(TextsIndex(str(index)), own)
        for rows in in_batches(own.rows("verdict", condition), _AT_A_TIME):
            for row, derived in zip(rows, deriving.derive(rows), strict=True):
                _count(part, row, derived, rescore)
        deriving.index.close()
    return part


def _count(part: Verification, row: Row, derived: Derived, rescore: Rescore | None) -> None:
    if derived.filed == "wrong":
        part.wrong.append(str(row["sample_id"]))
        return
    part.unknown += derived.filed == "unknown"
    part.right += derived.filed == "right"
    if rescore is not None and derived.outline is not None and _differs(row, derived.outline.parts, rescore):
        part.differing.append(str(row["sample_id"]))


def _differs(row: Row, parts: Mapping[str, Any], rescore: Rescore) -> bool:
    """Whether a row has another score than its reply gives, where it is known how it was asked for."""
    if row["score"] is None or not isinstance(row["reply"], str):
        return False
    score = rescore(parts["profile"], parts["rubric_sha256"], parts["dimension"], row["reply"])
    return score is not None and score != row["score"]
