"""The means of both sides, corrected for the judge's errors by human labels."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from lmms_eval_cross.benchmark.records import DIMENSIONS
from lmms_eval_cross.compare.rounds import Side
from lmms_eval_cross.errors import RunError
from lmms_eval_cross.trust.corrected_means import CorrectedMean, corrected_mean
from lmms_eval_cross.trust.human_labels import LabelSet


@dataclass(frozen=True, slots=True)
class CorrectedRound:
    """One dimension of one round."""

    side: str
    """`baseline` or `candidate`."""
    round: str
    found: CorrectedMean


def corrected_rounds(baseline: Side, candidate: Side, labels: LabelSet, alpha: float) -> list[CorrectedRound]:
    """Every dimension of every round, corrected.

    Raises:
        RunError: a round comes from a baseline file, which has no answers.
        LabelError: the labels are of another judge, rubric or profile, or too few.
        AnchorError: a round was judged in several ways.
    """
    return [*_corrected("baseline", baseline, labels, alpha), *_corrected("candidate", candidate, labels, alpha)]


def _corrected(name: str, side: Side, labels: LabelSet, alpha: float) -> Iterator[CorrectedRound]:
    for each in side.rounds:
        if not each.answers:
            raise RunError(f"--labels corrects a run's answers, and {each.name} is of a baseline file; give its run.")
        for dimension in DIMENSIONS:
            found = corrected_mean(list(each.answers.values()), labels, dimension, alpha)
            yield CorrectedRound(name, each.name, found)
