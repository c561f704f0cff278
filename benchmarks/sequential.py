"""What a sequential gate saves and costs: python -m benchmarks.sequential [--quick].

Four metrics at 5 points that share half of their latent variance, on the cluster shape of CROSS; norms come in one of
25 random orders, four looks. `fixed`: the same verdicts decided once, when all are judged, as `compare` does. A
falling metric falls alone unless all do. Prints a Markdown table; nothing is written.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from math import ceil
from typing import Final

import numpy as np

from benchmarks.simulation import (
    ALL_NORMS,
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
from lmms_eval_cross.compare.look_plan import ASSUMED_CORRELATION, LOOKS
from lmms_eval_cross.compare.looks import LookLevels, look_at, plan_levels
from lmms_eval_cross.compare.pairs import PairedScores
from lmms_eval_cross.compare.rounds import SampleFacts
from lmms_eval_cross.stats import (
    Decision,
    bounds_with_failures,
    combine_decisions,
    decide_with_failures,
    information_fractions,
)

ALPHA, MARGIN = 0.05, 0.05
ORDERS: Final = 25
"""Random orders of the norms, by which a row's simulations take turns: planning an order's levels takes as long as the
rest of a simulation."""


@dataclass(frozen=True, slots=True)
class Setup:
    """One row."""

    label: str
    correlation: Correlation
    simulations: int
    seed: int
    drop: float = 0.0
    falling: int = 4
    """Metrics that fall."""
    rate: float = 0.62
    concentrated: float = 0.0
    """Share of the norms in which the fall sits, down to a rate of 0; 0: in all alike."""
    failing: float = 0.0
    """Share of the verdicts that fail."""
    rounds: int = 1
    metrics: int = 4


@dataclass(frozen=True, slots=True)
class Order:
    """Norms in the order in which they are judged, and what each look has and may spend."""

    norms: list[str]
    counts: list[int]
    levels: list[LookLevels]

    @classmethod
    def draw(cls, simulation: Simulation, metrics: int) -> Order:
        """A random one."""
        sizes = Counter(map(str, simulation.clusters))
        norms = simulation.generator.permutation(sorted(sizes)).tolist()
        counts = [ceil(len(norms) * look / LOOKS) for look in range(1, LOOKS + 1)]
        fractions = information_fractions([sizes[norm] for norm in norms], counts, ASSUMED_CORRELATION)
        return cls(norms, counts, plan_levels(ALPHA, ALPHA / metrics, fractions))


def draw(simulation: Simulation, setup: Setup) -> tuple[Array, Array]:
    """Both sides' verdicts, shape (samples, rounds, metrics), NaN for those that failed."""
    sides: list[list[Array]] = [[], []]
    metrics = effects_of_metrics(simulation, setup.correlation, len(DIMENSIONS))
    for metric, (difficulty, *models) in enumerate(metrics):
        rates = np.full(len(difficulty), setup.rate)
        for side, effects in zip(sides, models, strict=True):
            effects_of_side = difficulty + effects
            noise = setup.correlation.own[3]
            rounds = [simulation.answered(effects_of_side, noise, rates) for _ in range(setup.rounds)]
            side.append(_failed(simulation, np.stack(rounds, axis=-1), setup.failing))
            if metric < setup.falling:
                rates = _fallen(simulation, setup)
    before, after = (np.stack(side, axis=-1) for side in sides)
    return before, after


def _failed(simulation: Simulation, verdicts: Array, share_failing: float) -> Array:
    return np.where(simulation.generator.random(verdicts.shape) < share_failing, np.nan, verdicts)


def _fallen(simulation: Simulation, setup: Setup) -> Array:
    """Each sample's true rate after the fall; its mean over samples is the rate less the drop."""
    norms = np.array(simulation.clusters)
    if not setup.concentrated:
        return np.full(len(norms), setup.rate - setup.drop)
    struck = simulation.generator.random(norms.max() + 1) < setup.concentrated
    fallen = max(0.001, setup.rate - setup.drop / setup.concentrated)
    return np.where(struck[norms], fallen, setup.rate)


def measure(setup: Setup) -> list[str]:
    """Simulate one row and write it."""
    simulation = Simulation(setup.seed, ALL_NORMS)
    facts = tuple(
        SampleFacts(f"casa/english/{place}/1", str(norm), "c", "l") for place, norm in enumerate(simulation.clusters)
    )
    orders = [Order.draw(simulation, setup.metrics) for _ in range(ORDERS)]
    rows: list[list[float]] = []
    for turn in range(setup.simulations):
        pairs = PairedScores(facts, *draw(simulation, setup))
        fixed = _fixed(pairs, setup.metrics)
        decision, used = _sequential(pairs, orders[turn % ORDERS], setup.metrics)
        told = (decision == "not worse", decision == "worse", fixed == "not worse", fixed == "worse", decision == fixed)
        rows.append([used, *map(float, told)])
    used, *told = np.array(rows).T
    return [setup.label, setup.correlation.name, f"{100 * used.mean():.0f}%", *map(share, told)]


def _fixed(pairs: PairedScores, metrics: int) -> Decision:
    bounds = {
        name: bounds_with_failures(*pairs.rounds(name), pairs.clusters, ALPHA, skew_safe=True)
        for name in DIMENSIONS[:metrics]
    }
    return decide_with_failures(bounds, dict.fromkeys(bounds, MARGIN)).decision


def _sequential(pairs: PairedScores, order: Order, metrics: int) -> tuple[Decision, float]:
    """The decision, and the share of the verdicts that it took."""
    decisions: dict[str, Decision] = dict.fromkeys(DIMENSIONS[:metrics], "inconclusive")
    judged = 0
    samples = 0
    for count, levels in zip(order.counts, order.levels, strict=True):
        seen = pairs.of_norms(frozenset(order.norms[:count]))
        judged += (len(seen.facts) - samples) * list(decisions.values()).count("inconclusive")
        samples = len(seen.facts)
        _decide(seen, decisions, levels)
        if "worse" in decisions.values() or "inconclusive" not in decisions.values():
            break
    return combine_decisions(decisions.values()), judged / (len(pairs.facts) * metrics)


def _decide(seen: PairedScores, decisions: dict[str, Decision], levels: LookLevels) -> None:
    for name in DIMENSIONS:
        if decisions.get(name) == "inconclusive":
            decisions[name] = look_at(seen, name, MARGIN, levels).decision


def setups(simulations: int, seed: int) -> list[Setup]:
    """The rows."""
    rows: list[Setup] = []
    for correlation in (STRONG, MODERATE, LOW):
        same = Setup("equal models", correlation, simulations, 0)
        rows += [same, replace(same, label="all fall by 10 points", drop=0.10)]
    strong = Setup("", STRONG, simulations, 0, drop=0.05, metrics=1)
    rows += [
        replace(strong, label="one metric, equal models", drop=0.0),
        replace(strong, label="one metric, falls by 5 points"),
        replace(strong, label="one metric, falls by 5 points in 11% of norms, from 95%", rate=0.95, concentrated=0.11),
        replace(strong, label="one metric, falls by 5 points, 2% fail", failing=0.02),
        replace(strong, label="one metric, falls by 5 points, three rounds", rounds=3),
        replace(strong, label="one metric, falls by 10 points", drop=0.10),
        replace(strong, label="one of four metrics falls by 10 points", drop=0.10, falling=1, metrics=4),
    ]
    return [replace(row, seed=seed + place) for place, row in enumerate(rows)]


def main() -> None:
    """Simulate, then print."""
    given = parse_options("Simulate the sequential gate on the cluster shape of CROSS.", 20_270_304, 2_000)
    header = "what happens | correlation | verdicts judged | not worse | worse | fixed: not worse | fixed: worse"
    print_rows(given, measure, setups(given.simulations, given.seed), f"{header} | decided alike")


if __name__ == "__main__":
    main()
