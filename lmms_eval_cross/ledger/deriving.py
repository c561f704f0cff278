"""Whether a verdict stands under the key that its answer gives."""

from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal, TypeAlias

from lmms_eval_cross.ledger.database import LedgerRows
from lmms_eval_cross.ledger.keys import Outline, Texts, read_outline
from lmms_eval_cross.ledger.rows import Row, read_outcome
from lmms_eval_cross.ledger.texts_index import TextsIndex

Filed: TypeAlias = Literal["right", "wrong", "unknown"]
"""Unknown: the answer is not at hand, or it was not kept how the verdict was asked for."""


@dataclass(frozen=True, slots=True)
class Derived:
    """What came of deriving a verdict's key."""

    filed: Filed
    outline: Outline | None = None
    """How the verdict was asked for; None where that was not kept, or the row can't be read."""


@dataclass(frozen=True, slots=True)
class Deriving:
    """Derives keys of verdicts from the answers in a ledger."""

    index: TextsIndex
    ledger: LedgerRows

    def derive(self, rows: Sequence[Row]) -> list[Derived]:
        """How some hundreds of rows of `verdict` fare, in order."""
        read = [_read(row) for row in rows]
        wanted = []
        for row, one in zip(rows, read, strict=True):
            if one.outline is not None:
                wanted.append((one.outline.texts, row["sample_id"]))
        texts = iter(self.index.find(wanted, self.ledger))
        for place, one in enumerate(read):
            if one.outline is not None:
                read[place] = _held(rows[place], one.outline, *next(texts))
        return read


def _read(row: Row) -> Derived:
    """A row as far as it is known without its answer."""
    if row["outline"] is None:
        return Derived("unknown")
    try:
        read_outcome(row)
        return Derived("unknown", read_outline(row["outline"]))
    except ValueError:
        return Derived("wrong")


def _held(row: Row, outline: Outline, texts: Texts | None, is_of_sample: bool) -> Derived:
    """A row against the key that its answer gives."""
    if texts is None:
        return Derived("unknown", outline)
    named = (outline.parts["dimension"], outline.parts["judge_id"]) == (row["dimension"], row["judge_id"])
    try:
        right = named and is_of_sample and outline.digest(texts) == row["key"]
    except (ValueError, RecursionError):
        return Derived("wrong")
    return Derived("right" if right else "wrong", outline)


@contextmanager
def deriving_from(ledger: LedgerRows, samples: Collection[str] | None = None) -> Iterator[Deriving]:
    """Deriving from the answers in a ledger, of all samples or of some hundreds."""
    index = TextsIndex()
    try:
        if samples is None:
            index.add(ledger.rows("response"))
        else:
            marks = ", ".join("?" * len(samples))
            index.add(ledger.rows("response", f"sample_id IN ({marks})", tuple(samples)))
        yield Deriving(index, ledger)
    finally:
        index.close()
