"""What a comparison is told and what it finds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import inf, nextafter
from typing import Final

from lmms_eval_cross.benchmark.facets import OWN_FACETS, Facets
from lmms_eval_cross.compare.changes import SampleChange
from lmms_eval_cross.compare.confirm import Confirmation
from lmms_eval_cross.compare.corrected_rounds import Corrections
from lmms_eval_cross.compare.crossing import Crossing
from lmms_eval_cross.compare.gated_before import GatedBefore
from lmms_eval_cross.compare.labelled_sides import LabelledSides
from lmms_eval_cross.compare.looks import Looks
from lmms_eval_cross.compare.rounds import Side
from lmms_eval_cross.compare.worst_slices import SHARE, Slice, SliceRule
from lmms_eval_cross.stats import Decision, Interval, PairedDifference
from lmms_eval_cross.stats.decisions import DATA_CANNOT_DECIDE

DEFAULT_MARGIN: Final = 5.0
"""Points."""


@dataclass(frozen=True, slots=True)
class Rules:
    """What the user may choose."""

    margins: Mapping[str, float] = field(default_factory=dict)
    """Gated metric -> margin in points; empty: the four dimensions at DEFAULT_MARGIN."""
    alpha: float = 0.05
    min_coverage: float = 99
    """Percent of verdicts; below it there is no verdict."""
    pass_undecided: bool = False
    """Exit 0 where the data alone can't decide."""
    resamples: int = 10_000
    slices: SliceRule = "warn"
    judge_accuracy: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    """Dimension -> the judge's sensitivity and specificity against people, taken to be the same on both sides."""
    facets: Facets = OWN_FACETS
    """What the slices are by."""

    def shrink(self, name: str) -> float:
        """What a margin for what people would say is multiplied by to be one for the judge's rates."""
        if name not in self.judge_accuracy:
            return 1.0
        return sum(self.judge_accuracy[name]) - 1

    @property
    def level(self) -> float:
        """What of alpha false alarms of the metrics as a whole may take."""
        if self.slices == "fail":
            return (1 - SHARE) * self.alpha
        return self.alpha


@dataclass(frozen=True, slots=True)
class MetricResult:
    """One metric: a CROSS dimension, or `task/metric` of another task."""

    name: str
    difference: PairedDifference | None
    """None where no sample has a verdict on both sides, or the metric is on no known scale."""
    method: str
    """`paired` or `plain`."""
    margin: float | None
    """Points; None: shown, not gated."""
    decision: Decision | None = None
    """On its own, before coverage and failures are looked at; None where it is not gated."""
    coverage: tuple[float, float] | None = None
    """Percent of verdicts, baseline and candidate; None for other tasks."""
    bootstrap: Interval | None = None
    """The second opinion on the difference."""
    lowest_bound: float | None = None
    """The lowest lower bound, failures left out or filled either way; None: that of `difference`."""
    shrink: float = 1.0
    """The margin is for what people would say, and times this for the judge's rates, of which `difference` is."""

    @property
    def fell(self) -> bool:
        """Whether the upper bound alone shows a fall, however small; coverage and other metrics are not looked at."""
        difference = self.difference
        return difference is not None and difference.upper_bound is not None and difference.upper_bound < 0

    @property
    def smallest_margin(self) -> float | None:
        """The smallest margin in points at which these data decide; 0 if at any, None if at none."""
        difference, lowest = self.difference, self.lowest_bound
        if difference is None or difference.lower_bound is None:
            return None
        if self.decision != "inconclusive" and self.fell:
            return 0.0  # while a fall that Holm's correction hides is no decision at any smaller margin
        if lowest is None:
            lowest = difference.lower_bound
        return _margin_beyond(lowest / self.shrink)


def _margin_beyond(bound: float) -> float | None:
    """The smallest margin in points that is beyond a lower bound, which may not touch it; None if 100 is not."""
    margin = max(0.0, -100 * bound)
    while bound <= -margin / 100:
        margin = nextafter(margin, inf)
    if margin > 100:
        return None
    return margin


@dataclass(frozen=True, slots=True)
class Comparison:
    """What was found, and what it means for CI."""

    baseline: Side
    candidate: Side
    rules: Rules
    decision: Decision
    undecided_by: str | None
    """Why the statistics have no verdict; None where they have one, or were not asked."""
    obstacles: list[str] = field(default_factory=list)
    """Why there can be no verdict whatever the statistics say, a sentence each."""
    metrics: list[MetricResult] = field(default_factory=list)
    slices: list[Slice] = field(default_factory=list)
    """Worst first."""
    changes: list[SampleChange] = field(default_factory=list)
    samples: int = 0
    clusters: int = 0
    confirmation: Confirmation | None = None
    crossing: Crossing | None = None
    """The bridge between the judges; None where both sides have one judge."""
    looks: Looks | None = None
    """Of a sequential gate; None where everything was judged before."""
    gated: GatedBefore | None = None
    """What `gate` decided of the same runs before; it changes nothing."""
    labelled: LabelledSides | None = None
    """The labels of both sides by which was decided; None where the judge's rates decide."""
    corrected: Corrections = field(default_factory=list)
    """Means corrected by human labels, to look at: they decide nothing. Empty without labels."""

    @property
    def is_measurement(self) -> bool:
        """False where the offline rules judged: then no number here measures anything."""
        return self.baseline.is_measurement and self.candidate.is_measurement

    @property
    def only_data_undecided(self) -> bool:
        """The data are sound but can't decide at these margins: the case that `--inconclusive pass` lets through."""
        return not self.obstacles and self.undecided_by == DATA_CANNOT_DECIDE

    @property
    def has_unpaired(self) -> bool:
        """Some metric is compared by its two values alone."""
        return any(metric.method == "plain" for metric in self.metrics)

    def decided(self, decision: Decision) -> list[MetricResult]:
        """The gated metrics with this decision of their own."""
        return [metric for metric in self.metrics if metric.decision == decision]

    @property
    def fallen_slices(self) -> list[Slice]:
        """Those that are to be named, and with `--slices fail` make the gate `worse`."""
        if self.rules.slices == "off":
            return []
        return [part for part in self.slices if part.is_worse]

    @property
    def untested_slices(self) -> list[tuple[str, str]]:
        """Countries, languages and further facets with too few norms for a test, in order."""
        if self.rules.slices == "off":
            return []
        return sorted({(part.facet, part.value) for part in self.slices if part.is_untested})

    @property
    def exit_code(self) -> int:
        """0 not worse, 1 worse, 3 no verdict."""
        if self.decision == "worse":
            return 1
        let_through = self.only_data_undecided and self.rules.pass_undecided
        if self.decision == "not worse" or let_through:
            return 0
        return 3
