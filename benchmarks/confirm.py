"""How often asking the judge again confirms a false decision: python -m benchmarks.confirm [--quick].

A judge who is asked again flips some verdicts. A false pass is a `not worse` at a true drop of the margin, a false
alarm a `worse` between equal models. `where they differ` asks again, as `--confirm` did, only where the sides' scores
differ; `all` asks for every verdict. One metric at 5 points, one repeat. Prints a Markdown table; nothing is written.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from benchmarks.simulation import Array, Simulation, parse_options, print_rows, share
from lmms_eval_cross.stats import Decision, gate_decision, paired_difference

MARGIN = 0.05
RATE = 0.6
SHARED: Final = (0.20, 0.20, 0.15)
"""Shares of the latent variance that both models have in common: norm, item, sample."""
OWN: Final = (0.15, 0.15, 0.11)
JUDGE: Final = 0.04
"""Drawn anew whenever the judge is asked."""


@dataclass(frozen=True, slots=True)
class Setup:
    """One row."""

    drop: float
    false: Decision
    """The decision that would be wrong."""
    simulations: int
    seed: int


def measure(setup: Setup) -> list[str]:
    """Simulate one row and write it."""
    simulation = Simulation(setup.seed)
    flips, false, confirmed = [], 0, np.zeros(2)
    for _ in range(setup.simulations):
        shared = simulation.latent(SHARED)[0]
        rates = (RATE, RATE - setup.drop)
        effects = [shared + simulation.latent(OWN)[0] for _ in rates]
        first, again = (_asked(simulation, effects, rates) for _ in range(2))
        flips.append(float(np.mean(first[0] != again[0])))
        if _decide(simulation, first) != setup.false:
            continue
        false += 1
        differ = first[0] != first[1]
        partly = [np.where(differ, later, before) for before, later in zip(first, again, strict=True)]
        confirmed += [_decide(simulation, asked) == setup.false for asked in (partly, again)]
    told = [f"{100 * count / max(1, false):.0f}%" for count in confirmed]
    return [f"{100 * setup.drop:g}", setup.false, share([*np.array(flips)]), f"{false:,}", *told]


def _asked(simulation: Simulation, effects: list[Array], rates: tuple[float, float]) -> list[Array]:
    """What the judge says of both sides, asked once."""
    samples = len(effects[0])
    sides = zip(effects, rates, strict=True)
    return [simulation.answered(effect, JUDGE, np.full(samples, rate)) for effect, rate in sides]


def _decide(simulation: Simulation, sides: list[Array]) -> Decision:
    found = paired_difference(*sides, simulation.clusters)
    return gate_decision(found.lower_bound, found.upper_bound, MARGIN)


def main() -> None:
    """Simulate, then print."""
    given = parse_options("Simulate asking the judge again.", seed=20_270_302)
    setups = [Setup(MARGIN, "not worse", given.simulations, given.seed)]
    setups.append(Setup(0.0, "worse", given.simulations, given.seed + 1))
    header = "true drop | false decision | verdicts that flip | false decisions"
    print_rows(given, measure, setups, f"{header} | confirmed, asking where they differ | confirmed, asking all")


if __name__ == "__main__":
    main()
