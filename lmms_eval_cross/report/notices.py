"""What must be said before any number: stand-in judges, missing parts, runs that can't be compared."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from lmms_eval_cross.data.release import FILES
from lmms_eval_cross.errors import listing
from lmms_eval_cross.report import numbers
from lmms_eval_cross.report.measured import Measured, judged_by
from lmms_eval_cross.sample_record import Provenance
from lmms_eval_cross.session import split_of

NoticeKind = Literal["offline", "incomparable", "incomplete", "partial", "different_samples"]
_RELEASED: Final = {file.name: file.records for file in FILES}


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
    return sorted({split for model in models for split in model.provenance})


def _differences(split: str, models: Sequence[Measured]) -> Iterator[str]:
    told = {model.label: model.provenance[split] for model in models if split in model.provenance}
    if len({judged_by(each) for each in told.values()}) < 2:
        return
    for what, values in (
        ("judge", [_judge(each) for each in told.values()]),
        ("rubric", [f"{each.rubric} {numbers.short_hash(each.rubric_sha256)}" for each in told.values()]),
        ("profile", [each.profile for each in told.values()]),
        ("data", [numbers.short_hash(each.data_sha256) for each in told.values()]),
    ):
        if len(set(values)) > 1:
            named = ", ".join(f"{label}: {value}" for label, value in zip(told, values, strict=True))
            yield f"The {what} of {split} differs ({named})."


def _judge(told: Provenance) -> str:
    return f"{told.judge_id} ({told.judge})" if told.judge == "offline" else told.judge_id


def _incomplete(models: Sequence[Measured], min_coverage: float) -> Iterator[Notice]:
    short = [model for model in models if model.coverage < min_coverage]
    if short:
        named = ", ".join(f"{model.label} {numbers.coverage(model.coverage)}%" for model in short)
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
        seen = sum(split_of(sample) == split for sample in model.table.samples)
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
