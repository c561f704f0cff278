"""What the simulations share: verdicts on the cluster shape of CROSS, the command line, processes, and tables.

A latent normal score has an effect of each norm, item and sample, so that items of a norm and wordings of an item
stand or fall together; a verdict is 1 where it falls below the quantile of the true rate. So true rates are exact.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Executor, ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from math import sqrt
from typing import Final, TypeVar

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri
from tqdm import tqdm

from lmms_eval_cross.trust.drawing import draw_systematically, drawing_probabilities, stratified_order

CASA = (49, 37, 32, 13, 1)
"""CASA's norms that serve 1, 2, 3, 4, 5 items: 132 norms, 276 items."""
SAFEWORLD = (30, 6, 1)
"""37 norms, 45 items."""
ENGLISH, MULTILINGUAL = 3, 1
"""Samples of an item: three wordings in English, one in another language."""
IMAGES = (1,) * 257 + (2,) * 18 + (3,) * 2 + (4,) * 3 + (5,) * 2
"""Items that each image serves; norms share images."""
JUDGE_ERRORS = (0.20, 0.20, 0.60)
"""Shares of the latent variance of a judge's errors: norm, item, sample."""

COMMON: Final = 0.5
"""Share of the latent variance that several metrics have in common."""

Array = NDArray[np.float64]
Row = TypeVar("Row")
"""What a row of a table simulates."""


@dataclass(frozen=True, slots=True)
class Correlation:
    """Shares of the latent variance; they add up to 1."""

    name: str
    shared: tuple[float, float, float]
    """Norm, item, sample: difficulty, the same for both models."""
    own: tuple[float, float, float, float]
    """Norm, item, sample, round: each model's own."""


STRONG = Correlation("strong", (0.20, 0.20, 0.15), (0.15, 0.15, 0.05, 0.10))
LOW = Correlation("low", (0.15, 0.10, 0.35), (0.01, 0.04, 0.20, 0.15))
MODERATE = Correlation("moderate", (0.25, 0.15, 0.20), (0.05, 0.10, 0.10, 0.15))


def norm_items(*counts: tuple[int, ...]) -> tuple[int, ...]:
    """Items of each norm: (49, 37) -> 49 ones and 37 twos."""
    return tuple(k for subset in counts for k, norms in enumerate(subset, start=1) for _ in range(norms))


ALL_NORMS = norm_items(CASA, SAFEWORLD)


class Simulation:
    """Random draws over the samples of norms that serve so many items each."""

    def __init__(
        self, seed: int, norms: tuple[int, ...] = ALL_NORMS, samples_per_item: int = ENGLISH + MULTILINGUAL
    ) -> None:
        self.generator = np.random.default_rng(seed)
        item_norm = np.repeat(np.arange(len(norms)), norms)
        self._item = np.repeat(np.arange(len(item_norm)), samples_per_item)
        self._norm = item_norm[self._item]
        self.clusters: list[int] = self._norm.tolist()
        """The norm of each sample."""

    def latent(self, shares: tuple[float, ...], many: int = 1) -> Array:
        """Sums of norm, item and sample effects, shape (many, samples)."""
        owners = (self._norm, self._item, np.arange(len(self._norm)))
        effects = [self.generator.standard_normal((many, owner.max() + 1)) for owner in owners]
        norm, item, sample = (effect * np.sqrt(share) for effect, share in zip(effects, shares, strict=True))
        return np.asarray(norm[:, self._norm] + item[:, self._item] + sample)

    def verdicts(
        self, shared: Array, own: tuple[float, ...], rates: float | Array, rounds: int = 1, images: float = 0.0
    ) -> Array:
        """0/1 verdicts of one model, shape (many, samples, rounds).

        `shared` is its difficulty, shape (many, samples), as `rates` may have; `images` is the images' share of what is
        its own.
        """
        effects = shared + np.sqrt(1 - images) * self.latent(own[:3], len(shared))
        if images:
            effects = effects + np.sqrt(images * sum(own[:3])) * self.of_images(len(shared))
        noise = self.generator.standard_normal((*effects.shape, rounds)) * np.sqrt(own[3])
        cut = np.broadcast_to(ndtri(rates), effects.shape)[..., None]
        return np.asarray(effects[..., None] + noise < cut, dtype=np.float64)

    def of_images(self, many: int) -> Array:
        """An effect of each image, which items of any norm may share, shape (many, samples)."""
        image_of = self.generator.permutation(np.repeat(np.arange(len(IMAGES)), IMAGES))
        effects = self.generator.standard_normal((many, len(IMAGES)))
        return np.asarray(effects[:, image_of[self._item]])

    def answered(self, effects: Array, noise: float, rates: Array) -> Array:
        """0/1 verdicts where each sample has its own true rate, all arrays of shape (samples,)."""
        drawn = self.generator.standard_normal(len(effects)) * np.sqrt(noise)
        return np.asarray(effects + drawn < ndtri(rates), dtype=np.float64)

    def judged(self, truth: Array, judge: tuple[float, float]) -> Array:
        """Scores by a judge of this sensitivity and specificity, where people would say `truth`."""
        right = self.latent(JUDGE_ERRORS)[0] < np.where(truth == 1, *ndtri(judge))
        return np.asarray(np.where(right, truth, 1 - truth), dtype=np.float64)

    def draw_anchor(
        self, outcomes: Sequence[str], n: int, drawn: Array | None = None
    ) -> tuple[NDArray[np.intp], Array]:
        """Positions of n answers drawn as `anchor build` does, and their probabilities in this draw.

        `drawn` are the probabilities of a draw before, which gave these answers.
        """
        probabilities = drawing_probabilities(outcomes, n, None if drawn is None else drawn.tolist())
        order = stratified_order([(outcome,) for outcome in outcomes], self.generator)
        positions = draw_systematically(probabilities, order, self.generator)
        return positions, probabilities[positions]


@dataclass(frozen=True, slots=True)
class Options:
    """What the command line asks for."""

    simulations: int
    """Per row."""
    seed: int
    workers: int


def parse_options(description: str, seed: int, simulations: int = 4_000) -> Options:
    """The command line; `seed` and `simulations` are those that stand in for none, minutes on two idle cores."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--simulations", type=int, default=simulations, help="per row")
    parser.add_argument("--seed", type=int, default=seed)
    parser.add_argument("--workers", type=int, default=2, help="processes")
    parser.add_argument("--quick", action="store_true", help="200 simulations per row: shows that it runs")
    given = parser.parse_args()
    return Options(200 if given.quick else given.simulations, given.seed, given.workers)


def print_rows(given: Options, measure: Callable[[Row], list[str]], rows: Sequence[Row], header: str) -> None:
    """Measure rows in processes, a bar on stderr, and print them as a Markdown table."""
    with processes(given.workers) as pool:
        told = list(tqdm(pool.map(measure, rows), total=len(rows), unit="row", disable=None))
    print(f"{given.simulations:,} simulations per row, seed {given.seed}.\n")
    print(markdown_table(header, told))


@contextmanager
def processes(workers: int) -> Iterator[Executor]:
    """So many processes; at the end of the block stderr is told how long it took."""
    started = time.monotonic()
    with ProcessPoolExecutor(workers) as pool:
        yield pool
    print(f"\nTook {time.monotonic() - started:.0f} s with {workers} processes.", file=sys.stderr)


def effects_of_metrics(
    simulation: Simulation, correlation: Correlation, metrics: int
) -> Iterator[tuple[Array, Array, Array]]:
    """Yield a metric's latent effects, each of shape (samples,): difficulty, the baseline's own, the candidate's own.

    Metrics have `COMMON` of that variance in common.
    """
    parts = (correlation.shared, correlation.own[:3], correlation.own[:3])
    common = [simulation.latent(part)[0] for part in parts]
    for _ in range(metrics):
        apart = [simulation.latent(part)[0] for part in parts]
        both = zip(common, apart, strict=True)
        difficulty, before, after = (sqrt(COMMON) * shared + sqrt(1 - COMMON) * own for shared, own in both)
        yield difficulty, before, after


def share(values: Array | list[bool]) -> str:
    """Per cent of what is 1, leaving out NaN: `4.9%`."""
    kept = np.asarray(values, dtype=np.float64)
    kept = kept[~np.isnan(kept)]
    return f"{100 * kept.mean():.1f}%" if len(kept) else "-"


def markdown_table(header: str, rows: Iterable[list[str]]) -> str:
    """A Markdown table; `header` names its columns, separated by |."""
    names = [name.strip() for name in header.split("|")]
    lines = [names, ["---"] * len(names), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)
