"""How numbers and decisions are said, the same in every output."""

from __future__ import annotations

import re
from decimal import ROUND_CEILING, Decimal
from typing import Final

from lmms_eval_cross.compare.comparison import Comparison, MetricResult
from lmms_eval_cross.compare.corrected_rounds import CorrectedRound
from lmms_eval_cross.compare.rounds import Side
from lmms_eval_cross.stats import Corrected, Decision, Interval, minimum_detectable_effect

NOT_A_MEASUREMENT: Final = "OFFLINE JUDGE: not a measurement"
NONE: Final = "-"
VERDICTS: Final[dict[Decision, str]] = {"not worse": "not worse", "worse": "WORSE", "inconclusive": "no verdict"}

_UNPRINTABLE: Final = re.compile("[^\t\n\r\x20-\x7e\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def printable(text: str) -> str:
    """`text` without what a terminal would obey and XML and UTF-8 can't carry: control characters, lone surrogates."""
    return _UNPRINTABLE.sub("\ufffd", text)


def percent(score: float) -> str:
    """A score in 0..1 as percent: `91.7`."""
    return f"{100 * score:.1f}"


def points(change: float | None) -> str:
    """A change in -1..1 as signed points: `-12.5`; a dash for None; no `-0.0`."""
    if change is None:
        return NONE
    rounded = round(100 * change, 1) or 0.0
    return f"{rounded:+.1f}"


def span(low: float | None, high: float | None) -> str:
    """A pair of bounds: `-20.1 to -4.9`."""
    return NONE if low is None or high is None else f"{points(low)} to {points(high)}"


def margin(value: float | None) -> str:
    """A margin in points; a dash where there is none."""
    return NONE if value is None else f"{value:g}"


def verdict(metric: MetricResult) -> str:
    """What the table says of a metric."""
    return "(not gated)" if metric.decision is None else VERDICTS[metric.decision]


def headline(comparison: Comparison) -> str:
    """The decision in two words, with the exit code."""
    return f"{VERDICTS[comparison.decision]} (exit {comparison.exit_code})"


def sides(comparison: Comparison) -> str:
    """Who is compared, with the rounds where there are several."""
    return f"{_side(comparison.baseline)} -> {_side(comparison.candidate)}"


def _side(side: Side) -> str:
    rounds = f", {len(side.rounds)} rounds" if len(side.rounds) > 1 else ""
    return printable(f"{side.name} ({side.model}{rounds})")


def judged(comparison: Comparison) -> str:
    """Who judged, by which rubric, on how many samples; nothing where the sides differ in that."""
    if not comparison.samples:
        return ""
    provenance = comparison.candidate.judging[0][1].provenance
    partial = any(judging.provenance.partial for _, judging in comparison.candidate.judging)
    return (
        f"{comparison.samples:,} samples of {comparison.clusters} norms{' (partial data)' if partial else ''}; "
        f"judge rates by {provenance.judge_id}, {provenance.rubric} rubric {provenance.rubric_sha256[:8]}"
    )


def bridged(comparison: Comparison) -> str:
    """That two judges scored, and what was done about it; nothing where one did."""
    told = comparison.crossing
    if told is None:
        return ""
    return printable(
        f"Over a bridge: the baseline was judged by {told.old}, and its scores are set on the scale of {told.new} by "
        f"{told.answers:,} answers of {told.name} that both judged; the bridge's error is in the bounds."
    )


def estimate(found: Interval | Corrected | None) -> str:
    """A mean with its two-sided interval, and the run's: `61.8 (55.2 to 68.0; run 59.1 to 64.4)`."""
    if found is None:
        return NONE
    ends = (
        "no interval" if found.low is None or found.high is None else f"{percent(found.low)} to {percent(found.high)}"
    )
    return f"{percent(found.mean)} ({ends}{_of_run(found)})"


def _of_run(found: Interval | Corrected) -> str:
    if isinstance(found, Interval) or found.run_low is None or found.run_high is None:
        return ""
    return f"; run {percent(found.run_low)} to {percent(found.run_high)}"


CORRECTED_COLUMNS: Final = ("corrected by labels", "judge rate", "Rogan-Gladen", "PPI++", "labels")


def corrected_row(each: CorrectedRound) -> list[str]:
    """The cells below CORRECTED_COLUMNS."""
    found = each.found
    means = [estimate(mean) for mean in (found.judge_rate, found.rogan_gladen, found.ppi)]
    return [printable(f"{each.side} {each.round}: {found.dimension}"), *means, str(found.labels)]


def corrected_note(comparison: Comparison) -> str:
    """What the corrected means are and are not."""
    said = [
        f"In percent, with {100 * (1 - comparison.rules.alpha):g}% intervals for the rate over norms like these and, "
        'after "run", for what people would say of the round\'s own answers; the decision is on judge rates.'
    ]
    if comparison.crossing:
        said.append("The judge rates in this table are each judge's own, not set over the bridge.")
    if any(not each.found.of_run for each in comparison.corrected):
        said.append("Without PPI++ the labels are of other answers, and the judge is taken to err here as there.")
    return " ".join(said)


def reasons(comparison: Comparison) -> list[str]:
    """Why there is no verdict, a sentence each; empty where there is one."""
    if comparison.decision != "inconclusive":
        return []
    if comparison.obstacles:
        return comparison.obstacles
    open_metrics = [each for each in comparison.metrics if each.decision == "inconclusive"]
    if comparison.only_data_undecided:
        return [
            "These data can't decide at the given margins. The smallest that they decide: "
            f"{', '.join(_smallest(each) for each in open_metrics)} points."
        ]
    reason = str(comparison.undecided_by)
    named = f" ({', '.join(each.name for each in open_metrics)})" if open_metrics else ""
    return [f"{reason[:1].upper()}{reason[1:]}{named}."]


def _smallest(metric: MetricResult) -> str:
    return f"{metric.name} {_rounded_up(metric.smallest_margin)} (given {margin(metric.margin)})"


def _rounded_up(margin: float | None) -> str:
    """A margin with one digit that is no smaller: typed back, it must decide as well."""
    return NONE if margin is None else str(Decimal(margin).quantize(Decimal("0.1"), ROUND_CEILING))


def typical_effect(metric: MetricResult) -> float | None:
    """The margin in points that two equal models are shown to keep with 80% power; None without an error."""
    found = metric.difference
    if found is None or found.standard_error is None:
        return None
    return 100 * minimum_detectable_effect(found.standard_error, found.clusters, found.alpha)


def sentence(comparison: Comparison) -> str:
    """What was decided, with the exit code: the last words of every output."""
    code = f"Exit {comparison.exit_code}"
    if comparison.decision == "not worse":
        gated = [f"{each.name} {margin(each.margin)}" for each in comparison.metrics if each.margin is not None]
        return f"{code}, not worse: shown to be within the margin for {', '.join(gated)} points."
    if comparison.decision == "worse":
        fallen = [_fall(each) for each in comparison.metrics if each.decision == "worse"]
        return f"{code}, worse: {'; '.join(fallen)}."
    allowed = ", let through by --inconclusive pass" if comparison.exit_code == 0 else ""
    return f"{code}, no verdict{allowed}: {' '.join(reasons(comparison))}"


def _fall(metric: MetricResult) -> str:
    found = metric.difference
    if found is None or found.upper_bound is None:
        raise ValueError(f"{metric.name} is called worse without a bound")
    least = -100 * found.upper_bound
    return f"{metric.name} fell by {-100 * found.difference:.1f} points (at least {least:.1f})"


def confirmed(comparison: Comparison) -> str:
    """What asking again showed; nothing where it was not done."""
    told = comparison.confirmation
    if told is None:
        return ""
    rate = "none came" if told.flip_rate is None else f"{told.flip_rate:.1f}% flipped"
    failed = f", {told.failed:,} failed" if told.failed else ""
    decided = ", ".join(sorted(set(told.decisions)))
    return (
        f"Asked again by {told.judge_id}: {told.asked:,} verdicts on {told.answers:,} answers, {rate}{failed}; "
        f"decided {decided} in {len(told.decisions)} repeat{'s' if len(told.decisions) > 1 else ''}."
    )
