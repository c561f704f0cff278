"""How often a difference over a bridge holds the truth, shaped like CROSS: python -m benchmarks.bridge [--quick].

Two models' answers share their difficulty; the old judge scores the baseline, the new one the candidate, and an
anchor of the baseline's answers is scored by both. The truth is the difference that the new judge would see.
Beside it stands what happens when the two judges' verdicts are compared as if they were one's.
Then: what the gate decides over a bridge, and where the new judge scored the whole baseline again; and how far off a
bridge over another model's answers is, which `compare` refuses. Prints Markdown tables; nothing is written.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product

import numpy as np

from benchmarks.simulation import STRONG, Array, Simulation, markdown_table, parse_options, processes, share
from lmms_eval_cross.stats import Bridge, Decision, bridged_difference, gate_decision, paired_difference

OLD, NEW = (0.90, 0.92), (0.80, 0.88)
"""Sensitivity and specificity of each judge against people."""
RATE = 0.6
"""The baseline's true rate."""
FOREIGN_BASELINE, FOREIGN_RATE = 0.72, 0.30
"""True rates of a baseline and of the model whose answers are in an anchor that is not its own."""
MARGIN = 0.05


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


def decided(setup: Setup) -> list[str]:
    """What the gate decides on one metric, over a bridge and on one scale."""
    simulation = Simulation(setup.seed)
    made: list[list[Decision]] = []
    for _ in range(setup.simulations):
        before, after = _answers(simulation, RATE, RATE - setup.drop)
        old, seen = simulation.judged(before, OLD), simulation.judged(before, NEW)
        new = simulation.judged(after, NEW)
        over = bridged_difference(old, new, simulation.clusters, bridge(simulation, old, seen, setup.anchor))
        again = paired_difference(seen, new, simulation.clusters, skew_safe=True)
        made.append([gate_decision(found.lower_bound, found.upper_bound, MARGIN) for found in (over, again)])
    told = [f"{100 * setup.drop:g}"]
    for decisions in zip(*made, strict=True):
        told += [share([each == decision for each in decisions]) for decision in ("not worse", "worse", "inconclusive")]
    return told


def foreign(setup: Setup) -> list[str]:
    """How far off a bridge over the baseline's own answers is, and one over another model's; what passes."""
    simulation = Simulation(setup.seed)
    rows = []
    for _ in range(setup.simulations):
        before, after = _answers(simulation, FOREIGN_BASELINE, FOREIGN_BASELINE - setup.drop)
        weak, _ = _answers(simulation, FOREIGN_RATE, FOREIGN_RATE)
        old, new = simulation.judged(before, OLD), simulation.judged(after, NEW)
        row = []
        for answers, first in ((before, old), (weak, simulation.judged(weak, OLD))):
            anchor = bridge(simulation, first, simulation.judged(answers, NEW), setup.anchor)
            found = bridged_difference(old, new, simulation.clusters, anchor)
            passed = gate_decision(found.lower_bound, found.upper_bound, MARGIN) == "not worse"
            row += [100 * (found.difference + setup.drop * (sum(NEW) - 1)), 100.0 * passed]
        rows.append(row)
    own, passed, other, other_passed = np.array(rows).mean(axis=0)
    return [f"{100 * setup.drop:g}", f"{own:+.1f}", f"{passed:.1f}%", f"{other:+.1f}", f"{other_passed:.1f}%"]


def _answers(simulation: Simulation, *rates: float) -> list[Array]:
    """What people would say of the answers of models that share their difficulty."""
    shared = simulation.latent(STRONG.shared)
    return [simulation.verdicts(shared, STRONG.own, rate)[0, :, 0] for rate in rates]


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
        falls = [Setup(400, drop, given.simulations, given.seed + 10) for drop in (0.0, 0.05, 0.10)]
        print("\n### What the gate decides at a margin of 5 points, anchor of 400\n")
        header = "true drop | bridge: not worse | worse | no verdict"
        print(markdown_table(f"{header} | judged again: not worse | worse | no verdict", pool.map(decided, falls)))
        print("\n### An anchor of the baseline's answers (right in 72%), and of a model that is right in 30%\n")
        header = "true drop | own: off by | own: not worse"
        foreigners = [Setup(400, drop, given.simulations, given.seed + 20) for drop in (0.0, 0.08)]
        print(markdown_table(f"{header} | other: off by | other: not worse", pool.map(foreign, foreigners)))


if __name__ == "__main__":
    main()
