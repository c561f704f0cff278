"""Several answers of a model to one sample, as lmms-eval's --repeats makes them: one line has them all."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain
from typing import Any, Final

from lmms_eval_cross.runs.sample_record import mean_score, metric_items

FURTHER: Final = "further_rounds"
"""In the record of a sample's first round: the records of the others."""
_ROUNDS: Final = "rounds"
"""In the item of a metric over several rounds: the items of each."""


def on_one_line(records: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The records of a sample's rounds as one, which readers that know no rounds take for the first."""
    first, *others = records
    if not others:
        return dict(first)
    return {**first, FURTHER: list(others)}


def records_of(record: Any) -> list[Any]:
    """The record of each round that a line has."""
    if not isinstance(record, Mapping) or not isinstance(record.get(FURTHER), list):
        return [record]
    first = {name: value for name, value in record.items() if name != FURTHER}
    return [first, *record[FURTHER]]


def round_of(record: Any) -> int:
    """Which round a record is of; one that does not say is of the first."""
    number = record.get("round", 1) if isinstance(record, Mapping) else 1
    return number if isinstance(number, int) else 1


def items_over_rounds(records: Sequence[Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    """One item a metric: of several rounds `score` is the mean over those that have one, and `rounds` has each."""
    of_rounds = [metric_items(record) for record in records]
    if len(of_rounds) == 1:
        return of_rounds[0]
    return {name: _over_rounds([items[name] for items in of_rounds]) for name in of_rounds[0]}


def _over_rounds(items: list[dict[str, Any]]) -> dict[str, Any]:
    score = mean_score(items)
    if score is None:
        return {**items[0], _ROUNDS: items}
    return {"norm_id": items[0]["norm_id"], "score": score, _ROUNDS: items}


def each_round(items: Iterable[Mapping[str, Any]]) -> Iterator[Mapping[str, Any]]:
    """The items of every round behind a metric's items."""
    return chain.from_iterable(item.get(_ROUNDS, [item]) for item in items)
