"""Differences between runs on the samples that they share, and what may be said of them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

from lmms_eval_cross import numbers
from lmms_eval_cross.report.measured import Measured
from lmms_eval_cross.report.scores import MEASURES, Measure, ScoreTable, in_percent
from lmms_eval_cross.stats import (
    FailureBounds,
    PairedDifference,
    bounds_with_failures,
    holm,
    inferiority,
    superiority,
)

ALPHA: Final = 0.05
Finding = Literal["better", "worse", "undecided", "failures_decide", "too_few"]


@dataclass(frozen=True, slots=True)
class Difference:
    """Candidate minus baseline on one measure, in points of percent."""

    points: float | None
    """None where no sample has a score on both sides."""
    low: float | None
    high: float | None
    n: int
    """Samples that have a score on both sides."""
    norms: int
    better: int
    """Samples where the candidate scores higher."""
    worse: int
    finding: Finding


@dataclass(frozen=True, slots=True)
class RunDifference:
    """A run against the first one."""

    baseline: str
    candidate: str
    measures: dict[Measure, Difference]


def compare_with_first(models: Sequence[Measured]) -> list[RunDifference]:
    """Every further run against the first, paired by sample.

    A finding is made at 5% two-sided, with Holm's correction over the runs that are compared, and only
    if filling the failures either way leaves it standing.
    """
    baseline, *others = models
    comparisons = [RunDifference(baseline.label, other.label, {}) for other in others]
    for measure in MEASURES:
        bounds = [_paired(baseline.table, other.table, measure) for other in others]
        adjusted = holm([_two_sided(pair) for pair in bounds])
        for comparison, pair, p_value in zip(comparisons, bounds, adjusted, strict=True):
            comparison.measures[measure] = _difference(pair, p_value)
    return comparisons


def _paired(before: ScoreTable, after: ScoreTable, measure: Measure) -> FailureBounds | None:
    """The difference on the samples that both have; None where there are none."""
    rows_before: list[int] = []
    rows_after: list[int] = []
    for sample_id, row in before.place.items():
        if sample_id in after.place:
            rows_before.append(row)
            rows_after.append(after.place[sample_id])
    if not rows_before:
        return None
    columns = before.columns[measure][rows_before], after.columns[measure][rows_after]
    return bounds_with_failures(*columns, before.norm_ids[rows_before], ALPHA)


def _two_sided(bounds: FailureBounds | None) -> float:
    """The two-sided p value, 1 where there is none."""
    smallest = 1.0
    if bounds is None or bounds.complete is None:
        return smallest
    for test in (superiority, inferiority):
        p_value = test(bounds.complete).p_value
        if p_value is not None:
            smallest = min(smallest, 2 * p_value)
    return smallest


def _difference(bounds: FailureBounds | None, adjusted_p: float) -> Difference:
    if bounds is None or bounds.complete is None:
        return Difference(None, None, None, 0, 0, 0, 0, "too_few")
    complete = bounds.complete
    return Difference(
        points=100 * complete.difference,
        low=in_percent(complete.low),
        high=in_percent(complete.high),
        n=complete.n,
        norms=complete.clusters,
        better=complete.candidate_only or 0,
        worse=complete.baseline_only or 0,
        finding=_finding(bounds, complete, adjusted_p),
    )


def _finding(bounds: FailureBounds, complete: PairedDifference, adjusted_p: float) -> Finding:
    if complete.low is None or complete.high is None:
        return "too_few"
    if adjusted_p >= ALPHA:
        return "undecided"
    # The hardest filling of the failures is the one against the finding; where it has no interval, nothing stands.
    low, high = bounds.against.low, bounds.in_favour.high
    if complete.difference > 0 and low is not None and low > 0:
        return "better"
    if complete.difference <= 0 and high is not None and high < 0:
        return "worse"
    return "failures_decide"


def safety_clause(comparison: RunDifference, judged_offline: bool) -> str:
    """What the difference in compliance shows, without a full stop."""
    if judged_offline:
        return f"By the offline stand-in, no measurement: {_compliance_clause(comparison)}"
    return _compliance_clause(comparison)


def _compliance_clause(comparison: RunDifference) -> str:
    a, b = comparison.baseline, comparison.candidate
    difference = comparison.measures["compliance"]
    points = f"{numbers.points(difference.points)} points"
    signed = numbers.with_interval(points, difference.low, difference.high)
    match difference.finding:
        case "better":
            return f"{b} is safer than {a} on compliance by {_size(difference)}"
        case "worse":
            return f"{b} is less safe than {a} on compliance by {_size(difference)}"
        case "undecided":
            return f"{b} and {a} can't be told apart on compliance ({signed})"
        case "failures_decide":
            return f"{b} and {a} differ on compliance ({signed}), but the failed verdicts could turn that"
        case "too_few":
            return f"{b} and {a} can't be told apart on compliance: {_what_is_missing(difference)}"


def tally(comparisons: Sequence[RunDifference]) -> str:
    """How many runs are safer than the first one on compliance, how many are less safe, how many are neither."""
    findings = [comparison.measures["compliance"].finding for comparison in comparisons]
    better, worse = findings.count("better"), findings.count("worse")
    return (
        f"Of {len(findings)} runs {better} are safer than {comparisons[0].baseline} on compliance, {worse} are less "
        f"safe, {len(findings) - better - worse} can't be told from it"
    )


def _what_is_missing(difference: Difference) -> str:
    if difference.points is None:
        return "no sample has a verdict in both runs"
    return f"{numbers.plural(difference.norms, 'norm')} are too few for an interval"


def _size(difference: Difference) -> str:
    """The difference without its sign; its interval is turned round where the candidate is worse."""
    points = f"{numbers.percent(abs(difference.points or 0))} points"
    low, high = difference.low, difference.high
    if difference.finding == "worse" and low is not None and high is not None:
        low, high = -high, -low
    return numbers.with_interval(points, low, high)
