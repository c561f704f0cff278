"""How often a difference over a bridge holds the truth, shaped like CROSS: python -m benchmarks.bridge [--quick].

Two models' answers share their difficulty; the old judge scores the baseline, the new one the candidate, and an
anchor of the baseline's answers is scored by both. The truth is the difference that the new judge would see.
Beside it stands what happens when the two judges' verdicts are compared as if they were one's.
Prints a Markdown table; nothing is written.
"""

from __future__ import annotations

import argparse
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from itertools import product

import numpy as np

from benchmarks.gate import STRONG, Array, Cell, latent, markdown_table, sample_owners, share, verdicts
from lmms_eval_cross.stats import Bridge, bridged_difference, paired_difference
from lmms_eval_cross.trust.draw import draw_systematically, drawing_probabilities, stratified_order

OLD, NEW = (0.90, 0.92), (0.80, 0.88)
"""Sensitivity and specificity of each judge against people."""
ERRORS = (0.20, 0.20, 0.60)
"""Shares of the latent variance of a judge's errors: norm, item, sample."""


@dataclass(frozen=True, slots=True)
class Setup:
    """One row."""

    anchor: int
    drop: float
    simulations: int
    seed: int


def measure(setup: Setup) -> list[str]:
    """Simulate one row and write it."""
    generator = np.random.default_rng(setup.seed)
    cell = Cell("CROSS", STRONG, 1, 0)
    owners = sample_owners(cell)
    clusters = owners[0].tolist()
    truth = -setup.drop * (sum(NEW) - 1)
    rows = []
    for _ in range(setup.simulations):
        shared = latent(generator, 1, owners, STRONG.shared)[..., None]
        before, after = (
            verdicts(generator, shared, owners, cell, rate)[0, :, 0] for rate in (cell.rate, cell.rate - setup.drop)
        )
        old, seen, new = (
            judged(generator, answers, owners, judge) for answers, judge in ((before, OLD), (before, NEW), (after, NEW))
        )
        found = bridged_difference(old, new, clusters, bridge(generator, old, seen, clusters, setup.anchor))
        plain = paired_difference(old, new, clusters)
        rows.append([*_told(found, truth), *_told(plain, truth)])
    means = np.array(rows).mean(axis=0)
    names = [f"{setup.anchor}", f"{100 * setup.drop:g}", f"{100 * truth:+.1f}"]
    return [
        *names,
        *(text for i in (0, 3) for text in (share([means[i]]), f"{means[i + 1]:.1f}", f"{means[i + 2]:+.1f}")),
    ]


def judged(
    generator: np.random.Generator, answers: Array, owners: tuple[np.ndarray, ...], judge: tuple[float, float]
) -> Array:
    """A judge's scores of answers that people would score so."""
    from scipy.special import ndtri

    right = latent(generator, 1, owners, ERRORS)[0] < np.where(answers == 1, ndtri(judge[0]), ndtri(judge[1]))
    return np.asarray(np.where(right, answers, 1 - answers), dtype=np.float64)


def bridge(generator: np.random.Generator, old: Array, new: Array, clusters: list[int], n: int) -> Bridge:
    """An anchor of n answers, drawn as `anchor build` does, that both judges scored."""
    outcomes = [f"{score:g}" for score in old]
    probabilities = drawing_probabilities(outcomes, n)
    order = stratified_order([(outcome,) for outcome in outcomes], generator)
    drawn = draw_systematically(probabilities, order, generator)
    return Bridge.of(old[drawn], new[drawn], [clusters[i] for i in drawn], probabilities[drawn])


def _told(found: object, truth: float) -> list[float]:
    """Whether the interval holds the truth, its width and the error of the difference, both in points."""
    low, high, difference = (float(getattr(found, name)) for name in ("low", "high", "difference"))
    return [float(low <= truth <= high), 100 * (high - low), 100 * (difference - truth)]


def main() -> None:
    """Simulate, then print."""
    parser = argparse.ArgumentParser(description="Simulate differences over a bridge on the cluster shape of CROSS.")
    parser.add_argument("--simulations", type=int, default=4_000, help="per row")
    parser.add_argument("--seed", type=int, default=20_270_115)
    parser.add_argument("--workers", type=int, default=2, help="processes")
    parser.add_argument("--quick", action="store_true", help="200 simulations per row: shows that it runs")
    arguments = parser.parse_args()
    simulations = 200 if arguments.quick else arguments.simulations
    rows = product((100, 200, 400), (0.0, 0.05))
    setups = [Setup(n, drop, simulations, arguments.seed + i) for i, (n, drop) in enumerate(rows)]
    started = time.monotonic()
    with ProcessPoolExecutor(arguments.workers) as pool:
        told = list(pool.map(measure, setups))
    print(f"{simulations:,} simulations per row, seed {arguments.seed}; widths and errors in points.\n")
    header = "anchor | true drop | as the new judge sees it | bridge covers | width | off by"
    print(markdown_table(f"{header} | no bridge covers | width | off by", told))
    print(f"\nTook {time.monotonic() - started:.0f} s with {arguments.workers} processes.", file=sys.stderr)


if __name__ == "__main__":
    main()
