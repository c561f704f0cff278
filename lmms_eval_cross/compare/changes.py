"""The samples that changed most."""

from dataclasses import dataclass
from urllib.parse import quote

import numpy as np

from lmms_eval_cross.benchmark.records import DIMENSIONS, Dimension
from lmms_eval_cross.compare.pairs import PairedScores
from lmms_eval_cross.stats import average_rounds


@dataclass(frozen=True, slots=True)
class Change:
    """A sample whose scores differ between the sides."""

    sample_id: str
    changes: dict[Dimension, float]
    """Candidate minus baseline, -1 to 1, of the dimensions that changed."""

    @property
    def size(self) -> float:
        """How much changed, over all dimensions."""
        return sum(abs(change) for change in self.changes.values())

    @property
    def net(self) -> float:
        """Gains minus losses, over all dimensions."""
        return sum(self.changes.values())

    def link(self, report_url: str) -> str:
        """Where the report shows the sample."""
        return f"{report_url}#sample={quote(self.sample_id, safe='')}"


def most_changed(pairs: PairedScores, most: int = 10) -> list[Change]:
    """The samples with the largest changes, losses before gains of the same size."""
    before, after = (
        np.stack([average_rounds(side[:, :, place]) for place in range(len(DIMENSIONS))], axis=1)
        for side in (pairs.baseline, pairs.candidate)
    )
    found = [
        Change(
            facts.sample_id, {name: float(move) for name, move in zip(DIMENSIONS, row, strict=True) if abs(move) > 0}
        )
        for facts, row in zip(pairs.facts, after - before, strict=True)
    ]
    changed = [each for each in found if each.changes]
    return sorted(changed, key=lambda each: (-each.size, each.net, each.sample_id))[:most]
