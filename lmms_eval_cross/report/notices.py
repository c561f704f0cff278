"""What must be said before any number: stand-in judges, missing parts, runs that can't be compared."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from lmms_eval_cross import numbers
from lmms_eval_cross.benchmark.records import Dimension
from lmms_eval_cross.benchmark.release import FILES
from lmms_eval_cross.errors import listing
from lmms_eval_cross.report.groups import differences, largest, why_apart
from lmms_eval_cross.report.measured import Measured
from lmms_eval_cross.runs.scorecard import Scorecard, task_scorecards

NoticeKind = Literal["offline", "tuned_on_test", "incomparable", "incomplete", "partial", "different_samples"]


@dataclass(frozen=True, slots=True)
class Notice:
    """A banner."""

    kind: NoticeKind
    title: str
    text: str


def find_notices(models: Sequence[Measured], groups: Sequence[Sequence[Measured]], min_coverage: float) -> list[Notice]:
    """All banners, the gravest first; `groups` are the runs that can be compared with each other."""
    return [
        *_offline(models),
        *_tuned_on_test(models),
        *_incomparable(groups),
        *_incomplete(models, min_coverage),
        *_partial(models),
        *_different_samples(models),
    ]


def has_notice(notices: Sequence[Notice], kind: NoticeKind) -> bool:
    """Whether one of the banners is of that kind."""
    return any(notice.kind == kind for notice in notices)


def _offline(models: Sequence[Measured]) -> Iterator[Notice]:
    labels = [model.label for model in models if model.is_offline]
    if labels:
        yield Notice(
            "offline",
            "Offline judge: not a measurement",
            f"{listing(labels)}: a few word rules stood in for the judge. These numbers show how the report looks, "
            "and say nothing about any model.",
        )


def _tuned_on_test(models: Sequence[Measured]) -> Iterator[Notice]:
    doubts = [f"{model.label} ({'; '.join(model.doubtful_tunings)})" for model in models if model.doubtful_tunings]
    if doubts:
        yield Notice(
            "tuned_on_test",
            "Tuned on data that may hold the benchmark",
            f"{listing(doubts)}: a model that has seen the test is not measured by it.",
        )


def _incomparable(groups: Sequence[Sequence[Measured]]) -> Iterator[Notice]:
    if len(groups) < 2:
        return
    if len(largest(groups)) == 1:
        reasons = " ".join(differences([group[0] for group in groups]))
        yield Notice(
            "incomparable",
            "These runs can't be compared",
            f"{reasons} Each run's numbers stand for themselves; no differences are drawn.",
        )
        return
    yield Notice(
        "incomparable",
        "Not all of these runs can be compared",
        f"{' '.join(_standing_apart(groups))} Differences are drawn within each group alone.",
    )


def _standing_apart(groups: Sequence[Sequence[Measured]]) -> Iterator[str]:
    """Which runs can't be compared with those of the largest group, and why, a sentence a group."""
    main = largest(groups)
    for group in groups:
        if group is not main:
            labels = [model.label for model in group]
            verb = "stands" if len(labels) == 1 else "stand"
            yield f"{listing(labels)} {verb} apart. {' '.join(why_apart(group, main))}"


def _incomplete(models: Sequence[Measured], min_coverage: float) -> Iterator[Notice]:
    gaps: list[str] = []
    for model in models:
        for task, cards in task_scorecards(model.answers).items():
            gaps += [f"{model.label} {gap}" for gap in _gaps_of(task, cards, min_coverage)]
    if gaps:
        yield Notice(
            "incomplete",
            "Incomplete: verdicts are missing",
            f"Coverage is below {numbers.short(min_coverage)}%: {', '.join(gaps)}. Means are over scored answers only; "
            "the range from worst to best case shows what the missing verdicts could change.",
        )


def _gaps_of(task: str, cards: Mapping[Dimension, Scorecard], min_coverage: float) -> Iterator[str]:
    for card in cards.values():
        if card.is_incomplete(min_coverage):
            yield f"{numbers.coverage(card.coverage)}% of {task}'s {card.dimension}"


def _partial(models: Sequence[Measured]) -> Iterator[Notice]:
    parts: list[str] = []
    for file in FILES:
        parts += _missing_samples(f"{file.subset}/{file.setting}", file.records, models)
    if parts:
        yield Notice("partial", "Partial: not the whole benchmark", f"{'; '.join(parts)}.")


def _missing_samples(split: str, records: int, models: Sequence[Measured]) -> Iterator[str]:
    """What runs lack of a split that has `records` samples in the release; only those that lack some are named."""
    partial: dict[str, int] = {}
    complete = altered = False
    for model in models:
        if split in model.judging:
            altered |= model.judging[split].provenance.partial
            if model.split_sizes[split] < records:
                partial[model.label] = model.split_sizes[split]
            else:
                complete = True
    whole = f"of the {numbers.plural(records, 'sample')} of {split}"
    if partial and not complete and len(set(partial.values())) == 1:
        yield f"{numbers.count(min(partial.values()))} {whole}"
    elif partial:
        yield f"{_counted(partial)} {whole}"
    elif altered:
        yield f"the data for {split} are not the release's"


def _different_samples(models: Sequence[Measured]) -> Iterator[Notice]:
    sizes: dict[str, int] = {}
    shared = set(models[0].table.place)
    for model in models:
        sizes[model.label] = len(model.table.samples)
        shared.intersection_update(model.table.place)
    if set(sizes.values()) != {len(shared)}:
        yield Notice(
            "different_samples",
            "The runs cover different samples",
            f"{_counted(sizes)}; {numbers.plural(len(shared), 'sample')} in all of them. Means are each run's own; "
            "differences use the samples that both runs have.",
        )


def _counted(sizes: Mapping[str, int]) -> str:
    return ", ".join(f"{label} {numbers.count(size)}" for label, size in sizes.items())
