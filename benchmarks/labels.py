"""How often corrected intervals hold the truth, shaped like CROSS: python -m benchmarks.labels [--quick].

Simulated answers: a latent normal quality per norm, item and sample decides what people would say; the judge
repeats it with its sensitivity and specificity, and its errors too are alike within a norm. Labels are drawn at
random, or as `anchor build` draws them: by the judge's verdicts on four dimensions, with known probabilities, at
once or, as `label export` does with an anchor, out of 400 that were drawn so.
There are two truths: the run's mean is what people would say of the very answers that were simulated, and the rate
over norms like these is that of the simulation. Prints Markdown tables; nothing is written.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
from scipy.special import ndtri

from benchmarks.simulation import JUDGE_ERRORS, Array, Simulation, markdown_table, parse_options, processes, share
from lmms_eval_cross.stats import FEWEST_LABELS, Corrected, Labelled, mean_interval, ppi_mean, rogan_gladen

SENSITIVITY, SPECIFICITY = 0.8, 0.9
GOOD_JUDGE = 0.98, 0.99
"""Sensitivity and specificity of a judge whose errors are too few to show how they vary."""
TRUTH = (0.35, 0.35, 0.30)
"""Shares of the latent variance: norm, item, sample."""
OTHER_RATE = 0.35
OTHER_DIMENSIONS = 0.15, 0.3, 0.5
"""How often the judge gives 1 on the other three dimensions, which decide on the draw too."""
ANCHOR = 400
"""Answers of the first of two draws."""
DRAWS = ("random", "anchor", "twice")
METHODS = ("judge rate", "labels alone", "Rogan-Gladen", "PPI++")
OF_THE_RUN = (1, 2, 3)
"""Methods with an interval for the run's mean."""
NOISE = 0.6
"""Of a judge who errs on borderline answers, in standard deviations of their quality."""
ROUNDING = 1e-9


@dataclass(frozen=True, slots=True)
class Setup:
    """One row."""

    prevalence: float
    labels: int
    drawn: str
    """`random`, `anchor`, `twice`, or `other run`: at random from another model's answers, true rate OTHER_RATE."""
    simulations: int
    seed: int
    wrong_labels: float = 0.0
    """Share of good answers that the labellers call bad."""
    judge: tuple[float, float] | None = (SENSITIVITY, SPECIFICITY)
    """None: it errs on borderline answers, seeing their quality through noise."""


@dataclass(frozen=True, slots=True)
class Result:
    """What a row measured: shape (simulations, METHODS)."""

    setup: Setup
    covered: Array
    """Whether the interval for norms like these holds the rate of the simulation."""
    covered_run: Array
    """Whether the interval for the run's mean holds it."""
    widths: Array
    widths_run: Array
    bias: Array
    refused: int


def measure(setup: Setup) -> Result:
    """Simulate one row."""
    simulation = Simulation(setup.seed)
    clusters = simulation.clusters
    rows, means, refused = [], [], 0
    for _ in range(setup.simulations):
        truth, scores = answers(simulation, setup.prevalence, setup.judge)
        of_run = setup.drawn != "other run"
        seen, told = (truth, scores) if of_run else answers(simulation, OTHER_RATE, setup.judge)
        chosen, probabilities = draw(simulation, setup, told)
        labels = seen[chosen] * (simulation.generator.random(len(chosen)) >= setup.wrong_labels)
        if min(labels.sum(), (1 - labels).sum()) < FEWEST_LABELS:
            refused += 1
            continue
        labelled = Labelled.of(labels, told[chosen], [clusters[i] for i in chosen], probabilities)
        rows.append(intervals(scores, clusters, labelled, of_run))
        means.append(truth.mean())
    low, high, run_low, run_high, mean = np.moveaxis(np.array(rows), -1, 0)
    own = np.array(means)[:, None]
    return Result(
        setup,
        ((low <= setup.prevalence) & (setup.prevalence <= high)).astype(float),
        ((run_low <= own + ROUNDING) & (own - ROUNDING <= run_high)).astype(float),
        high - low,
        run_high - run_low,
        mean - setup.prevalence,
        refused,
    )


def answers(simulation: Simulation, rate: float, judge: tuple[float, float] | None) -> tuple[Array, Array]:
    """What people would say of a model's answers, and the judge's scores."""
    quality = simulation.latent(TRUTH)[0]
    truth = (quality < ndtri(rate)).astype(float)
    if judge is None:
        seen = quality + NOISE * simulation.latent(JUDGE_ERRORS)[0]
        return truth, (seen < ndtri(rate)).astype(float)
    return truth, simulation.judged(truth, judge)


def draw(simulation: Simulation, setup: Setup, scores: Array) -> tuple[np.ndarray, Array | None]:
    """Positions to label, and the probabilities by which they were drawn."""
    if setup.drawn in ("random", "other run"):
        return simulation.generator.choice(len(scores), setup.labels, replace=False), None
    others = simulation.generator.random((3, len(scores))) < np.array(OTHER_DIMENSIONS)[:, None]
    outcomes = ["".join(map(str, four)) for four in np.vstack([scores, others]).astype(int).T.tolist()]
    if setup.drawn == "anchor":
        return simulation.draw_anchor(outcomes, setup.labels)
    anchor, first = simulation.draw_anchor(outcomes, ANCHOR)
    batch, second = simulation.draw_anchor([outcomes[i] for i in anchor], setup.labels, first)
    return anchor[batch], first[batch] * second


def intervals(scores: Array, clusters: list[int], labelled: Labelled, of_run: bool) -> list[tuple[float, ...]]:
    """Both intervals and the mean of each method: the judge rate has but one, and stands for both."""
    plain = mean_interval(scores, clusters)
    assert plain.low is not None, plain.reason
    assert plain.high is not None, plain.reason
    alone = ppi_mean(scores, clusters, labelled, power=0.0)
    corrected = [alone, rogan_gladen(scores, clusters, labelled, of_run=of_run), ppi_mean(scores, clusters, labelled)]
    return [(plain.low, plain.high, plain.low, plain.high, plain.mean), *(numbers(each, of_run) for each in corrected)]


def numbers(found: Corrected, of_run: bool) -> tuple[float, ...]:
    """Low, high, the same for the run's mean, mean; the whole scale where there is no interval.

    With labels of another run the run's mean has no interval of its own: that for norms like these stands for it.
    """
    norms = (0.0, 1.0) if found.low is None or found.high is None else (found.low, found.high)
    run = (0.0, 1.0) if found.run_low is None or found.run_high is None else (found.run_low, found.run_high)
    return (*norms, *(run if of_run else norms), found.mean)


def shares_and_widths(covered: Array, widths: Array, methods: Sequence[int]) -> list[str]:
    """Cells: coverage of each method, then its mean width in points."""
    shares = [share(covered[:, method]) for method in methods]
    return [*shares, *(f"{100 * widths[:, method].mean():.1f}" for method in methods)]


def run_row(result: Result) -> list[str]:
    """One row of a table of the run's mean."""
    setup = result.setup
    cells = shares_and_widths(result.covered_run, result.widths_run, OF_THE_RUN)
    return [f"{100 * setup.prevalence:g}%", f"{setup.labels}", setup.drawn, *cells, f"{result.refused}"]


def norms_row(result: Result) -> list[str]:
    """One row of the table of norms like these."""
    setup = result.setup
    cells = shares_and_widths(result.covered, result.widths, range(len(METHODS)))
    return [f"{100 * setup.prevalence:g}%", f"{setup.labels}", setup.drawn, *cells]


def biased_row(result: Result) -> list[str]:
    """One row of the table of wrong labels."""
    setup, bias = result.setup, 100 * result.bias.mean(axis=0)
    return [
        f"{100 * setup.wrong_labels:g}%",
        f"{setup.labels}",
        *(f"{bias[method]:+.1f}" for method in (2, 3)),
        *(share(covered[:, method]) for covered in (result.covered_run, result.covered) for method in (2, 3)),
    ]


def other_row(result: Result) -> list[str]:
    """One row of the table of labels from another run."""
    setup = result.setup
    told = [share(covered[:, 2]) for covered in (result.covered, result.covered_run)]
    return [
        f"{100 * setup.prevalence:g}%",
        f"{setup.labels}",
        *told,
        f"{100 * result.widths[:, 2].mean():.1f}",
        f"{result.refused}",
    ]


def borderline_row(result: Result) -> list[str]:
    """One row of the table of errors on borderline answers."""
    setup, bias = result.setup, 100 * result.bias.mean(axis=0)
    whose = "another run's, 35%" if setup.drawn == "other run" else "its own"
    told = [f"{bias[method]:+.1f}" for method in (0, 2)]
    ppi = "-" if setup.drawn == "other run" else f"{bias[3]:+.1f}"
    return [f"{100 * setup.prevalence:g}%", whose, *told, ppi, share(result.covered[:, 2])]


def setups(simulations: int, seed: int) -> list[list[Setup]]:
    """Rows of the five simulations."""
    good = [
        Setup(prevalence, labels, how, simulations, seed + i)
        for i, (prevalence, labels, how) in enumerate(product((0.2, 0.5, 0.8), (100, 200, 400), DRAWS))
        if not (how == "twice" and labels == ANCHOR)
    ]
    rare = [
        Setup(prevalence, labels, how, simulations, seed + 30 + i, judge=GOOD_JUDGE)
        for i, (prevalence, labels, how) in enumerate(product((0.03, 0.2, 0.5, 0.8), (100, 400), DRAWS[:2]))
        if (prevalence, labels) != (0.03, 100)
    ]
    wrong = [
        Setup(0.5, labels, "random", simulations, seed + 90, wrong_labels=share)
        for labels, share in product((100, 400), (0, 0.05, 0.1))
    ]
    other = [
        Setup(prevalence, labels, "other run", simulations, seed + 60 + i)
        for i, (prevalence, labels) in enumerate(product((0.2, 0.5, 0.8), (100, 400)))
    ]
    border = [
        Setup(prevalence, 400, drawn, simulations, seed + 110 + i, judge=None)
        for i, (drawn, prevalence) in enumerate(product(("random", "other run"), (0.35, 0.5, 0.7)))
    ]
    return [good, rare, wrong, other, border]


def report(good: list[Result], rare: list[Result], wrong: list[Result], *others: list[Result]) -> str:
    """The six tables."""
    other, border = others
    run = f"true rate | labels | drawn | {_columns([METHODS[i] for i in OF_THE_RUN])} | refused"
    judge = f"sensitivity {SENSITIVITY:g}, specificity {SPECIFICITY:g}"
    return "\n\n".join(
        [
            f"### The run's mean; {judge}",
            markdown_table(run, [run_row(each) for each in good]),
            f"### The rate over norms like these; {judge}",
            markdown_table(f"true rate | labels | drawn | {_columns(METHODS)}", [norms_row(each) for each in good]),
            "### The run's mean; sensitivity {:g}, specificity {:g}".format(*GOOD_JUDGE),
            markdown_table(run, [run_row(each) for each in rare]),
            "### Labellers who call good answers bad; true rate 50%",
            markdown_table(
                "good called bad | labels | Rogan-Gladen off by | PPI++ off by | Rogan-Gladen covers the run's mean | "
                "PPI++ covers the run's mean | Rogan-Gladen covers norms like these | PPI++ covers norms like these",
                [biased_row(each) for each in wrong],
            ),
            f"### Rogan-Gladen with labels of another model's run, whose true rate is {100 * OTHER_RATE:g}%",
            markdown_table(
                "true rate | labels | covers norms like these | covers the run's mean | width | refused",
                [other_row(each) for each in other],
            ),
            "### A judge who errs on borderline answers; 400 labels",
            markdown_table(
                "true rate | labels | judge rate off by | Rogan-Gladen off by | PPI++ off by | Rogan-Gladen covers",
                [borderline_row(each) for each in border],
            ),
        ]
    )


def _columns(methods: Sequence[str]) -> str:
    return " | ".join([*(f"{name} covers" for name in methods), *(f"{name} width" for name in methods)])


def main() -> None:
    """Simulate, then print."""
    given = parse_options("Simulate corrected means on the cluster shape of CROSS.", seed=20_270_114)
    with processes(given.workers) as pool:
        results = [list(pool.map(measure, table)) for table in setups(given.simulations, given.seed)]
        print(f"{given.simulations:,} simulations per row, seed {given.seed}; widths and bias in points.\n")
        print(report(*results))


if __name__ == "__main__":
    main()
