"""Many checkpoints: a baseline that moves, and ranks in a report: python -m benchmarks.checkpoints [--quick].

Creep: eleven checkpoints, each a point worse than the one before, each compared with the first one, or with the one
before it, on one metric at 5 points. Ranks: eight runs, equal or a point or two apart, and whether all true ranks lie
in their sets. Prints Markdown tables; nothing is written.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import combinations

import numpy as np

from benchmarks.simulation import (
    ALL_NORMS,
    MODERATE,
    STRONG,
    Array,
    Correlation,
    Simulation,
    markdown_table,
    parse_options,
    processes,
    share,
)
from lmms_eval_cross.stats import gate_decision, inferiority, paired_difference, rank_sets, superiority

ALPHA, MARGIN, RATE = 0.05, 0.05, 0.62
STEPS, RUNS = 10, 8


@dataclass(frozen=True, slots=True)
class Setup:
    """One row."""

    correlation: Correlation
    simulations: int
    seed: int
    step: float
    """By which each further run is worse."""


def draw(simulation: Simulation, setup: Setup, count: int) -> list[Array]:
    """Verdicts of runs, shape (samples,) each; their difficulty is shared, the rest each run's own."""
    shared = simulation.latent(setup.correlation.shared)
    rates = [RATE - setup.step * place for place in range(count)]
    return [simulation.verdicts(shared, setup.correlation.own, rate)[0, :, 0] for rate in rates]


def creep(setup: Setup) -> list[str]:
    """How often nothing is flagged, and when something first is."""
    simulation = Simulation(setup.seed, ALL_NORMS)
    flags: list[list[float]] = []
    for _ in range(setup.simulations):
        runs = draw(simulation, setup, STEPS + 1)
        flags.append([_first_flag(runs, simulation.clusters, moves) for moves in (False, True)])
    fixed, moving = np.array(flags).T
    cells = []
    for first in (fixed, moving):
        seen = first[first <= STEPS]
        cells += [share(first > STEPS), f"{np.median(seen):.0f}" if len(seen) else "-"]
    return [setup.correlation.name, f"{100 * setup.step:g}", *cells]


def _first_flag(runs: list[Array], clusters: list[int], moves: bool) -> int:
    """The step at which a checkpoint is called worse; STEPS + 1 if none is."""
    baseline = runs[0]
    for step, run in enumerate(runs[1:], start=1):
        difference = paired_difference(baseline, run, clusters, ALPHA, skew_safe=True)
        if gate_decision(difference.lower_bound, difference.upper_bound, MARGIN) == "worse":
            return step
        if moves:
            baseline = run
    return STEPS + 1


def ranks(setup: Setup) -> list[str]:
    """How often all true ranks lie in their sets, and how many runs may be the best."""
    simulation = Simulation(setup.seed, ALL_NORMS)
    rows: list[list[float]] = []
    for _ in range(setup.simulations):
        sets = rank_sets(_below(draw(simulation, setup, RUNS), simulation.clusters), ALPHA)
        within = all(best <= place + 1 <= worst for place, (best, worst) in enumerate(sets))
        if setup.step == 0:
            within = sets == [(1, RUNS)] * RUNS
        rows.append([within, sum(best == 1 for best, _ in sets)])
    covered, best = np.array(rows, dtype=np.float64).T
    return [setup.correlation.name, f"{100 * setup.step:g}", share(covered), f"{best.mean():.1f}"]


def _below(runs: list[Array], clusters: list[int]) -> Array:
    table = np.ones((RUNS, RUNS))
    for one, other in combinations(range(RUNS), 2):
        difference = paired_difference(runs[other], runs[one], clusters, ALPHA)
        table[one, other] = inferiority(difference).p_value or 0.0
        table[other, one] = superiority(difference).p_value or 0.0
    return table


def main() -> None:
    """Simulate, then print."""
    given = parse_options("Simulate many checkpoints on the cluster shape of CROSS.", seed=20_270_307)
    rows = [Setup(level, given.simulations, given.seed, 0.01) for level in (STRONG, MODERATE)]
    boards = [replace(row, step=step) for row in rows for step in (0.0, 0.01, 0.02)]
    with processes(given.workers) as pool:
        print(f"{given.simulations:,} simulations per row, seed {given.seed}.\n")
        header = (
            "correlation | points a step | fixed: never flagged | median step | moving: never flagged | median step"
        )
        print(markdown_table(header, pool.map(creep, rows)))
        print()
        header = "correlation | points apart | all ranks in their sets | runs that may be the best, of 8"
        print(markdown_table(header, pool.map(ranks, boards)))


if __name__ == "__main__":
    main()
