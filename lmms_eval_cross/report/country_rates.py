"""Compliance by country, drawn toward all countries: of a country with ten norms the raw rate is half chance."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from lmms_eval_cross import numbers
from lmms_eval_cross.report.scores import ScoreTable
from lmms_eval_cross.stats import shrink_groups


@dataclass(frozen=True, slots=True)
class CountryRate:
    """Compliance of one country, in percent."""

    country: str
    raw: float
    shrunk: float
    """Drawn toward all countries, the more the fewer norms it has and the less the countries differ."""
    low: float
    """Of the two-sided 95% interval of the shrunk rate."""
    high: float
    n: int
    norms: int
    lowest: float
    """The chance that no country's rate is lower."""


def country_rates(table: ScoreTable) -> list[CountryRate]:
    """The rates of a run's countries, the lowest shrunk one first; none with fewer than three countries."""
    scores = table.columns["compliance"]
    scored = np.flatnonzero(~np.isnan(scores)).tolist()
    if not scored:
        return []
    countries = [table.samples[row].country for row in scored]
    norms = [table.samples[row].norm_id for row in scored]
    rates: list[CountryRate] = []
    for country, one in shrink_groups(scores[scored], countries, norms).items():
        raw, shrunk, low, high, lowest = (100 * share for share in (one.raw, one.mean, one.low, one.high, one.worst))
        rates.append(CountryRate(country, raw, shrunk, low, high, one.n, one.clusters, lowest))
    return sorted(rates, key=lambda rate: (rate.shrunk, rate.country))


def order_sentence(run: str, rates: Sequence[CountryRate]) -> str:
    """How sure the order of a run's countries is."""
    first = rates[0]
    rate = f"{numbers.percent(first.shrunk)} (raw {numbers.percent(first.raw)})"
    return f"{run}: lowest in {first.country}, {rate}, truly so with a chance of {round(first.lowest)}%."
