"""Labels of both sides, by which the gate decides on what people would say and not on what the judge does."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from lmms_eval_cross.benchmark.records import Dimension
from lmms_eval_cross.compare.rounds import Side
from lmms_eval_cross.errors import RunError
from lmms_eval_cross.stats import JudgedRun
from lmms_eval_cross.trust.corrected_means import labelled_run
from lmms_eval_cross.trust.human_labels import LabelSet


@dataclass(frozen=True, slots=True)
class LabelledSides:
    """Both sides' scores and labels, on the gated dimensions."""

    runs: Mapping[str, tuple[JudgedRun, JudgedRun]]
    labels: tuple[int, int]
    """Labelled answers of baseline and candidate, of the dimension with the fewest."""


def find_labelled(
    baseline: Side, candidate: Side, labels: tuple[LabelSet, LabelSet], dimensions: Sequence[Dimension]
) -> LabelledSides:
    """Both sides with their labels.

    Raises:
        RunError: a side has several rounds, or comes from a baseline file, which has no answers.
        LabelError: labels of another judge, of other answers, or too few of a class on a gated dimension.
    """
    runs: dict[str, tuple[JudgedRun, JudgedRun]] = {}
    for dimension in dimensions:
        runs[dimension] = _run(baseline, labels[0], dimension), _run(candidate, labels[1], dimension)
    fewest = [min((len(pair[side].run.labelled.labels) for pair in runs.values()), default=0) for side in (0, 1)]
    return LabelledSides(runs, (fewest[0], fewest[1]))


def _run(side: Side, labels: LabelSet, dimension: Dimension) -> JudgedRun:
    one, *others = side.rounds
    if others or not one.answers:
        raise RunError(
            f"Labels decide between two runs with their answers, and {side.name} is of several rounds or of a baseline "
            "file; give one run."
        )
    return labelled_run(list(one.answers.values()), labels, dimension)
