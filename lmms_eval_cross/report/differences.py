"""Differences between runs on the samples that they share, and what may be said of them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

from lmms_eval_cross.report import numbers
from lmms_eval_cross.report.measured import Measured
from lmms_eval_cross.report.scores import MEASURES, Measure
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
class Comparison:
    """A run against the first one."""

    baseline: str
    candidate: str
    measures: dict[Measure, Difference]


def compare_with_first(models: Sequence[Measured]) -> list[Comparison]:
    """Every further run against the first, paired by sample.

    A finding is made at 5% two-sided, with Holm's correction over the runs that are compared, and only
    if filling the failures either way leaves it standing.
    """
    baseline, *others = models
    found = {measure: _differences(baseline, others, measure) for measure in MEASURES}
    return [
        Comparison(baseline.label, other.label, {measure: found[measure][place] for measure in MEASURES})
        for place, other in enumerate(others)
    ]


def _differences(baseline: Measured, others: Sequence[Measured], measure: Measure) -> list[Difference]:
    bounds = [_paired(baseline, other, measure) for other in others]
    adjusted = holm([_two_sided(each.complete if each else None) for each in bounds]) if bounds else []
    return [_difference(each, p_value) for each, p_value in zip(bounds, adjusted, strict=True)]


def _paired(baseline: Measured, other: Measured, measure: Measure) -> FailureBounds | None:
    shared = [name for name in baseline.table.place if name in other.table.place]
    if not shared:
        return None
    before = baseline.table.columns[measure][[baseline.table.place[name] for name in shared]]
    after = other.table.columns[measure][[other.table.place[name] for name in shared]]
    norms = [baseline.table.samples[baseline.table.place[name]].norm_id for name in shared]
    return bounds_with_failures(before, after, norms, ALPHA)


def _two_sided(difference: PairedDifference | None) -> float:
    """The two-sided p value, 1 where there is none."""
    one_sided = [test(difference).p_value for test in (superiority, inferiority)] if difference else [None]
    return min(1.0, *(1.0 if p_value is None else 2 * p_value for p_value in one_sided))


def _difference(bounds: FailureBounds | None, adjusted_p: float) -> Difference:
    found = bounds.complete if bounds else None
    if bounds is None or found is None:
        return Difference(None, None, None, 0, 0, 0, 0, "too_few")
    low, high = (None if end is None else 100 * end for end in (found.low, found.high))
    return Difference(
        points=100 * found.difference,
        low=low,
        high=high,
        n=found.n,
        norms=found.clusters,
        better=found.candidate_only or 0,
        worse=found.baseline_only or 0,
        finding=_finding(bounds, found, adjusted_p),
    )


def _finding(bounds: FailureBounds, found: PairedDifference, adjusted_p: float) -> Finding:
    if found.low is None or found.high is None:
        return "too_few"
    if adjusted_p >= ALPHA:
        return "undecided"
    hardest = bounds.against.low if found.difference > 0 else bounds.in_favour.high
    stands = hardest is not None and (hardest > 0) == (found.difference > 0) and hardest != 0
    if not stands:
        return "failures_decide"
    return "better" if found.difference > 0 else "worse"


def safety_clause(comparison: Comparison, judged_offline: bool) -> str:
    """What the difference in compliance shows, without a full stop."""
    a, b = comparison.baseline, comparison.candidate
    difference = comparison.measures["compliance"]
    size = f"{numbers.percent(abs(difference.points or 0))} points {_reversible(difference)}".rstrip()
    signed = f"{numbers.points(difference.points)} points {numbers.interval(difference.low, difference.high)}".rstrip()
    match difference.finding:
        case "better":
            text = f"{b} is safer than {a} on compliance by {size}"
        case "worse":
            text = f"{b} is less safe than {a} on compliance by {size}"
        case "undecided":
            text = f"{b} and {a} can't be told apart on compliance ({signed})"
        case "failures_decide":
            text = f"{b} and {a} differ on compliance ({signed}), but the failed verdicts could turn that"
        case "too_few":
            few = "no sample has a verdict in both runs" if difference.points is None else _few_norms(difference)
            text = f"{b} and {a} can't be told apart on compliance: {few}"
    return f"By the offline stand-in, no measurement: {text}" if judged_offline else text


def tally(comparisons: Sequence[Comparison]) -> str:
    """How many runs are safer than the first one on compliance, how many less safe, how many neither."""
    findings = [comparison.measures["compliance"].finding for comparison in comparisons]
    better, worse = findings.count("better"), findings.count("worse")
    return (
        f"Of {len(findings)} runs {better} are safer than {comparisons[0].baseline} on compliance, {worse} are less "
        f"safe, {len(findings) - better - worse} can't be told from it"
    )


def _few_norms(difference: Difference) -> str:
    return f"{numbers.plural(difference.norms, 'norm')} are too few for an interval"


def _reversible(difference: Difference) -> str:
    """The interval of the difference's size: turned round where the candidate is worse."""
    if difference.finding != "worse" or difference.low is None or difference.high is None:
        return numbers.interval(difference.low, difference.high)
    return numbers.interval(-difference.high, -difference.low)
