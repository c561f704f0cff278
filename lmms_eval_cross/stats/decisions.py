"""The gate: not worse, worse, or no verdict; over several metrics and whatever the failures hide."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from lmms_eval_cross.stats.clusters import FloatArray, as_rounds, mean_of_rounds
from lmms_eval_cross.stats.paired import PairedDifference, checked_margin, holm, inferiority, paired_difference

Decision = Literal["not worse", "worse", "inconclusive"]

FAILURES_COULD_TURN_IT = "failures could turn the decision"
DATA_CANNOT_DECIDE = "the data cannot decide at these margins"
NO_COMPLETE_PAIR = "no sample has a verdict on both sides"


@dataclass(frozen=True, slots=True)
class FailureBounds:
    """One metric's difference seen three ways: without the failures, and with the two extreme fillings."""

    complete: PairedDifference | None
    """Samples with a verdict on both sides; None where there is no such sample."""
    against: PairedDifference
    """Every failed verdict of the baseline filled with 1, of the candidate with 0."""
    in_favour: PairedDifference
    """The reverse."""
    baseline_failures: int
    """Failed verdicts (not samples: a sample has one verdict a round)."""
    candidate_failures: int


@dataclass(frozen=True, slots=True)
class GateVerdict:
    """What the gate says of all metrics together."""

    decision: Decision
    reason: str | None
    """Why there is no verdict; None where there is one."""
    metrics: Mapping[str, Decision]
    """Each metric's own decision on complete pairs."""


def gate_decision(lower: float | None, upper: float | None, margin: float) -> Decision:
    """Decide one metric from the one-sided bounds L and U of candidate minus baseline.

    Not worse if L > -margin; worse if U < 0 and L <= -margin; else inconclusive, as without bounds.
    """
    checked_margin(margin)
    if lower is None or upper is None:
        return "inconclusive"
    if lower > -margin:
        return "not worse"
    if upper < 0:
        return "worse"
    return "inconclusive"


def decide_each(
    differences: Mapping[str, PairedDifference | None], margins: Mapping[str, float], level: float | None = None
) -> dict[str, Decision]:
    """Decide every metric by `gate_decision`, with Holm's correction before any is called worse.

    "Worse" for one metric is enough to fail, so k metrics have k chances of a false alarm: U < 0
    must hold at Holm's level. "Not worse" needs all of them and therefore no correction (Berger,
    Technometrics 1982). With one metric it is `gate_decision`. None stands for a metric without pairs.
    `level` is the part of alpha that false alarms may take; without it they may take all.
    """
    if set(differences) != set(margins):
        raise ValueError(f"margins must name the metrics {sorted(differences)}, got {sorted(margins)}")
    adjusted = holm([p_value_of_worse(difference) for difference in differences.values()])
    return {
        name: decide_corrected(difference, p_value, margins[name], level)
        for (name, difference), p_value in zip(differences.items(), adjusted, strict=True)
    }


def p_value_of_worse(difference: PairedDifference | None) -> float:
    """Return the p value of `inferiority`, 1 where there is none, so that the family keeps its size."""
    if difference is None:
        return 1.0
    p_value = inferiority(difference).p_value
    if p_value is None:
        return 1.0
    return p_value


def decide_corrected(
    difference: PairedDifference | None, adjusted_p: float, margin: float, level: float | None = None
) -> Decision:
    """Decide one metric of several."""
    if difference is None:
        return "inconclusive"
    decision = gate_decision(difference.lower_bound, difference.upper_bound, margin)
    if decision == "worse" and adjusted_p >= (level or difference.alpha):
        return "inconclusive"
    return decision


def combine_decisions(decisions: Iterable[Decision]) -> Decision:
    """Worse if any is, not worse if all are, else inconclusive; ValueError without any."""
    distinct = set(decisions)
    if not distinct:
        raise ValueError("decisions must hold at least one, got none")
    if "worse" in distinct:
        return "worse"
    if distinct == {"not worse"}:
        return "not worse"
    return "inconclusive"


def bounds_with_failures(
    baseline: ArrayLike,
    candidate: ArrayLike,
    clusters: Iterable[Hashable],
    alpha: float = 0.05,
    *,
    skew_safe: bool = False,
) -> FailureBounds:
    """Return the paired difference without failures and with both worst cases (Manski, AER 1990).

    Each side has shape (n,) or (n, rounds), scores in 0..1, NaN for a failed verdict; rounds need not agree in
    number. Fillings come before averaging, so a failure in one of three rounds counts a third. `skew_safe` as for
    `paired_difference`.
    """
    before, after = as_rounds("baseline", baseline), as_rounds("candidate", candidate)
    if len(before) != len(after):
        raise ValueError(f"candidate must have one row per baseline row, got {len(after)} for {len(before)}")
    labels = list(clusters)
    complete = complete_difference(mean_of_rounds(before), mean_of_rounds(after), labels, alpha, skew_safe=skew_safe)
    if complete is not None and not np.isnan(before).any() and not np.isnan(after).any():
        return FailureBounds(complete, complete, complete, 0, 0)
    return FailureBounds(
        complete=complete,
        against=paired_difference(filled(before, 1.0), filled(after, 0.0), labels, alpha, skew_safe=skew_safe),
        in_favour=paired_difference(filled(before, 0.0), filled(after, 1.0), labels, alpha, skew_safe=skew_safe),
        baseline_failures=int(np.isnan(before).sum()),
        candidate_failures=int(np.isnan(after).sum()),
    )


def filled(rounds: FloatArray, value: float) -> FloatArray:
    """Replace failures by `value` and average over rounds: (n, rounds) -> (n,)."""
    return np.asarray(np.where(np.isnan(rounds), value, rounds).mean(axis=1), dtype=np.float64)


def complete_difference(
    before: FloatArray, after: FloatArray, labels: list[Hashable], alpha: float, *, skew_safe: bool
) -> PairedDifference | None:
    """Return the difference over samples that have a score on both sides, None if there are none."""
    if len(labels) != len(before):
        raise ValueError(f"clusters must name one cluster per score, got {len(labels)} for {len(before)} scores")
    scored = np.flatnonzero(~np.isnan(before - after))
    if len(scored) == 0:
        return None
    if len(scored) < len(labels):
        before, after, labels = before[scored], after[scored], [labels[i] for i in scored]
    return paired_difference(before, after, labels, alpha, skew_safe=skew_safe)


def decide_with_failures(
    bounds: Mapping[str, FailureBounds], margins: Mapping[str, float], level: float | None = None
) -> GateVerdict:
    """Decide all metrics by `decide_each`; a verdict must hold for complete pairs and for both extreme fillings.

    "Not worse" is hardest with all failures against the candidate, "worse" with all in its favour; a
    decision that stands at both ends stands between them (short of one cluster dominating the error).
    """
    metrics = decide_each({name: metric.complete for name, metric in bounds.items()}, margins, level)
    decision = combine_decisions(metrics.values())
    if decision == "inconclusive":
        return GateVerdict(decision, why_undecided(bounds, metrics), metrics)
    against = {name: metric.against for name, metric in bounds.items()}
    in_favour = {name: metric.in_favour for name, metric in bounds.items()}
    for filling in (against, in_favour):
        if combine_decisions(decide_each(filling, margins, level).values()) != decision:
            return GateVerdict("inconclusive", FAILURES_COULD_TURN_IT, metrics)
    return GateVerdict(decision, None, metrics)


def why_undecided(bounds: Mapping[str, FailureBounds], metrics: Mapping[str, Decision]) -> str:
    """Name the first obstacle among the undecided metrics: no pairs, too few clusters, or simply too wide bounds."""
    undecided = [bounds[name].complete for name, decision in metrics.items() if decision == "inconclusive"]
    if any(difference is None for difference in undecided):
        return NO_COMPLETE_PAIR
    return next((metric.reason for metric in undecided if metric and metric.reason), DATA_CANNOT_DECIDE)
