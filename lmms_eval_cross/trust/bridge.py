"""The bridge between two judges: an anchor that both judged."""

from collections.abc import Collection, Mapping, Sequence

import numpy as np

from lmms_eval_cross.benchmark.records import Dimension
from lmms_eval_cross.errors import AnchorError
from lmms_eval_cross.stats import FEWEST_ANSWERS, Bridge
from lmms_eval_cross.trust.anchor import Anchor, answer_hash, scores
from lmms_eval_cross.trust.stamp import JudgeStamp


def own_answers(anchor: Anchor, baseline: Mapping[str, Collection[str]]) -> Anchor:
    """The anchor with those items alone that are the baseline's own answers.

    How often the new judge gives a 1 where the old one did depends on how often the model is right, so that another
    model's answers say nothing of this one. A few that coincide with the baseline's are no random draw of it either.

    Args:
        anchor: that both judges judged.
        baseline: sample id -> `answer_hash` of the answers that the baseline's rounds gave.

    Raises:
        AnchorError: not even half of the anchor's answers are the baseline's.
    """
    own: list[int] = []
    for position, item in enumerate(anchor.items):
        if answer_hash(item.response) in baseline.get(item.sample_id, ()):
            own.append(position)
    if 2 * len(own) < len(anchor.items):
        raise AnchorError(
            f"{len(own):,} of the {len(anchor.items):,} answers of {anchor.name} in the anchor are the baseline's own, "
            "and only those tell how the new judge takes it; draw an anchor from the baseline's run with "
            "`lmms-eval-cross anchor build` and judge it with `lmms-eval-cross anchor judge`."
        )
    return anchor.on_items(own)


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
