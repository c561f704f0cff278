"""Why two sides can't be compared: another judge, rubric, profile or data, other wordings or samples."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Final

from lmms_eval_cross.compare.rounds import Judging, Side
from lmms_eval_cross.errors import listing
from lmms_eval_cross.text import canonical_json
from lmms_eval_cross.trust.stamp import TRAITS, JudgeStamp


@dataclass(frozen=True, slots=True)
class Rule:
    """Something that must be the same in all rounds of both sides."""

    name: str
    read: Callable[[Judging], Any]


def _trait(name: str) -> Callable[[Judging], Any]:
    """Reads a trait of the judge, a hash as far as it is shown."""

    def read(judging: Judging) -> Any:
        value = JudgeStamp.of(judging.provenance).traits[name]
        return value[:12] if name.endswith("sha256") else value

    return read


def _answered_by(judging: Judging) -> Any:
    """The models that answered; one name where the user vouches for them."""
    stamp = JudgeStamp.of(judging.provenance)
    return stamp.id if stamp.is_vouched_for else list(judging.answered_by)


DATA: Final = Rule("data hash", lambda judging: judging.provenance.data_sha256[:12])
BRIDGED: Final = (
    *(Rule(name, _trait(trait)) for trait, name in TRAITS.items()),
    Rule("model that answered as the judge", _answered_by),
)
"""What a bridge may stand between, once it was judged in both ways."""
RULES: Final = (*BRIDGED, DATA)


def incomparable(baseline: Side, candidate: Side, allowed_missing: float) -> list[str]:
    """Every reason why no difference of the two sides means anything, a sentence each; empty if there is none.

    Args:
        allowed_missing: percent of all samples that one side may lack; they count as failures.
    """
    return [
        *_other_judging(baseline, candidate, RULES),
        *_way_across(baseline, candidate),
        *_other_samples(baseline, candidate, allowed_missing),
    ]


def incomparable_over_bridge(baseline: Side, candidate: Side, allowed_missing: float) -> list[str]:
    """The same for two judges with a bridge between them: each side must be judged alike, and on the same data."""
    return [
        *_mixed_judging("baseline", baseline),
        *_mixed_judging("candidate", candidate),
        *_other_judging(baseline, candidate, [DATA]),
        *_other_samples(baseline, candidate, allowed_missing),
    ]


def _mixed_judging(name: str, side: Side) -> Iterator[str]:
    for split in sorted({split for split, _ in side.judging}):
        for rule in RULES:
            found = _told(rule, split, side)
            if len(found) > 1:
                yield f"The {rule.name} differs within the {name} in {split}: {_some(found)}."


def _way_across(baseline: Side, candidate: Side) -> Iterator[str]:
    if any(_other_judging(baseline, candidate, BRIDGED)):
        yield "Scores of two judges can be compared with --bridge and an anchor that both judged."


def _other_judging(baseline: Side, candidate: Side, rules: Iterable[Rule]) -> Iterator[str]:
    splits = sorted({split for split, _ in (*baseline.judging, *candidate.judging)})
    for rule in rules:
        sides = {split: (_told(rule, split, baseline), _told(rule, split, candidate)) for split in splits}
        differing = [split for split, (before, after) in sides.items() if len(before | after) > 1]
        if differing:
            before, after = sides[differing[0]]
            yield f"The {rule.name} differs in {', '.join(differing)}: {_some(before)} against {_some(after)}."


def _told(rule: Rule, split: str, side: Side) -> set[str]:
    """What the rounds of a side tell; a round without any verdict names no model that answered, and so no other one."""
    values = (rule.read(judging) for name, judging in side.judging if name == split)
    return {canonical_json(value).strip('"') for value in values if value != []}


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
