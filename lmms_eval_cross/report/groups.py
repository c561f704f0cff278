"""Which runs can be compared: those that were judged alike, on the same data."""

from collections.abc import Iterator, Sequence
from typing import Any

from lmms_eval_cross.compare.comparability import RULES, Rule
from lmms_eval_cross.errors import listing
from lmms_eval_cross.report.measured import Measured
from lmms_eval_cross.text import canonical_json


def comparable_groups(models: Sequence[Measured]) -> list[list[Measured]]:
    """The runs in groups within which all can be compared, in their order; the first of each is its baseline."""
    groups: list[list[Measured]] = []
    for model in models:
        for group in groups:
            if not any(differences([model, other]) for other in group):
                group.append(model)
                break
        else:
            groups.append([model])
    return groups


def largest(groups: Sequence[Sequence[Measured]]) -> Sequence[Measured]:
    """The group with the most runs, the first of several."""
    return max(groups, key=len)


def why_apart(group: Sequence[Measured], others: Sequence[Measured]) -> list[str]:
    """In what the first run of a group differs from another group, a sentence each."""
    for other in others:
        reasons = differences([other, group[0]])
        if reasons:
            return reasons
    return []


def differences(models: Sequence[Measured]) -> list[str]:
    """Which rules of `compare` some runs break, a sentence each."""
    reasons: list[str] = []
    for rule in RULES:
        reasons += _broken(rule, models)
    return reasons


def _broken(rule: Rule, models: Sequence[Measured]) -> Iterator[str]:
    """In which splits the runs break a rule, with what each run has in the first of them."""
    splits: list[str] = []
    example = ""
    for split in _all_splits(models):
        by_model = _read(rule, split, models)
        if len(set(by_model.values())) > 1:
            splits.append(split)
            example = example or ", ".join(f"{label}: {value}" for label, value in by_model.items())
    if splits:
        yield f"The {rule.name} differs in {listing(splits)} ({example})."


def _all_splits(models: Sequence[Measured]) -> list[str]:
    splits: set[str] = set()
    for model in models:
        splits.update(model.judging)
    return sorted(splits)


def _read(rule: Rule, split: str, models: Sequence[Measured]) -> dict[str, str]:
    """Run -> what the rule reads of the split, as a text; a run without a verdict names no model that answered."""
    by_model: dict[str, str] = {}
    for model in models:
        value = rule.read(model.judging[split]) if split in model.judging else []
        if value != []:
            by_model[model.label] = _as_text(value)
    return by_model


def _as_text(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(value)
    return canonical_json(value).strip('"')
