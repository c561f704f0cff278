"""From one judge to another: what lets a comparison set their scores side by side."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from lmms_eval_cross.benchmark.records import Dimension
from lmms_eval_cross.compare.rounds import Side
from lmms_eval_cross.errors import AnchorError, listing
from lmms_eval_cross.stats import Bridge
from lmms_eval_cross.trust.anchor import Anchor
from lmms_eval_cross.trust.bridge import bridges
from lmms_eval_cross.trust.stamp import JudgeStamp, sole_judge


@dataclass(frozen=True, slots=True)
class Crossing:
    """The baseline's scores, brought to the scale of the candidate's judge."""

    name: str
    """The anchor's: the run that it was drawn from."""
    anchor_id: str
    answers: int
    """In the anchor."""
    old: JudgeStamp
    new: JudgeStamp
    bridges: Mapping[str, Bridge]
    """Of the gated dimensions."""


def find_crossing(baseline: Side, candidate: Side, anchor: Anchor, dimensions: Sequence[Dimension]) -> Crossing:
    """The crossing from the baseline's judge to the candidate's.

    Raises:
        AnchorError: the anchor does not fit these judges, rubrics and profiles, is too small, or is not needed.
    """
    old, new = _judge("The baseline", baseline), _judge("The candidate", candidate)
    if old.differing_trait(new) is None:
        raise AnchorError(f"Both sides were judged by {old}, so there is nothing to bridge; leave out --bridge.")
    by_dimension = bridges(anchor, old, new, dimensions)
    _check_models("baseline", baseline, anchor, old)
    _check_models("candidate", candidate, anchor, new)
    return Crossing(anchor.name, anchor.id, len(anchor.items), old, new, by_dimension)


def _judge(name: str, side: Side) -> JudgeStamp:
    return sole_judge(name, (judging.provenance for _, judging in side.judging))


def _check_models(name: str, side: Side, anchor: Anchor, judge: JudgeStamp) -> None:
    """Refuse an anchor that other models answered in the judge's name, unless the user vouches by a judge id."""
    if judge.is_vouched_for:
        return
    here = set().union(*(judging.answered_by for _, judging in side.judging))
    there = _models_that_answered(anchor, judge)
    if here != there:
        raise AnchorError(
            f"Asked for {judge.id}, {listing(sorted(there)) or 'no model'} answered in the anchor of {anchor.name} and "
            f"{listing(sorted(here)) or 'no model'} in the {name}; give an anchor that the same model judged."
        )


def _models_that_answered(anchor: Anchor, judge: JudgeStamp) -> set[str]:
    """The models that gave the anchor's scores when the judge was first asked."""
    models: set[str] = set()
    for verdict in anchor.askings(judge)[0].verdicts:
        models.update(str(score.model) for score in verdict.values() if score.score is not None)
    return models
