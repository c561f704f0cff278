"""How far the rounds of a side lie apart: beside a comparison, to look at, and no part of its decision."""

import statistics
from math import isnan

from lmms_eval_cross import numbers
from lmms_eval_cross.benchmark.records import DIMENSIONS
from lmms_eval_cross.compare.rounds import Round, Side


def round_means(side: Side, place: int) -> list[float]:
    """The mean of each round over its scored answers, in percent; without rounds that have none.

    Args:
        side: one or more rounds.
        place: of the dimension in DIMENSIONS.
    """
    means: list[float] = []
    for one in side.rounds:
        scores = _scores(one, place)
        if scores:
            means.append(100 * statistics.mean(scores))
    return means


def _scores(one: Round, place: int) -> list[float]:
    return [scores[place] for scores in one.scores.values() if not isnan(scores[place])]


def spread_sentence(name: str, side: Side) -> str:
    """Each dimension's mean over the rounds and their standard deviation; empty for one round."""
    if len(side.rounds) < 2:
        return ""
    parts: list[str] = []
    for place, dimension in enumerate(DIMENSIONS):
        means = round_means(side, place)
        if len(means) > 1:
            mean, deviation = statistics.mean(means), statistics.stdev(means)
            parts.append(f"{dimension} {numbers.plain(mean)} (sd {numbers.plain(deviation)})")
    return f"Over the {len(side.rounds)} rounds of the {name}: {', '.join(parts)}."
