"""The bridge between two judges: an anchor that both judged."""

from collections.abc import Sequence

import numpy as np

from lmms_eval_cross.benchmark.records import Dimension
from lmms_eval_cross.errors import AnchorError
from lmms_eval_cross.stats import FEWEST_ANSWERS, Bridge
from lmms_eval_cross.trust.anchor import Anchor, scores
from lmms_eval_cross.trust.stamp import JudgeStamp


def bridges(anchor: Anchor, old: JudgeStamp, new: JudgeStamp, dimensions: Sequence[Dimension]) -> dict[str, Bridge]:
    """The bridge of each dimension from the judge of the baseline to the judge of the candidate.

    Give each to `stats.bridged_difference` or `stats.bridged_bounds`.

    Raises:
        AnchorError: one of them did not judge the anchor, or a dimension has too few answers of a score.
    """
    for judge in (old, new):
        if not anchor.askings(judge):
            raise AnchorError(
                f"{anchor.name} was not judged by {judge}; type `lmms-eval-cross anchor judge` with it in force."
            )
    return {dimension: _bridge(anchor, old, new, dimension) for dimension in dimensions}


def _bridge(anchor: Anchor, old: JudgeStamp, new: JudgeStamp, dimension: Dimension) -> Bridge:
    before, after = scores(anchor.askings(old)[0], dimension), scores(anchor.askings(new)[0], dimension)
    positions = np.flatnonzero(~np.isnan(before) & ~np.isnan(after))
    ones = int(before[positions].sum())
    zeros = len(positions) - ones
    if min(ones, zeros) < FEWEST_ANSWERS:
        raise AnchorError(
            f"{anchor.name} has {ones} answers with 1 and {zeros} with 0 on {dimension}, and "
            f"{FEWEST_ANSWERS} of each are needed to bridge; build a larger anchor."
        )
    norms = [anchor.items[position].norm_id for position in positions]
    return Bridge.of(before[positions], after[positions], norms, anchor.probabilities[positions])
