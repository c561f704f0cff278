"""From one judge to another: what lets a comparison set their scores side by side."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from lmms_eval_cross.benchmark.records import Dimension
from lmms_eval_cross.compare.rounds import Side
from lmms_eval_cross.errors import AnchorError, listing
from lmms_eval_cross.stats import Bridge
from lmms_eval_cross.trust.anchor import Anchor
from lmms_eval_cross.trust.bridge import bridges, own_answers
from lmms_eval_cross.trust.stamp import JudgeStamp, sole_judge


@dataclass(frozen=True, slots=True)
class Crossing:
    """The baseline's scores, brought to the scale of the candidate's judge."""

    name: str
    """The anchor's: the run that it was drawn from."""
    anchor_id: str
    answers: int
    """Of the baseline's own in the anchor; no other counts."""
    old: JudgeStamp
    new: JudgeStamp
    bridges: Mapping[str, Bridge]
    """Of the gated dimensions."""


def find_crossing(baseline: Side, candidate: Side, anchor: Anchor, dimensions: Sequence[Dimension]) -> Crossing:
    """The crossing from the baseline's judge to the candidate's.

    Raises:
        AnchorError: the anchor does not fit these judges, rubrics and profiles, holds too few of the baseline's own
            answers, or is not needed.
    """
    old, new = _judge("The baseline", baseline), _judge("The candidate", candidate)
    if old.differing_trait(new) is None:
        raise AnchorError(f"Both sides were judged by {old}, so there is nothing to bridge; leave out --bridge.")
    own = own_answers(anchor, _answer_hashes(baseline))
    by_dimension = bridges(own, old, new, dimensions)
    _check_models("baseline", baseline, anchor, old)
    _check_models("candidate", candidate, anchor, new)
    return Crossing(anchor.name, anchor.id, len(own.items), old, new, by_dimension)


def _answer_hashes(baseline: Side) -> dict[str, set[str]]:
    """The hashes of the answers that any round gave to each sample."""
    hashes: dict[str, set[str]] = {}
    for one in baseline.rounds:
        if not one.answer_hashes:
            raise AnchorError(
                f"The baseline {one.name} was written by a release that kept no hashes of answers, and only its own "
                "answers bridge; write the baseline again with `lmms-eval-cross baseline`."
            )
        for sample_id, digest in one.answer_hashes.items():
            hashes.setdefault(sample_id, set()).add(digest)
    return hashes


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
