"""The samples that changed most."""

from dataclasses import dataclass
from urllib.parse import quote

import numpy as np

from lmms_eval_cross.benchmark.records import DIMENSIONS, Dimension
from lmms_eval_cross.compare.pairs import PairedScores


@dataclass(frozen=True, slots=True)
class SampleChange:
    """A sample whose scores differ between the sides."""

    sample_id: str
    changes: dict[Dimension, float]
    """Candidate minus baseline, -1 to 1, of the dimensions that changed."""

    @property
    def size(self) -> float:
        """How much changed, over all dimensions."""
        return sum(map(abs, self.changes.values()))

    @property
    def net(self) -> float:
        """Gains minus losses, over all dimensions."""
        return sum(self.changes.values())

    def link(self, report_url: str) -> str:
        """Where the report shows the sample."""
        return f"{report_url}#sample={quote(self.sample_id, safe='')}"


def most_changed(pairs: PairedScores, most: int = 10) -> list[SampleChange]:
    """The samples with the largest changes, losses before gains of the same size."""
    changed: list[SampleChange] = []
    for sample, row in zip(pairs.facts, _moves(pairs), strict=True):
        changes = {name: move for name, move in zip(DIMENSIONS, row, strict=True) if abs(move) > 0}
        if changes:
            changed.append(SampleChange(sample.sample_id, changes))
    return sorted(changed, key=lambda change: (-change.size, change.net, change.sample_id))[:most]


def _moves(pairs: PairedScores) -> list[list[float]]:
    """For every sample the candidate minus the baseline on every dimension, NaN where a side has no verdict."""
    moves = np.empty((len(pairs.facts), len(DIMENSIONS)))
    for column, dimension in enumerate(DIMENSIONS):
        before, after = pairs.means(dimension)
        moves[:, column] = after - before
    return moves.tolist()
