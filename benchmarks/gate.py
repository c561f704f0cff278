"""How often the gate is wrong, on the cluster shape of CROSS: python -m benchmarks.gate [--quick].

The latent score behind each verdict is partly shared by the two models (difficulty), partly their own, and that
partly drawn anew in each round (benchmarks/simulation.py). A fall may be even, or sit in some norms alone; images may
be shared by norms, and verdicts fail. `by t`: as the gate decided before its bounds were skew-safe. Prints Markdown
tables; nothing is written.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import numpy as np

from benchmarks.simulation import (
    ALL_NORMS,
    CASA,
    ENGLISH,
    MODERATE,
    MULTILINGUAL,
    SAFEWORLD,
    STRONG,
    Array,
    Correlation,
    Simulation,
    markdown_table,
    norm_items,
    parse_options,
    processes,
    share,
)
from lmms_eval_cross.stats import (
    Decision,
    PairedDifference,
    average_rounds,
    bounds_with_failures,
    cluster_bootstrap,
    combine_decisions,
    decide_each,
    decide_with_failures,
    gate_decision,
    mean_interval,
    minimum_detectable_effect,
)

MARGIN = 0.05
ALPHA = 0.05
AT_ONCE = 250
"""Simulations drawn together; bounds memory."""

TTest = Callable[[list[float], list[float]], dict[str, float]]


@dataclass(frozen=True, slots=True)
class Cell:
    """One row of a table: what is simulated, how often."""

    label: str
    correlation: Correlation
    simulations: int
    seed: int
    rounds: int = 1
    drop: float = 0.0
    rate: float = 0.6
    """The baseline's true rate."""
    norms: tuple[int, ...] = ALL_NORMS
    """Items of each norm."""
    samples_per_item: int = ENGLISH + MULTILINGUAL
    bootstrap: bool = False
    concentrated: tuple[float, float] | None = None
    """Share of the norms that a fall sits in, and the candidate's rate there; None: `drop`, evenly."""
    failed: float = 0.0
    """Share of verdicts that fail, on either side."""
    images: float = 0.0
    """Share of each model's own latent variance that belongs to images, which norms share."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What was measured in one cell; every array has one entry per simulation."""

    cell: Cell
    differences: list[PairedDifference]
    made: list[Decision]
    by_t: list[Decision]
    discordance: float
    lmms_eval: Array
    """Share 1 where lmms-eval's t-test calls the difference significant, NaN where it was not run."""
    mean_covered: Array
    difference_covered: Array
    bootstrap_covered: Array


def draw_pairs(simulation: Simulation, cell: Cell) -> Iterator[tuple[Array, Array]]:
    """Yield `simulations` pairs of (samples, rounds) verdicts: baseline, candidate."""
    own = cell.correlation.own
    for start in range(0, cell.simulations, AT_ONCE):
        many = min(AT_ONCE, cell.simulations - start)
        shared = simulation.latent(cell.correlation.shared, many)
        before = simulation.verdicts(shared, own, cell.rate, cell.rounds, cell.images)
        after = simulation.verdicts(shared, own, _fallen_rates(simulation, cell, many), cell.rounds, cell.images)
        for side in (before, after):
            side[simulation.generator.random(side.shape) < cell.failed] = np.nan
        yield from zip(before, after, strict=True)


def _fallen_rates(simulation: Simulation, cell: Cell, many: int) -> Array:
    """The candidate's true rates, shape (many, samples)."""
    clusters = np.array(simulation.clusters)
    rates = np.full((many, len(clusters)), cell.rate - cell.drop)
    if cell.concentrated is not None:
        chance, rate = cell.concentrated
        hit = simulation.generator.random((many, clusters.max() + 1)) < chance
        rates = np.where(hit[:, clusters], rate, cell.rate)
    return rates


def measure(cell: Cell) -> Outcome:
    """Run every method on every simulated pair of one cell."""
    simulation = Simulation(cell.seed, cell.norms, cell.samples_per_item)
    clusters = simulation.clusters
    ttest = lmms_eval_ttest()
    found: list[PairedDifference] = []
    made: list[Decision] = []
    by_t: list[Decision] = []
    rows = []
    for before_rounds, after_rounds in draw_pairs(simulation, cell):
        plain = bounds_with_failures(before_rounds, after_rounds, clusters, ALPHA)
        safe = bounds_with_failures(before_rounds, after_rounds, clusters, ALPHA, skew_safe=True)
        for decided, bounds in ((by_t, plain), (made, safe)):
            decided.append(decide_with_failures({"metric": bounds}, {"metric": MARGIN}).decision)
        before, after = average_rounds(before_rounds), average_rounds(after_rounds)
        assert safe.complete is not None
        found.append(safe.complete)
        before, after = np.nan_to_num(before, nan=cell.rate), np.nan_to_num(after, nan=cell.rate)
        rows.append(
            (
                float(np.mean(before_rounds[:, 0] != after_rounds[:, 0])),
                significant(ttest, before, after),
                covers(mean_interval(before, clusters), cell.rate),
                covers(found[-1], -cell.drop),
                covers(cluster_bootstrap(before, clusters, 1_000), cell.rate) if cell.bootstrap else np.nan,
            )
        )
    discordance, lmms_eval, mean_covered, difference_covered, bootstrap_covered = np.array(rows).T
    average = float(discordance.mean())
    return Outcome(cell, found, made, by_t, average, lmms_eval, mean_covered, difference_covered, bootstrap_covered)


def covers(interval: object, truth: float) -> float:
    """1 if the interval holds the truth, 0 if not, NaN where none was given."""
    low, high = getattr(interval, "low", None), getattr(interval, "high", None)
    return np.nan if low is None or high is None else float(low <= truth <= high)


def lmms_eval_ttest() -> TTest | None:
    """lmms-eval's own function, None where it is not installed."""
    try:
        from lmms_eval.api.metrics import paired_ttest
    except ImportError:
        return None
    found: TTest = paired_ttest
    return found


def significant(ttest: TTest | None, before: Array, after: Array) -> float:
    """1 where lmms-eval would call the two models different at 5%."""
    return float(ttest(after.tolist(), before.tolist())["p_value"] < ALPHA) if ttest else np.nan


def gate_cells(simulations: int, seed: int) -> list[Cell]:
    """Rows of the gate's table."""
    cells = [
        Cell("CROSS, 1,284 samples", correlation, simulations, 0, rounds, drop)
        for correlation in (STRONG, MODERATE)
        for rounds in (1, 3)
        for drop in (0.0, 0.02, 0.03, MARGIN)
    ]
    rare = [replace(cells[0], label="same, true rate 95%", rate=0.95, drop=drop) for drop in (0.0, MARGIN)]
    hard = [
        replace(rare[1], label="true rate 95%, the fall sits in 5% of norms", concentrated=(0.0532, 0.01)),
        replace(rare[1], label="true rate 95%, the fall sits in 11% of norms", concentrated=(0.1111, 0.50)),
        replace(cells[0], label="images shared by norms", images=0.25),
        replace(cells[3], label="images shared by norms", images=0.25),
        replace(cells[0], label="2% of verdicts fail", failed=0.02),
        replace(cells[3], label="2% of verdicts fail", failed=0.02),
        replace(cells[7], label="three rounds, 2% of verdicts fail", failed=0.02),
    ]
    return [replace(cell, seed=seed + i) for i, cell in enumerate(cells + rare + hard)]


def slice_cells(simulations: int, seed: int) -> list[Cell]:
    """Rows of the coverage table."""
    safeworld = norm_items(SAFEWORLD)
    few = tuple(int(k) for k in np.random.default_rng(seed).choice(ALL_NORMS, 12, replace=False))
    plain = Cell("CROSS", STRONG, simulations, 0)
    cells = [
        plain,
        replace(plain, label="CROSS, three rounds", rounds=3),
        replace(plain, label="CROSS, percentile bootstrap beside it", simulations=simulations // 4, bootstrap=True),
        replace(plain, label="English", samples_per_item=ENGLISH),
        replace(plain, label="multilingual", samples_per_item=MULTILINGUAL),
        replace(plain, label="CASA", norms=norm_items(CASA)),
        replace(plain, label="SafeWorld", norms=safeworld),
        replace(plain, label="SafeWorld", norms=safeworld, rate=0.85),
        replace(plain, label="SafeWorld", norms=safeworld, rate=0.95),
        replace(plain, label="12 norms drawn from CROSS", norms=few),
        replace(plain, label="12 norms drawn from CROSS", norms=few, rate=0.85),
        replace(plain, label="6 of those norms", norms=few[:6]),
    ]
    return [replace(cell, seed=seed + 100 + i) for i, cell in enumerate(cells)]


def gate_row(outcome: Outcome) -> list[str]:
    """One row of the gate's table."""
    cell = outcome.cell
    told = [share([each == "not worse" for each in outcome.by_t])]
    told += [share([each == decision for each in outcome.made]) for decision in ("not worse", "worse", "inconclusive")]
    head = [
        cell.label,
        cell.correlation.name,
        f"{cell.rounds}",
        f"{100 * cell.drop:g}",
        f"{100 * outcome.discordance:.0f}%",
    ]
    measured = [share(outcome.lmms_eval), share(outcome.difference_covered), f"{100 * typical_effect(outcome):.1f}"]
    return [*head, *told, *measured]


def typical_effect(outcome: Outcome) -> float:
    """Median over simulations of the effect that is shown with 80% power."""
    errors = [(each.standard_error, each.clusters) for each in outcome.differences]
    return float(np.median([minimum_detectable_effect(error, count) for error, count in errors if error is not None]))


def slice_row(outcome: Outcome) -> list[str]:
    """One row of the coverage table."""
    cell, first = outcome.cell, outcome.differences[0]
    head = [cell.label, f"{100 * cell.rate:g}%", f"{first.n:,}", f"{first.clusters}", f"{cell.simulations:,}"]
    covered = (outcome.mean_covered, outcome.difference_covered, outcome.bootstrap_covered)
    return [*head, *(share(each) for each in covered), share(outcome.lmms_eval)]


def family_rows(outcome: Outcome) -> list[list[str]]:
    """False alarms over several independent gated metrics: any of them alone, and with Holm's correction."""
    rows = []
    for size in (1, 2, 4):
        families = [outcome.differences[i : i + size] for i in range(0, len(outcome.differences) - size + 1, size)]
        plain = [combine_decisions(decide_alone(each) for each in family) for family in families]
        holm = [combine_decisions(decide_family(family).values()) for family in families]
        told = [share([each == "worse" for each in made]) for made in (plain, holm)]
        rows.append([outcome.cell.correlation.name, f"{size}", f"{len(families):,}", *told])
    return rows


def decide_alone(difference: PairedDifference) -> Decision:
    """The rule for one metric."""
    return gate_decision(difference.lower_bound, difference.upper_bound, MARGIN)


def decide_family(family: list[PairedDifference]) -> dict[str, Decision]:
    """The rule for several metrics."""
    named = {str(i): each for i, each in enumerate(family)}
    return decide_each(named, dict.fromkeys(named, MARGIN))


def report(gate: list[Outcome], slices: list[Outcome]) -> str:
    """The three tables."""
    nulls = [each for each in gate if each.cell.drop == 0 and each.cell.rounds == 1 and each.cell.rate < 0.9]
    return "\n\n".join(
        [
            "### Decisions at margin 5 points, alpha 0.05",
            markdown_table(
                "data | correlation | rounds | true drop (points) | verdicts that differ | not worse by t | not worse"
                " | worse | no verdict | lmms-eval p < 0.05 | coverage of the difference | 80% effect (points)",
                [gate_row(each) for each in gate],
            ),
            "### False alarms over several independent metrics, true drop 0",
            markdown_table(
                "correlation | gated metrics | families | worse, each alone | worse, with Holm",
                [row for each in nulls for row in family_rows(each)],
            ),
            "### Coverage of 95% intervals, strong correlation, true drop 0",
            markdown_table(
                "data | true rate | samples | clusters | simulations | mean | difference | bootstrap mean"
                " | lmms-eval p < 0.05",
                [slice_row(each) for each in slices],
            ),
        ]
    )


def main() -> None:
    """Simulate, then print."""
    given = parse_options("Simulate the gate on the cluster shape of CROSS.", seed=20_250_514)
    gate, slices = gate_cells(given.simulations, given.seed), slice_cells(given.simulations, given.seed)
    with processes(given.workers) as pool:
        outcomes = list(pool.map(measure, gate + slices))
        print(f"{given.simulations:,} simulations per row unless stated, seed {given.seed}.\n")
        print(report(outcomes[: len(gate)], outcomes[len(gate) :]))


if __name__ == "__main__":
    main()
