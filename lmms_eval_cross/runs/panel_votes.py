"""How far the members of the panel that judged a run agree."""

import math
from collections.abc import Hashable, Mapping, Sequence

from lmms_eval_cross.benchmark.panel import agreeing_share
from lmms_eval_cross.benchmark.records import DIMENSIONS, Dimension, Outcome
from lmms_eval_cross.stats.panel_agreement import PanelAgreement, panel_agreement


def share_of(outcome: Outcome) -> float:
    """The share of agreeing pairs of members behind an outcome; NaN where there is no pair, as with a single judge."""
    share = agreeing_share(outcome.votes)
    return math.nan if share is None else share


def agreement_by_dimension(
    answers: Sequence[Mapping[Dimension, Outcome]], norms: Sequence[Hashable]
) -> dict[Dimension, PanelAgreement]:
    """Dimension -> how far the panel agrees; empty where no panel judged.

    Args:
        answers: the outcomes of each answer.
        norms: the norm of each.
    """
    by_dimension: dict[Dimension, PanelAgreement] = {}
    for dimension in DIMENSIONS:
        agreement = panel_agreement([share_of(outcomes[dimension]) for outcomes in answers], norms)
        if agreement is not None:
            by_dimension[dimension] = agreement
    return by_dimension
