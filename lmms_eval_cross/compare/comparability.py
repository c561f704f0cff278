"""Why two sides can't be compared: another judge, rubric, profile or data, other wordings or samples."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import chain
from typing import Any, Final

from lmms_eval_cross.compare.rounds import Judging, SampleFacts, Side
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
        if name.endswith("sha256"):
            return value[:12]
        return value

    return read


def _answered_by(judging: Judging) -> Any:
    """The models that answered; one name where the user vouches for them."""
    stamp = JudgeStamp.of(judging.provenance)
    if stamp.is_vouched_for:
        return stamp.id
    return list(judging.answered_by)


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
        *_edited(baseline, candidate),
        *_other_judging(baseline, candidate, RULES),
        *_way_across(baseline, candidate),
        *_other_samples(baseline, candidate, allowed_missing),
    ]


def incomparable_over_bridge(baseline: Side, candidate: Side, allowed_missing: float) -> list[str]:
    """The same for two judges with a bridge between them: each side must be judged alike, and on the same data."""
    return [
        *_edited(baseline, candidate),
        *_mixed_judging("baseline", baseline),
        *_mixed_judging("candidate", candidate),
        *_other_judging(baseline, candidate, [DATA]),
        *_other_samples(baseline, candidate, allowed_missing),
    ]


def _edited(*sides: Side) -> Iterator[str]:
    for one in chain.from_iterable(side.rounds for side in sides):
        yield from one.faults


def _mixed_judging(name: str, side: Side) -> Iterator[str]:
    for split in sorted(side.splits):
        for rule in RULES:
            values = _values(rule, split, side)
            if len(values) > 1:
                yield f"The {rule.name} differs within the {name} in {split}: {_some(values)}."


def _way_across(baseline: Side, candidate: Side) -> Iterator[str]:
    if any(_other_judging(baseline, candidate, BRIDGED)):
        yield "Scores of two judges can be compared with --bridge and an anchor that both judged."


def _other_judging(baseline: Side, candidate: Side, rules: Iterable[Rule]) -> Iterator[str]:
    splits = sorted(baseline.splits | candidate.splits)
    for rule in rules:
        differing = [split for split in splits if len(_values(rule, split, baseline, candidate)) > 1]
        if differing:
            before, after = _values(rule, differing[0], baseline), _values(rule, differing[0], candidate)
            yield f"The {rule.name} differs in {', '.join(differing)}: {_some(before)} against {_some(after)}."


def _values(rule: Rule, split: str, *sides: Side) -> set[str]:
    """What `rule` reads in all rounds of the sides, as text."""
    values: set[str] = set()
    for name, judging in chain.from_iterable(side.judging for side in sides):
        if name == split:
            value = rule.read(judging)
            if value != []:  # a round without any verdict names no model that answered, and so no other one
                values.add(canonical_json(value).strip('"'))
    return values


def _some(values: set[str]) -> str:
    return listing(sorted(values), most=3) or "none"


def _other_samples(baseline: Side, candidate: Side, allowed_missing: float) -> Iterator[str]:
    before, after = baseline.facts, candidate.facts
    of_one_side = sorted(_wordings(before) ^ _wordings(after))
    if of_one_side:
        yield f"The wordings differ: only one side has {listing(of_one_side, most=4)}."
    only_before, only_after = len(before.keys() - after.keys()), len(after.keys() - before.keys())
    differing = sorted(_told_differently(baseline, candidate))
    if differing:
        yield (
            f"The two sides tell different things of {listing(differing, most=4)}: norm, country, language, query and "
            "picture of a sample must be the same."
        )
    total = len(before.keys() | after.keys())
    if 100 * (only_before + only_after) > allowed_missing * total:
        yield (
            f"The samples differ: {only_before:,} only in the baseline and {only_after:,} only in the candidate, of "
            f"{total:,}; {allowed_missing:g}% may."
        )


def _told_differently(*sides: Side) -> set[str]:
    """The samples of which any two rounds tell different facts."""
    first: dict[str, SampleFacts] = {}
    differing: set[str] = set()
    for one in chain.from_iterable(side.rounds for side in sides):
        for sample_id, facts in one.facts.items():
            if _differ(first.setdefault(sample_id, facts), facts):
                differing.add(sample_id)
    return differing


def _differ(before: SampleFacts, after: SampleFacts) -> bool:
    """Whether two sides tell different facts of a sample; old baseline files have no hash of what was shown."""
    if not before.shown or not after.shown:
        before, after = replace(before, shown=""), replace(after, shown="")
    return before != after


def _wordings(facts: Mapping[str, SampleFacts]) -> set[str]:
    return {f"{sample.split} wording {sample.wording}" for sample in facts.values()}
