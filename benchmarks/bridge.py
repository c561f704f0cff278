"""How often a difference over a bridge holds the truth, shaped like CROSS: python -m benchmarks.bridge [--quick].

Two models' answers share their difficulty; the old judge scores the baseline, the new one the candidate, and an
anchor of the baseline's answers is scored by both. The truth is the difference that the new judge would see.
Beside it stands what happens when the two judges' verdicts are compared as if they were one's.
Prints a Markdown table; nothing is written.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product

import numpy as np

from benchmarks.simulation import STRONG, Array, Simulation, markdown_table, parse_options, processes, share
from lmms_eval_cross.stats import Bridge, bridged_difference, paired_difference

OLD, NEW = (0.90, 0.92), (0.80, 0.88)
"""Sensitivity and specificity of each judge against people."""
RATE = 0.6
"""The baseline's true rate."""


@dataclass(frozen=True, slots=True)
class Setup:
    """One row."""

    anchor: int
    drop: float
    simulations: int
    seed: int


def measure(setup: Setup) -> list[str]:
    """Simulate one row and write it."""
    simulation = Simulation(setup.seed)
    clusters = simulation.clusters
    truth = -setup.drop * (sum(NEW) - 1)
    rows = []
    for _ in range(setup.simulations):
        shared = simulation.latent(STRONG.shared)
        before, after = (simulation.verdicts(shared, STRONG.own, rate)[0, :, 0] for rate in (RATE, RATE - setup.drop))
        old, seen, new = (
            simulation.judged(answers, judge) for answers, judge in ((before, OLD), (before, NEW), (after, NEW))
        )
        found = bridged_difference(old, new, clusters, bridge(simulation, old, seen, setup.anchor))
        plain = paired_difference(old, new, clusters)
        rows.append([*_told(found, truth), *_told(plain, truth)])
    means = np.array(rows).mean(axis=0)
    names = [f"{setup.anchor}", f"{100 * setup.drop:g}", f"{100 * truth:+.1f}"]
    return [
        *names,
        *(text for i in (0, 3) for text in (share([means[i]]), f"{means[i + 1]:.1f}", f"{means[i + 2]:+.1f}")),
    ]


def bridge(simulation: Simulation, old: Array, new: Array, n: int) -> Bridge:
    """An anchor of n answers, drawn as `anchor build` does, that both judges scored."""
    drawn, probabilities = simulation.draw_anchor([f"{score:g}" for score in old], n)
    return Bridge.of(old[drawn], new[drawn], [simulation.clusters[i] for i in drawn], probabilities)


def _told(found: object, truth: float) -> list[float]:
    """Whether the interval holds the truth, its width and the error of the difference, both in points."""
    low, high, difference = (float(getattr(found, name)) for name in ("low", "high", "difference"))
    return [float(low <= truth <= high), 100 * (high - low), 100 * (difference - truth)]


def main() -> None:
    """Simulate, then print."""
    given = parse_options("Simulate differences over a bridge on the cluster shape of CROSS.", seed=20_270_115)
    rows = product((100, 200, 400), (0.0, 0.05))
    setups = [Setup(n, drop, given.simulations, given.seed + i) for i, (n, drop) in enumerate(rows)]
    with processes(given.workers) as pool:
        told = list(pool.map(measure, setups))
        print(f"{given.simulations:,} simulations per row, seed {given.seed}; widths and errors in points.\n")
        header = "anchor | true drop | as the new judge sees it | bridge covers | width | off by"
        print(markdown_table(f"{header} | no bridge covers | width | off by", told))


if __name__ == "__main__":
    main()
