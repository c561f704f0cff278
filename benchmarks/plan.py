"""Whether a plan's errors are those that come: python -m benchmarks.plan [--quick].

Two equal models on the cluster shape of CROSS. `planned`: the mean of the errors that `plan` foresees for a design from
two runs of three rounds; `came`: the standard deviation of the difference over the simulations, in points. Prints a
Markdown table; nothing is written.
"""

from __future__ import annotations

from dataclasses import dataclass
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
    markdown_table,
    parse_options,
    processes,
)
from lmms_eval_cross.benchmark.records import DIMENSIONS
from lmms_eval_cross.compare.pairs import PairedScores
from lmms_eval_cross.compare.rounds import SampleFacts
from lmms_eval_cross.planning.shapes import chosen, shape_of
from lmms_eval_cross.planning.variance import RunsShow

RATE, ROUNDS = 0.62, 3
DESIGNS: Final = ((3, True, 1), (3, True, 3), (3, False, 1), (2, True, 1), (1, True, 1), (1, True, 3), (1, False, 1))
"""English wordings, translations, rounds."""


@dataclass(frozen=True, slots=True)
class Setup:
    """The rows of one level of correlation."""

    correlation: Correlation
    simulations: int
    seed: int


def facts(simulation: Simulation) -> tuple[SampleFacts, ...]:
    """Three English wordings and a translation of each item."""
    known = []
    for place, norm in enumerate(simulation.clusters):
        item, number = divmod(place, ENGLISH + 1)
        setting, wording = ("english", number + 1) if number < ENGLISH else ("multilingual", 1)
        known.append(SampleFacts(f"casa/{setting}/{item}/{wording}", str(norm), "c", "l"))
    return tuple(known)


def draw(simulation: Simulation, correlation: Correlation) -> tuple[Array, Array]:
    """Both sides' verdicts, shape (samples, rounds, dimensions); the first dimension's stand for all."""
    shared = simulation.latent(correlation.shared)
    sides = [simulation.verdicts(shared, correlation.own, RATE, ROUNDS)[0] for _ in range(2)]
    before, after = (np.repeat(side[:, :, None], len(DIMENSIONS), axis=2) for side in sides)
    return before, after


def measure(setup: Setup) -> list[list[str]]:
    """Simulate one level of correlation and write its rows."""
    simulation = Simulation(setup.seed, ALL_NORMS)
    known = facts(simulation)
    places = {sample.sample_id: place for place, sample in enumerate(known)}
    parts = [chosen(known, wordings, translated) for wordings, translated, _ in DESIGNS]
    planned: list[list[float]] = []
    came: list[list[float]] = []
    for _ in range(setup.simulations):
        before, after = draw(simulation, setup.correlation)
        components = RunsShow.of_pairs(PairedScores(known, before, after), "awareness", 2).components(RATE, None, 0.0)
        change = (after - before)[:, :, 0]
        errors: list[float] = []
        differences: list[float] = []
        for part, (_, _, rounds) in zip(parts, DESIGNS, strict=True):
            errors.append(components.error(shape_of(part), rounds, 1))
            differences.append(float(change[[places[one.sample_id] for one in part], :rounds].mean()))
        planned.append(errors)
        came.append(differences)
    return _rows(setup, np.mean(planned, axis=0), np.std(came, axis=0))


def _rows(setup: Setup, planned: Array, came: Array) -> list[list[str]]:
    rows = []
    for (wordings, translated, rounds), foreseen, seen in zip(DESIGNS, planned, came, strict=True):
        design = [str(wordings), "yes" if translated else "no", str(rounds)]
        errors = [f"{100 * foreseen:.2f}", f"{100 * seen:.2f}", f"{100 * (foreseen / planned[0] - 1):+.0f}%"]
        rows.append([setup.correlation.name, *design, *errors])
    return rows


def main() -> None:
    """Simulate, then print."""
    given = parse_options("Simulate the errors that a plan foresees.", seed=20_270_305)
    levels = (STRONG, MODERATE, LOW)
    with processes(given.workers) as pool:
        setups = [Setup(level, given.simulations, given.seed + place) for place, level in enumerate(levels)]
        told = [row for rows in pool.map(measure, setups) for row in rows]
        print(f"{given.simulations:,} simulations per level, seed {given.seed}; errors in points.\n")
        print(
            markdown_table("correlation | wordings | translations | rounds | planned | came | against the first", told)
        )


if __name__ == "__main__":
    main()
