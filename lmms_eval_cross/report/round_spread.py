"""Rounds of a model as one: a sample's score is its mean over rounds, and how far the rounds lie apart is told."""

import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from lmms_eval_cross.benchmark.records import DIMENSIONS
from lmms_eval_cross.report.scores import MEASURES, Measure, ScoreTable, with_mean
from lmms_eval_cross.stats import average_rounds


@dataclass(frozen=True, slots=True)
class RoundSpread:
    """One measure over the rounds of a model, in percent."""

    measure: Measure
    means: tuple[float | None, ...]
    """Of each round over its own scored answers, in the order of the rounds; None where nothing has a score."""
    mean: float | None
    """Of the rounds' means; None unless every round has one."""
    deviation: float | None
    """The standard deviation of the rounds' means, with n - 1; the spread of runs, no error of the mean."""


def table_over_rounds(tables: Sequence[ScoreTable]) -> ScoreTable:
    """The mean of each sample over the rounds in which it has a score, in the order of the first round.

    Args:
        tables: one a round; a sample that a round lacks has no score there, and one that the first lacks is left out.
    """
    first, *others = tables
    if not others:
        return first
    rounds: dict[Measure, NDArray[np.float64]] = {}
    for measure in MEASURES:
        rounds[measure] = _side_by_side(tables, [table.columns[measure] for table in tables])
    agreeing: dict[Measure, NDArray[np.float64]] = {}
    for dimension in DIMENSIONS if first.agreeing else ():
        agreeing[dimension] = average_rounds(_side_by_side(tables, [table.agreeing[dimension] for table in tables]))
    columns = {measure: average_rounds(scores) for measure, scores in rounds.items()}
    return ScoreTable(first.samples, columns, with_mean(agreeing) if agreeing else {}, rounds)


def _side_by_side(tables: Sequence[ScoreTable], columns: Sequence[NDArray[np.float64]]) -> NDArray[np.float64]:
    """A column of each round, shape (samples, rounds), in the order of the first round's samples."""
    return np.transpose(list(map(partial(_aligned, tables[0]), tables, columns)))


def _aligned(first: ScoreTable, table: ScoreTable, column: NDArray[np.float64]) -> list[float]:
    """A round's values in the order of the first round's samples."""
    values: list[float] = []
    for sample in first.samples:
        row = table.place.get(sample.sample_id)
        values.append(float("nan") if row is None else float(column[row]))
    return values


def spread_of(tables: Sequence[ScoreTable]) -> list[RoundSpread]:
    """Every measure's spread over the rounds; empty for one round."""
    if len(tables) < 2:
        return []
    scores = [table.scores() for table in tables]
    return [_spread(measure, [of_round[measure].mean for of_round in scores]) for measure in MEASURES]


def _spread(measure: Measure, means: Sequence[float | None]) -> RoundSpread:
    known = [mean for mean in means if mean is not None]
    if len(known) < len(means):
        return RoundSpread(measure, tuple(means), None, None)
    return RoundSpread(measure, tuple(means), statistics.mean(known), statistics.stdev(known))
