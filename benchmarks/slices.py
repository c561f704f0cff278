"""How often a country's collapse is seen, and one that is none: python -m benchmarks.slices [--quick].

Sixteen countries of 7 to 13 norms, fourteen languages, and four metrics at 5 points that share half of their latent
variance. In some rows one country's rate falls on all metrics, or on one. `as it was`: any slice below 5% by Holm per
metric over all facets, which named slices and never decided. Prints a Markdown table; nothing is written.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from benchmarks.simulation import (
    ALL_NORMS,
    ENGLISH,
    LOW,
    MODERATE,
    STRONG,
    Array,
    Correlation,
    Simulation,
    effects_of_metrics,
    parse_options,
    print_rows,
    share,
)
from lmms_eval_cross.benchmark.records import DIMENSIONS
from lmms_eval_cross.compare.pairs import PairedScores
from lmms_eval_cross.compare.rounds import SampleFacts
from lmms_eval_cross.compare.worst_slices import SHARE, Slice, find_slices
from lmms_eval_cross.stats import combine_decisions, decide_each, holm, inferiority, paired_difference

NORMS_OF_COUNTRIES: Final = (7, 8, 9, 9, 10, 10, 10, 11, 11, 11, 11, 12, 12, 12, 13, 13)
LANGUAGES: Final = ("Arabic",) * 3 + ("Spanish",) * 2 + tuple(f"language {place}" for place in range(5, 16))
"""Of each country's multilingual samples."""
FALLEN: Final = 9
"""The country that falls; it has 11 norms."""
ALPHA, MARGIN = 0.05, 5.0


@dataclass(frozen=True, slots=True)
class Setup:
    """One row."""

    label: str
    correlation: Correlation
    simulations: int
    seed: int
    rate: float = 0.62
    fallen_rate: float = 0.62
    """In the country that falls."""
    fallen_metrics: int = 4


def facts(simulation: Simulation) -> tuple[SampleFacts, ...]:
    """A country for every norm, drawn with the simulation's seed; the fourth sample of an item is multilingual."""
    country_of = simulation.generator.permutation(np.repeat(np.arange(16), NORMS_OF_COUNTRIES))
    known = []
    for place, norm in enumerate(simulation.clusters):
        country, wording = int(country_of[norm]), place % (ENGLISH + 1) + 1
        setting, language = ("english", "English") if wording <= ENGLISH else ("multilingual", LANGUAGES[country])
        sample_id = f"casa/{setting}/{place // (ENGLISH + 1)}/{min(wording, ENGLISH)}"
        known.append(SampleFacts(sample_id, str(norm), f"country {country}", language))
    return tuple(known)


def draw(simulation: Simulation, setup: Setup, falls: Array) -> tuple[Array, Array]:
    """Both sides' verdicts, shape (samples, 1, metrics); `falls` marks the samples of the country that falls."""
    sides: list[list[Array]] = [[], []]
    metrics = effects_of_metrics(simulation, setup.correlation, len(DIMENSIONS))
    for metric, (difficulty, *models) in enumerate(metrics):
        rates = np.full(len(falls), setup.rate)
        for side, effects in zip(sides, models, strict=True):
            side.append(simulation.answered(difficulty + effects, setup.correlation.own[3], rates))
            rates = np.where((falls == 1) & (metric < setup.fallen_metrics), setup.fallen_rate, setup.rate)
    before, after = (np.stack(side, axis=-1)[:, None, :] for side in sides)
    return before, after


def measure(setup: Setup) -> list[str]:
    """Simulate one row and write it."""
    simulation = Simulation(setup.seed, ALL_NORMS)
    rows = []
    for _ in range(setup.simulations):
        known = facts(simulation)
        falls = np.array([each.country == f"country {FALLEN}" for each in known], dtype=np.float64)
        rows.append(_told(PairedScores(known, *draw(simulation, setup, falls))))
    told = np.array(rows, dtype=np.float64).T
    head = [setup.label, setup.correlation.name]
    return [*head, *(share(each) for each in told)]


def _told(pairs: PairedScores) -> list[bool]:
    """Not worse and worse as a whole, a slice named as it was and as it is, worse with `--slices fail`."""
    clusters = pairs.clusters
    whole = {name: paired_difference(*pairs.means(name), clusters, ALPHA, skew_safe=True) for name in DIMENSIONS}
    margins = dict.fromkeys(DIMENSIONS, MARGIN / 100)
    alone = combine_decisions(decide_each(whole, margins).values())
    beside = combine_decisions(decide_each(whole, margins, (1 - SHARE) * ALPHA).values())
    slices = find_slices(pairs, ALPHA, dict.fromkeys(DIMENSIONS, MARGIN))
    named = any(part.is_worse for part in slices)
    return [alone == "not worse", alone == "worse", _as_it_was(slices), named, named or beside == "worse"]


def _as_it_was(slices: list[Slice]) -> bool:
    for dimension in DIMENSIONS:
        tested = [inferiority(part.difference).p_value for part in slices if part.dimension == dimension]
        if min(holm([p_value for p_value in tested if p_value is not None])) < ALPHA:
            return True
    return False


def setups(simulations: int, seed: int) -> list[Setup]:
    """The rows."""
    rows = []
    for correlation in (STRONG, MODERATE):
        same = Setup("equal models", correlation, simulations, 0)
        all_four = replace(same, label="62% to 10% in 11 norms, all metrics", fallen_rate=0.10)
        one = replace(all_four, label="62% to 10% in 11 norms, one metric", fallen_metrics=1)
        half = replace(same, label="62% to 31% in 11 norms, all metrics", fallen_rate=0.31)
        rows += [same, all_four, one, half]
    rows.append(Setup("equal models", LOW, simulations, 0))
    return [replace(row, seed=seed + place) for place, row in enumerate(rows)]


def main() -> None:
    """Simulate, then print."""
    given = parse_options("Simulate the gate's slices on the cluster shape of CROSS.", 20_270_301, 1_000)
    header = "what happens | correlation | whole not worse | whole worse | a slice named, as it was"
    header += " | a slice named | worse with --slices fail"
    print_rows(given, measure, setups(given.simulations, given.seed), header)


if __name__ == "__main__":
    main()
