"""How often the gate passes a candidate that learnt to please the judge: python -m benchmarks.labelled_gate [--quick].

The judge's specificity falls from 0.9 on the baseline to 0.8 on the candidate, or stays. By the judge's rates the gate
sees the two judges' errors; by labels of both sides it decides on the corrected difference. Labels are drawn at random,
of the same samples on both sides or of others. One metric at 5 points. Prints a Markdown table; nothing is written.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from benchmarks.simulation import STRONG, Array, Simulation, parse_options, print_rows, share
from lmms_eval_cross.stats import Decision, JudgedRun, Labelled, gate_decision, paired_difference, ppi_difference
from lmms_eval_cross.stats.labelled import LabelledRun

RATE, MARGIN, SENSITIVITY, SPECIFICITY = 0.6, 0.05, 0.85, 0.90
HEADER: Final = "true drop | specificity | labels a side | drawn | judge: not worse | worse | labels: not worse | worse"


@dataclass(frozen=True, slots=True)
class Setup:
    """One row."""

    drop: float
    specificity: float
    """Of the judge on the candidate."""
    labels: int
    paired: bool
    """The same samples are labelled on both sides."""
    simulations: int
    seed: int


def measure(setup: Setup) -> list[str]:
    """Simulate one row and write it."""
    simulation = Simulation(setup.seed)
    by_judge: list[Decision] = []
    by_labels: list[Decision] = []
    for _ in range(setup.simulations):
        shared = simulation.latent(STRONG.shared)
        truths = [simulation.verdicts(shared, STRONG.own, rate)[0, :, 0] for rate in (RATE, RATE - setup.drop)]
        judges = (SENSITIVITY, SPECIFICITY), (SENSITIVITY, setup.specificity)
        scores = [simulation.judged(truth, judge) for truth, judge in zip(truths, judges, strict=True)]
        seen = paired_difference(*scores, simulation.clusters, skew_safe=True)
        found = ppi_difference(*_sides(simulation, setup, truths, scores))
        by_judge.append(gate_decision(seen.lower_bound, seen.upper_bound, MARGIN))
        by_labels.append(gate_decision(found.lower_bound, found.upper_bound, MARGIN))
    cells = [
        f"{100 * setup.drop:g}",
        f"{setup.specificity:g}",
        f"{setup.labels}",
        "paired" if setup.paired else "apart",
    ]
    for made in (by_judge, by_labels):
        cells += [share([each == decision for each in made]) for decision in ("not worse", "worse")]
    return cells


def _sides(simulation: Simulation, setup: Setup, truths: list[Array], scores: list[Array]) -> list[JudgedRun]:
    """Both runs with labels of some of their answers."""
    norms = [str(norm) for norm in simulation.clusters]
    sides: list[JudgedRun] = []
    chosen = simulation.generator.choice(len(norms), setup.labels, replace=False)
    for truth, judged in zip(truths, scores, strict=True):
        if not setup.paired:
            chosen = simulation.generator.choice(len(norms), setup.labels, replace=False)
        labelled = Labelled.of(truth[chosen], judged[chosen], [norms[place] for place in chosen])
        sides.append(JudgedRun(LabelledRun.of(judged, norms, labelled), norms))
    return sides


def main() -> None:
    """Simulate, then print."""
    given = parse_options("Simulate the gate with labels of both sides.", seed=20_270_303)
    rows = ((0.05, 0.8, 400, False), (0.05, 0.8, 400, True), (0.0, 0.9, 400, True), (0.10, 0.8, 400, True))
    setups = [Setup(*row, given.simulations, given.seed + place) for place, row in enumerate(rows)]
    print_rows(given, measure, setups, HEADER)


if __name__ == "__main__":
    main()
