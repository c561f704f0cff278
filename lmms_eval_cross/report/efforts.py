"""Reasoning effort against the four dimensions: runs of one model that differ in their effort, side by side.

That more reasoning helps, or does not, is a paired difference here, with an interval that is clustered by norm.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from lmms_eval_cross.report.differences import Difference, compare_within
from lmms_eval_cross.report.measured import Measured
from lmms_eval_cross.report.scores import Measure, Scores

_ORDER: Final = ("none", "minimal", "low", "medium", "high", "xhigh", "max")


@dataclass(frozen=True, slots=True)
class EffortRow:
    """A run of the model at one effort."""

    run: str
    effort: str
    samples: int
    dimensions: Scores
    changes: Mapping[Measure, Difference]
    """Against the run of the lowest effort, paired by sample; empty for that run itself."""


@dataclass(frozen=True, slots=True)
class EffortCurve:
    """One model at several efforts, the lowest first."""

    model: str
    rows: Sequence[EffortRow]


def effort_curves(groups: Sequence[Sequence[Measured]]) -> list[EffortCurve]:
    """The models of which a group has runs at two efforts or more; only runs that can be compared are set side by side.

    Findings are at 5% two-sided, with Holm's correction over the efforts of a model.
    """
    curves: list[EffortCurve] = []
    for group in groups:
        for family in _families(group):
            if len({effort_of(model) for model in family}) > 1:
                curves.append(_curve(sorted(family, key=_place)))
    return curves


def effort_of(model: Measured) -> str:
    """The effort that a run asked for, empty where it asked for none."""
    return model.under_test.effort if model.under_test else ""


def _families(group: Sequence[Measured]) -> Iterator[list[Measured]]:
    """The runs with an effort, by what else may change their answers."""
    families: dict[str, list[Measured]] = {}
    for model in group:
        if model.under_test and model.under_test.effort:
            families.setdefault(model.under_test.family, []).append(model)
    yield from families.values()


def _place(model: Measured) -> tuple[int, str]:
    effort = effort_of(model)
    return _ORDER.index(effort) if effort in _ORDER else len(_ORDER), effort


def _curve(family: Sequence[Measured]) -> EffortCurve:
    lowest, *_ = family
    changes = {comparison.candidate: comparison.measures for comparison in compare_within([family])}
    rows: list[EffortRow] = []
    for model in family:
        counted = len(model.answers), model.dimensions, changes.get(model.label, {})
        rows.append(EffortRow(model.label, effort_of(model), *counted))
    return EffortCurve(lowest.under_test.name if lowest.under_test else lowest.model, rows)
