"""The bridge between two judges: an anchor that both judged."""

from collections.abc import Sequence

import numpy as np

from lmms_eval_cross.errors import AnchorError
from lmms_eval_cross.records import Dimension, Verdict
from lmms_eval_cross.sample_record import JudgedAnswer
from lmms_eval_cross.stats import FEWEST_ANSWERS, Bridge, PairedDifference, bridged_difference
from lmms_eval_cross.trust.anchor import Anchor, scores
from lmms_eval_cross.trust.stamp import JudgeStamp, sole_stamp


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


def difference_over_bridge(
    baseline: Sequence[JudgedAnswer],
    candidate: Sequence[JudgedAnswer],
    anchor: Anchor,
    dimension: Dimension,
    alpha: float = 0.05,
) -> PairedDifference:
    """Candidate minus baseline on the scale of the candidate's judge, over the samples that both scored.

    Raises:
        AnchorError: the anchor is no bridge between the two judges, or no sample has a score on both sides.
    """
    old, new = sole_stamp("The baseline", baseline), sole_stamp("The candidate", candidate)
    bridge = bridges(anchor, old, new, [dimension])[dimension]
    before, after = _scores(baseline, dimension), _scores(candidate, dimension)
    common = sorted(before.keys() & after.keys())
    if not common:
        raise AnchorError(f"No sample has a score on {dimension} on both sides; compare runs of the same tasks.")
    norms = {answer.sample.sample_id: answer.sample.norm_id for answer in baseline}
    return bridged_difference(
        [before[name] for name in common],
        [after[name] for name in common],
        [norms[name] for name in common],
        bridge,
        alpha,
    )


def _scores(answers: Sequence[JudgedAnswer], dimension: Dimension) -> dict[str, float]:
    found = ((answer.sample.sample_id, answer.outcomes[dimension]) for answer in answers)
    return {name: float(outcome.score) for name, outcome in found if isinstance(outcome, Verdict)}


def _bridge(anchor: Anchor, old: JudgeStamp, new: JudgeStamp, dimension: Dimension) -> Bridge:
    before, after = (np.array(scores(anchor.askings(judge)[0], dimension)) for judge in (old, new))
    kept = np.flatnonzero(~np.isnan(before) & ~np.isnan(after))
    ones = int(before[kept].sum())
    if min(ones, len(kept) - ones) < FEWEST_ANSWERS:
        raise AnchorError(
            f"{anchor.name} has {ones} answers with 1 and {len(kept) - ones} with 0 on {dimension}, and "
            f"{FEWEST_ANSWERS} of each are needed to bridge; build a larger anchor."
        )
    items = [anchor.items[i] for i in kept]
    probabilities = [item.probability for item in items]
    return Bridge.of(before[kept], after[kept], [item.norm_id for item in items], probabilities)
