"""Differences between runs on the samples that they share, and what may be said of them."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import product
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
    """A run against the first one of its group."""

    baseline: str
    candidate: str
    measures: dict[Measure, Difference]


def compare_within(groups: Sequence[Sequence[Measured]]) -> list[RunDifference]:
    """Of every group, each further run against the first, paired by sample.

    A finding is made at 5% two-sided, with Holm's correction over the runs that are compared, and only if it stands, so
    corrected, with the failures filled either way. Measures are not corrected for their number: the verdict is on
    compliance, and no other cell is coloured.
    """
    pairs: list[tuple[Measured, Measured]] = []
    for baseline, *others in groups:
        pairs += product([baseline], others)
    comparisons = [RunDifference(before.label, after.label, {}) for before, after in pairs]
    for measure in MEASURES:
        cells = [paired(before.table, after.table, measure) for before, after in pairs]
        for comparison, cell, finding in zip(comparisons, cells, _findings(cells), strict=True):
            comparison.measures[measure] = _difference(cell, finding)
    return comparisons


def _findings(cells: Sequence[FailureBounds | None]) -> list[Finding]:
    """What may be said of each run, corrected for their number, without failures and with them filled."""
    views: list[list[PairedDifference | None]] = [[], [], []]
    for cell in cells:
        three = (None, None, None) if cell is None else (cell.complete, cell.against, cell.in_favour)
        for view, difference in zip(views, three, strict=True):
            view.append(difference)
    shown = zip(*map(_directions, views), strict=True)
    return [_finding(*directions) for directions in shown]


def _directions(differences: Sequence[PairedDifference | None]) -> list[Finding]:
    """What each difference shows at 5%, two-sided, with Holm's correction over all of them."""
    adjusted = holm([two_sided(difference) for difference in differences])
    return [_direction(*pair) for pair in zip(differences, adjusted, strict=True)]


def _direction(difference: PairedDifference | None, adjusted_p: float) -> Finding:
    if difference is None or difference.standard_error is None:
        return "too_few"
    if adjusted_p >= ALPHA:
        return "undecided"
    if difference.difference > 0:
        return "better"
    return "worse"


def _finding(complete: Finding, against: Finding, in_favour: Finding) -> Finding:
    if complete in ("too_few", "undecided") or complete == against == in_favour:
        return complete
    return "failures_decide"


def paired(
    before: ScoreTable, after: ScoreTable, measure: Measure, sample_ids: Iterable[str] | None = None
) -> FailureBounds | None:
    """The difference on the samples that both have, or on some of them; None where there are none."""
    rows_before: list[int] = []
    rows_after: list[int] = []
    for sample_id in before.place if sample_ids is None else sample_ids:
        if sample_id in before.place and sample_id in after.place:
            rows_before.append(before.place[sample_id])
            rows_after.append(after.place[sample_id])
    if not rows_before:
        return None
    scores = before.by_round(measure)[rows_before], after.by_round(measure)[rows_after]
    return bounds_with_failures(*scores, before.norm_ids[rows_before], ALPHA)


def two_sided(difference: PairedDifference | None) -> float:
    """The two-sided p value, 1 where there is none."""
    smallest = 1.0
    if difference is None:
        return smallest
    for test in (superiority, inferiority):
        p_value = test(difference).p_value
        if p_value is not None:
            smallest = min(smallest, 2 * p_value)
    return smallest


def _difference(bounds: FailureBounds | None, finding: Finding) -> Difference:
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
        finding=finding,
    )


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
