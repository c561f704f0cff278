"""What must be said before any number: stand-in judges, missing parts, runs that can't be compared."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from lmms_eval_cross.benchmark.release import FILES
from lmms_eval_cross.compare.comparability import RULES, Rule
from lmms_eval_cross.errors import listing
from lmms_eval_cross.report import numbers
from lmms_eval_cross.report.measured import Measured
from lmms_eval_cross.text import canonical_json

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
    reasons = [reason for rule in RULES for reason in _differing(rule, models)]
    if reasons:
        yield Notice(
            "incomparable",
            "These runs can't be compared",
            f"{' '.join(reasons)} Each run's numbers stand for themselves; no differences are drawn.",
        )


def _differing(rule: Rule, models: Sequence[Measured]) -> Iterator[str]:
    """Where the runs break a rule of `compare`, with what each run has in the first such split."""
    splits = sorted({split for model in models for split in model.judging})
    told = {split: _told(rule, split, models) for split in splits}
    broken = [split for split, values in told.items() if len(set(values.values())) > 1]
    if broken:
        named = ", ".join(f"{label}: {value}" for label, value in told[broken[0]].items())
        yield f"The {rule.name} differs in {listing(broken)} ({named})."


def _told(rule: Rule, split: str, models: Sequence[Measured]) -> dict[str, str]:
    values = {model.label: rule.read(model.judging[split]) for model in models if split in model.judging}
    return {
        label: ", ".join(value) if isinstance(value, list) else canonical_json(value).strip('"')
        for label, value in values.items()
    }


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
    parts = [text for split, records in _RELEASED.items() for text in _missing_samples(split, records, models)]
    if parts:
        yield Notice("partial", "Partial: not the whole benchmark", f"{'; '.join(parts)}.")


def _missing_samples(split: str, records: int, models: Sequence[Measured]) -> Iterator[str]:
    ran = [model for model in models if split in model.judging]
    seen = {model.label: sum(f"{each.subset}/{each.setting}" == split for each in model.table.samples) for model in ran}
    whole = f"of the {numbers.plural(records, 'sample')} of {split}"
    if len(set(seen.values())) == 1 and min(seen.values()) < records:
        yield f"{numbers.count(min(seen.values()))} {whole}"
    elif seen and min(seen.values()) < records:
        yield f"{', '.join(f'{label} {numbers.count(n)}' for label, n in seen.items())} {whole}"
    elif any(model.judging[split].provenance.partial for model in ran):
        yield f"the data for {split} are not the release's"


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
