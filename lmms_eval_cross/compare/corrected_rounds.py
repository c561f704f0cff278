"""The means of both sides, corrected for the judge's errors by human labels."""

from __future__ import annotations

from typing import TypeAlias

from lmms_eval_cross.compare.rounds import Side
from lmms_eval_cross.errors import RunError
from lmms_eval_cross.trust.corrected_means import CorrectedMean, corrected_means
from lmms_eval_cross.trust.human_labels import LabelSet

Corrections: TypeAlias = "list[tuple[str, str, CorrectedMean]]"
"""`baseline` or `candidate`, the name of one of its rounds, and one dimension of that round."""


def corrected_rounds(baseline: Side, candidate: Side, labels: LabelSet, alpha: float) -> Corrections:
    """Every dimension of every round, corrected.

    Raises:
        RunError: a round comes from a baseline file, which has no answers.
        LabelError: the labels are of another judge, rubric or profile, or too few.
        AnchorError: a round was judged in several ways.
    """
    corrections: Corrections = []
    for side, rounds in (("baseline", baseline.rounds), ("candidate", candidate.rounds)):
        for one in rounds:
            if not one.answers:
                raise RunError(
                    f"--labels corrects a run's answers, and {one.name} is of a baseline file; give its run."
                )
            for mean in corrected_means(list(one.answers.values()), labels, alpha):
                corrections.append((side, one.name, mean))
    return corrections
