"""How far intervals of countries with few norms can be trusted: python -m benchmarks.countries [--quick].

Sixteen countries of 7 to 13 norms on the cluster shape of CROSS; their true rates spread around 62%, and in some rows
one lies far below. `shrunk`: as the report shows them. `raw`: each country by itself. Coverage is that of two-sided 95%
intervals, over all countries and simulations, and of the country that is covered least. Prints a Markdown table.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from scipy.special import ndtr, ndtri

from benchmarks.simulation import (
    ALL_NORMS,
    MODERATE,
    STRONG,
    Correlation,
    Simulation,
    parse_options,
    print_rows,
)
from benchmarks.slices import NORMS_OF_COUNTRIES
from lmms_eval_cross.stats import mean_interval, shrink_groups


@dataclass(frozen=True, slots=True)
class Setup:
    """One row."""

    label: str
    correlation: Correlation
    simulations: int
    seed: int
    spread: float
    """Standard deviation of the countries' latent rates."""
    outlier: float = 0.0
    """Latent, of the first country."""


def measure(setup: Setup) -> list[str]:
    """Simulate one row and write it; true rates are drawn once, so that each country has a coverage of its own."""
    simulation = Simulation(setup.seed, ALL_NORMS)
    latent = ndtri(0.62) + setup.spread * simulation.generator.standard_normal(16)
    latent[0] += setup.outlier
    shares = tuple(shared + own for shared, own in zip(setup.correlation.shared, setup.correlation.own, strict=False))
    covered = np.zeros((2, 16))
    widths = np.zeros((2, 16))
    named = found = told = 0.0
    rates = ndtr(latent)
    for _ in range(setup.simulations):
        country_of = simulation.generator.permutation(np.repeat(np.arange(16), NORMS_OF_COUNTRIES))
        countries = country_of[np.array(simulation.clusters)]
        effects = simulation.latent(shares)[0]
        noise = np.sqrt(1 - sum(shares)) * simulation.generator.standard_normal(len(effects))
        verdicts = (effects + noise < latent[countries]).astype(np.float64)
        shrunk = shrink_groups(verdicts, list(map(str, countries)), simulation.clusters)
        for place in range(16):
            one, part = shrunk[str(place)], countries == place
            raw = mean_interval(verdicts[part], np.array(simulation.clusters)[part].tolist())
            ends = [(one.low, one.high), (raw.low or 0.0, raw.high or 1.0)]
            for way, (low, high) in enumerate(ends):
                covered[way, place] += low <= rates[place] <= high
                widths[way, place] += 100 * (high - low)
        first = min(shrunk, key=lambda name: shrunk[name].mean)
        lowest = min(shrunk, key=lambda name: shrunk[name].raw)
        worst = str(int(np.argmin(rates)))
        found, named, told = found + (first == worst), named + (lowest == worst), told + shrunk[first].worst
    covered, widths = covered / setup.simulations, widths / setup.simulations
    cells = [setup.label, setup.correlation.name]
    for way in range(2):
        cells += [f"{100 * covered[way].mean():.1f}%", f"{100 * covered[way].min():.1f}%", f"{widths[way, 0]:.0f}"]
    return [*cells, *(f"{100 * count / setup.simulations:.0f}%" for count in (named, found, told))]


def setups(simulations: int, seed: int) -> list[Setup]:
    """The rows."""
    rows: list[Setup] = []
    for correlation in (STRONG, MODERATE):
        some = Setup("rates spread by 8 points", correlation, simulations, 0, 0.21)
        rows += [
            replace(some, label="all rates equal", spread=0.0),
            some,
            replace(some, label="rates spread by 15 points", spread=0.40),
            replace(some, label="spread by 8 points, one country 25 lower", outlier=-0.65),
        ]
    return [replace(row, seed=seed + place) for place, row in enumerate(rows)]


def main() -> None:
    """Simulate, then print."""
    given = parse_options("Simulate intervals of countries on the cluster shape of CROSS.", 20_270_306, 1_000)
    header = "what is true | correlation | shrunk: coverage | of the worst | points wide with 7 norms"
    header += " | raw: coverage | of the worst | points wide | lowest raw is the worst | lowest shrunk is | as it says"
    print_rows(given, measure, setups(given.simulations, given.seed), header)


if __name__ == "__main__":
    main()
