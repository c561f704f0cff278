"""Why two sides can't be compared: another judge, rubric, profile or data, other wordings or samples."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final

from lmms_eval_cross.compare.rounds import Judging, Side
from lmms_eval_cross.errors import listing
from lmms_eval_cross.judge.keys import canonical_json


@dataclass(frozen=True, slots=True)
class Rule:
    """Something that must be the same in all rounds of both sides."""

    name: str
    read: Callable[[Judging], Any]


def _answered_by(judging: Judging) -> Any:
    """The models that answered; one name where the user vouches for them with a judge id of their own."""
    provenance = judging.provenance
    return list(judging.answered_by) if provenance.judge_id == provenance.judge_model else provenance.judge_id


RULES: Final = (
    Rule("judge", lambda judging: judging.provenance.judge),
    Rule("judge id", lambda judging: judging.provenance.judge_id),
    Rule("model that answered as the judge", _answered_by),
    Rule("rubric", lambda judging: judging.provenance.rubric_sha256[:12]),
    Rule("judge profile", lambda judging: judging.provenance.profile),
    Rule("judge request", lambda judging: judging.provenance.request),
    Rule("data hash", lambda judging: judging.provenance.data_sha256[:12]),
)


def incomparable(baseline: Side, candidate: Side, allowed_missing: float) -> list[str]:
    """Every reason why no difference of the two sides means anything, a sentence each; empty if there is none.

    Args:
        allowed_missing: percent of all samples that one side may lack; they count as failures.
    """
    return [*_other_judging(baseline, candidate), *_other_samples(baseline, candidate, allowed_missing)]


def _other_judging(baseline: Side, candidate: Side) -> Iterator[str]:
    splits = sorted({split for split, _ in (*baseline.judging, *candidate.judging)})
    for rule in RULES:
        sides = {split: (_told(rule, split, baseline), _told(rule, split, candidate)) for split in splits}
        differing = [split for split, (before, after) in sides.items() if len(before | after) > 1]
        if differing:
            before, after = sides[differing[0]]
            yield f"The {rule.name} differs in {', '.join(differing)}: {_some(before)} against {_some(after)}."


def _told(rule: Rule, split: str, side: Side) -> set[str]:
    return {canonical_json(rule.read(judging)).strip('"') for name, judging in side.judging if name == split}


def _some(values: set[str]) -> str:
    return listing(sorted(values), most=3) or "none"


def _other_samples(baseline: Side, candidate: Side, allowed_missing: float) -> Iterator[str]:
    before, after = baseline.facts, candidate.facts
    wordings = [{(each.split, each.wording) for each in facts.values()} for facts in (before, after)]
    odd = sorted(f"{split} wording {wording}" for split, wording in wordings[0] ^ wordings[1])
    if odd:
        yield f"The wordings differ: only one side has {listing(odd, most=4)}."
    missing = len(before.keys() ^ after.keys())
    everything = len(before.keys() | after.keys())
    if 100 * missing > allowed_missing * everything:
        only = (len(before.keys() - after.keys()), len(after.keys() - before.keys()))
        yield (
            f"The samples differ: {only[0]:,} only in the baseline and {only[1]:,} only in the candidate, of "
            f"{everything:,}; {allowed_missing:g}% may."
        )
