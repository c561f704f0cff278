"""Whether a verdict stands under the key that its answer gives."""

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal, TypeAlias

from lmms_eval_cross.ledger.database import LedgerRows
from lmms_eval_cross.ledger.keys import read_outline
from lmms_eval_cross.ledger.rows import Row, read_outcome
from lmms_eval_cross.ledger.texts_index import TextsIndex

Filed: TypeAlias = Literal["right", "wrong", "unknown"]
"""Unknown: the answer is not at hand, or it was not kept how the verdict was asked for."""


@dataclass(frozen=True, slots=True)
class Deriving:
    """Derives keys of verdicts from the answers in a ledger."""

    index: TextsIndex
    ledger: LedgerRows

    def filed(self, row: Row) -> Filed:
        """How a row of `verdict` fares."""
        if row["outline"] is None:
            return "unknown"
        try:
            read_outcome(row)
            outline = read_outline(row["outline"])
            texts, is_of_sample = self.index.find(outline.texts, row["sample_id"], self.ledger)
            if texts is None:
                return "unknown"
            named = (outline.parts["dimension"], outline.parts["judge_id"]) == (row["dimension"], row["judge_id"])
            right = named and is_of_sample and outline.digest(texts) == row["key"]
        except (ValueError, RecursionError):
            return "wrong"
        return "right" if right else "wrong"


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
