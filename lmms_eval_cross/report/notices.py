"""What must be said before any number: stand-in judges, missing parts, runs that can't be compared."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from lmms_eval_cross.compare.comparability import RULES
from lmms_eval_cross.data.release import FILES
from lmms_eval_cross.errors import listing
from lmms_eval_cross.judge.keys import canonical_json
from lmms_eval_cross.report import numbers
from lmms_eval_cross.report.measured import Measured

NoticeKind = Literal["offline", "incomparable", "incomplete", "partial", "different_samples"]
_RELEASED: Final = {f"{file.subset}/{file.setting}": file.records for file in FILES}


@dataclass(frozen=True, slots=True)
class Notice:
    """A banner."""

    kind: NoticeKind
    title: str
    text: str


def find_notices(models: Sequence[Measured], min_coverage: float) -> list[Notice]:
    """All banners, the gravest first."""
    return [
        *_offline(models),
        *_incomparable(models),
        *_incomplete(models, min_coverage),
        *_partial(models),
        *_different_samples(models),
    ]


def is_comparable(notices: Sequence[Notice]) -> bool:
    """Whether differences between the runs mean something."""
    return all(notice.kind != "incomparable" for notice in notices)


def _offline(models: Sequence[Measured]) -> Iterator[Notice]:
    found = [model.label for model in models if any(told.judge == "offline" for told in model.provenance.values())]
    if found:
        yield Notice(
            "offline",
            "Offline judge: not a measurement",
            f"{listing(found)}: a few word rules stood in for the judge. These numbers show how the report looks, "
            "and say nothing about any model.",
        )


def _incomparable(models: Sequence[Measured]) -> Iterator[Notice]:
    reasons = [reason for split in _splits(models) for reason in _differences(split, models)]
    if reasons:
        yield Notice(
            "incomparable",
            "These runs can't be compared",
            f"{' '.join(reasons)} Each run's numbers stand for themselves; no differences are drawn.",
        )


def _splits(models: Sequence[Measured]) -> list[str]:
    return sorted({split for model in models for split in model.judging})


def _differences(split: str, models: Sequence[Measured]) -> Iterator[str]:
    """What the runs don't share of the way in which they judged a split; the rules are those of `compare`."""
    told = {model.label: model.judging[split] for model in models if split in model.judging}
    for rule in RULES:
        values = [canonical_json(rule.read(judging)).strip('"') for judging in told.values()]
        if len(set(values)) > 1:
            named = ", ".join(f"{label}: {value}" for label, value in zip(told, values, strict=True))
            yield f"The {rule.name} of {split} differs ({named})."


def _incomplete(models: Sequence[Measured], min_coverage: float) -> Iterator[Notice]:
    short = [
        (model.label, card)
        for model in models
        for card in model.scorecards.values()
        if card.is_incomplete(min_coverage)
    ]
    if short:
        named = ", ".join(f"{label} {numbers.coverage(card.coverage)}% of {card.dimension}" for label, card in short)
        yield Notice(
            "incomplete",
            "Incomplete: verdicts are missing",
            f"Coverage is below {min_coverage:g}%: {named}. Means are over scored answers only; the range from worst "
            "to best case shows what the missing verdicts could change.",
        )


def _partial(models: Sequence[Measured]) -> Iterator[Notice]:
    parts = [text for model in models for text in _missing_samples(model)]
    if parts:
        yield Notice("partial", "Partial: not the whole benchmark", f"{'; '.join(parts)}.")


def _missing_samples(model: Measured) -> Iterator[str]:
    for split, told in model.provenance.items():
        seen = sum(f"{sample.subset}/{sample.setting}" == split for sample in model.table.samples)
        released = _RELEASED.get(split, seen)
        if seen < released:
            yield f"{model.label} has {numbers.count(seen)} of the {numbers.plural(released, 'sample')} of {split}"
        elif told.partial:
            yield f"{model.label} ran on data for {split} that are not the release's"


def _different_samples(models: Sequence[Measured]) -> Iterator[Notice]:
    shared = set.intersection(*(set(model.table.place) for model in models))
    if any(len(model.table.samples) != len(shared) for model in models):
        named = ", ".join(f"{model.label} {numbers.count(len(model.table.samples))}" for model in models)
        yield Notice(
            "different_samples",
            "The runs cover different samples",
            f"{named}; {numbers.plural(len(shared), 'sample')} in all of them. Means are each run's own; "
            "differences use the samples that both runs have.",
        )
