"""How often corrected intervals hold the true rate, shaped like CROSS: python -m benchmarks.labels [--quick].

Simulated answers: a latent normal quality per norm, item and sample decides what people would say; the judge
repeats it with its sensitivity and specificity, and its errors too are alike within a norm. Labels are drawn at
random, or as `anchor build` draws them: by the judge's verdicts on two dimensions, with known probabilities.
The true rate is that of the simulation (the population of norms), as for every interval here; coverage of the
run's own true mean stands beside it. Prints Markdown tables; nothing is written.
"""

from __future__ import annotations

import argparse
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from itertools import product

import numpy as np

from benchmarks.gate import STRONG, Array, Cell, latent, markdown_table, sample_owners, share
from lmms_eval_cross.stats import Labelled, mean_interval, ppi_mean, rogan_gladen
from lmms_eval_cross.trust.draw import draw_systematically, drawing_probabilities, stratified_order

SENSITIVITY, SPECIFICITY = 0.8, 0.9
TRUTH = (0.35, 0.35, 0.30)
"""Shares of the latent variance: norm, item, sample."""
ERRORS = (0.20, 0.20, 0.60)
"""The same for the judge's errors."""
OTHER_RATE = 0.35
METHODS = ("judge rate", "labels alone", "Rogan-Gladen", "PPI++")


@dataclass(frozen=True, slots=True)
class Setup:
    """One row."""

    prevalence: float
    labels: int
    drawn: str
    """`random`, `anchor`, or `other run`: at random from another model's answers, true rate OTHER_RATE."""
    wrong_labels: float
    """Share of good answers that the labellers call bad."""
    simulations: int
    seed: int


@dataclass(frozen=True, slots=True)
class Result:
    """What a row measured: a number a simulation and method."""

    setup: Setup
    covered: Array
    covered_run: Array
    widths: Array
    bias: Array
    refused: int


def measure(setup: Setup) -> Result:
    """Simulate one row."""
    generator = np.random.default_rng(setup.seed)
    owners = sample_owners(Cell("CROSS", STRONG, 1, 0))
    clusters = owners[0].tolist()
    rows, refused = [], 0
    for _ in range(setup.simulations):
        truth, judged = answers(generator, setup.prevalence, owners)
        of_run = setup.drawn != "other run"
        seen, told = (truth, judged) if of_run else answers(generator, OTHER_RATE, owners)
        chosen, probabilities = draw(generator, setup, told)
        labels = seen[chosen] * (generator.random(len(chosen)) >= setup.wrong_labels)
        if min(labels.sum(), (1 - labels).sum()) < 10:
            refused += 1
            continue
        labelled = Labelled.of(labels, told[chosen], [clusters[i] for i in chosen], probabilities)
        rows.append([*intervals(judged, clusters, labelled, of_run), truth.mean()])
    found = [[(low, high, mean) for low, high, mean in row[:-1]] for row in rows]
    ends, own = np.array(found), np.array([row[-1] for row in rows])[:, None]
    covered = (ends[..., 0] <= setup.prevalence) & (setup.prevalence <= ends[..., 1])
    covered_run = (ends[..., 0] <= own) & (own <= ends[..., 1])
    return Result(
        setup,
        covered.astype(float),
        covered_run.astype(float),
        ends[..., 1] - ends[..., 0],
        ends[..., 2] - setup.prevalence,
        refused,
    )


def answers(generator: np.random.Generator, rate: float, owners: tuple[np.ndarray, ...]) -> tuple[Array, Array]:
    """What people would say of a model's answers, and the judge's scores."""
    from scipy.special import ndtri

    truth = (latent(generator, 1, owners, TRUTH)[0] < ndtri(rate)).astype(float)
    return truth, judge(generator, truth, owners)


def judge(generator: np.random.Generator, truth: Array, owners: tuple[np.ndarray, ...]) -> Array:
    """The judge's scores of answers with these true ones."""
    from scipy.special import ndtri

    right = latent(generator, 1, owners, ERRORS)[0] < np.where(truth == 1, ndtri(SENSITIVITY), ndtri(SPECIFICITY))
    return np.asarray(np.where(right, truth, 1 - truth), dtype=np.float64)


def draw(generator: np.random.Generator, setup: Setup, judged: Array) -> tuple[np.ndarray, Array | None]:
    """Positions to label, and the probabilities by which they were drawn."""
    if setup.drawn != "anchor":
        return generator.choice(len(judged), setup.labels, replace=False), None
    other = generator.random(len(judged)) < 0.15
    outcomes = [f"{score:g}{flag:d}" for score, flag in zip(judged, other, strict=True)]
    probabilities = drawing_probabilities(outcomes, setup.labels)
    order = stratified_order([(outcome,) for outcome in outcomes], generator)
    chosen = draw_systematically(probabilities, order, generator)
    return chosen, probabilities[chosen]


def intervals(judged: Array, clusters: list[int], labelled: Labelled, of_run: bool) -> list[tuple[float, float, float]]:
    """Low, high and mean of each method; the whole scale where there is no interval."""
    plain = mean_interval(judged, clusters)
    alone = ppi_mean(judged, clusters, labelled, power=0.0)
    corrected = [rogan_gladen(judged, clusters, labelled, of_run=of_run), ppi_mean(judged, clusters, labelled)]
    return [ends(each) for each in (plain, alone, *corrected)]


def ends(found: object) -> tuple[float, float, float]:
    """Low, high, mean."""
    low, high = getattr(found, "low", None), getattr(found, "high", None)
    mean = float(getattr(found, "mean", np.nan))
    return (0.0, 1.0, mean) if low is None or high is None else (low, high, mean)


def row(result: Result) -> list[str]:
    """One row of the table."""
    setup, points = result.setup, 100 * result.widths.mean(axis=0)
    return [
        f"{100 * setup.prevalence:g}%",
        f"{setup.labels}",
        setup.drawn,
        *(share(result.covered[:, method]) for method in range(len(METHODS))),
        *(f"{points[method]:.1f}" for method in range(len(METHODS))),
        share(result.covered_run[:, 3]),
        f"{result.refused}",
    ]


def biased_row(result: Result) -> list[str]:
    """One row of the table of wrong labels."""
    setup, bias = result.setup, 100 * result.bias.mean(axis=0)
    return [
        f"{100 * setup.wrong_labels:g}%",
        f"{setup.labels}",
        *(f"{bias[method]:+.1f}" for method in (2, 3)),
        *(share(result.covered[:, method]) for method in (2, 3)),
    ]


def other_row(result: Result) -> list[str]:
    """One row of the table of labels from another run."""
    setup = result.setup
    told = [share(result.covered[:, 2]), f"{100 * result.widths[:, 2].mean():.1f}", f"{result.refused}"]
    return [f"{100 * setup.prevalence:g}%", f"{setup.labels}", *told]


def setups(simulations: int, seed: int) -> tuple[list[Setup], list[Setup], list[Setup]]:
    """Rows of the three tables."""
    drawn = ("random", "anchor")
    good = [
        Setup(prevalence, labels, how, 0.0, simulations, seed + i)
        for i, (prevalence, labels, how) in enumerate(product((0.2, 0.5, 0.8), (100, 200, 400), drawn))
    ]
    wrong = [
        Setup(0.5, labels, "random", share, simulations, seed + 90) for labels in (100, 400) for share in (0, 0.05, 0.1)
    ]
    other = [
        Setup(prevalence, labels, "other run", 0.0, simulations, seed + 60 + i)
        for i, (prevalence, labels) in enumerate(product((0.2, 0.5, 0.8), (100, 400)))
    ]
    return good, wrong, other


def report(good: list[Result], wrong: list[Result], other: list[Result]) -> str:
    """The three tables."""
    coverage = " | ".join(f"{name} covers" for name in METHODS)
    widths = " | ".join(f"{name} width" for name in METHODS)
    return "\n\n".join(
        [
            f"### Coverage of 95% intervals; sensitivity {SENSITIVITY:g}, specificity {SPECIFICITY:g}",
            markdown_table(
                f"true rate | labels | drawn | {coverage} | {widths} | PPI++ covers the run's own mean | refused",
                [row(each) for each in good],
            ),
            "### Labellers who call good answers bad; true rate 50%",
            markdown_table(
                "good called bad | labels | Rogan-Gladen off by | PPI++ off by | Rogan-Gladen covers | PPI++ covers",
                [biased_row(each) for each in wrong],
            ),
            f"### Rogan-Gladen with labels of another model's run, whose true rate is {100 * OTHER_RATE:g}%",
            markdown_table("true rate | labels | covers | width | refused", [other_row(each) for each in other]),
        ]
    )


def parse_arguments() -> argparse.Namespace:
    """Command line."""
    parser = argparse.ArgumentParser(description="Simulate corrected means on the cluster shape of CROSS.")
    parser.add_argument("--simulations", type=int, default=4_000, help="per row")
    parser.add_argument("--seed", type=int, default=20_270_114)
    parser.add_argument("--workers", type=int, default=2, help="processes")
    parser.add_argument("--quick", action="store_true", help="200 simulations per row: shows that it runs")
    return parser.parse_args()


def main() -> None:
    """Simulate, then print."""
    arguments = parse_arguments()
    simulations = 200 if arguments.quick else arguments.simulations
    tables = setups(simulations, arguments.seed)
    started = time.monotonic()
    with ProcessPoolExecutor(arguments.workers) as pool:
        results = [list(pool.map(measure, table)) for table in tables]
    print(f"{simulations:,} simulations per row, seed {arguments.seed}; widths and bias in points.\n")
    print(report(*results))
    print(f"\nTook {time.monotonic() - started:.0f} s with {arguments.workers} processes.", file=sys.stderr)


if __name__ == "__main__":
    main()
