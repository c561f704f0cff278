"""How numbers and decisions are said, the same in every output."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import ROUND_CEILING, Decimal
from itertools import product
from typing import Final

from lmms_eval_cross import numbers
from lmms_eval_cross.compare.comparison import Comparison, MetricResult
from lmms_eval_cross.compare.integrity import unsealed
from lmms_eval_cross.compare.round_means import spread_sentence
from lmms_eval_cross.compare.rounds import Side, answered_alike
from lmms_eval_cross.compare.worst_slices import Slice
from lmms_eval_cross.errors import listing
from lmms_eval_cross.stats import (
    FEWEST_CLUSTERS,
    Corrected,
    Decision,
    Interval,
    PairedDifference,
    minimum_detectable_effect,
)
from lmms_eval_cross.text import printable
from lmms_eval_cross.trust.corrected_means import OTHER_ANSWERS_NOTE, CorrectedMean, far_rates

NOT_A_MEASUREMENT: Final = "OFFLINE JUDGE: not a measurement"
NONE: Final = "-"
FALLS_NAMED: Final = 8
"""Metrics and slices that fell, in a sentence; the tables have all."""
VERDICTS: Final[dict[Decision, str]] = {"not worse": "not worse", "worse": "WORSE", "inconclusive": "no verdict"}


def percent(score: float) -> str:
    """A score in 0..1 as percent: `91.7`."""
    return numbers.plain(100 * score)


def points(change: float | None) -> str:
    """A change in -1..1 as signed points: `-12.5`; a dash for None; no `-0.0`."""
    if change is None:
        return NONE
    return numbers.plain_points(100 * change)


def span(low: float | None, high: float | None) -> str:
    """A pair of bounds: `-20.1 to -4.9`."""
    if low is None or high is None:
        return NONE
    return f"{points(low)} to {points(high)}"


def bounds_name(comparison: Comparison) -> str:
    """What the bounds that decide are called: `one-sided 95% bounds`."""
    return f"one-sided {100 * (1 - comparison.rules.alpha):g}% bounds"


def interval_name(comparison: Comparison) -> str:
    """What the wider intervals are called, which decide nothing: `two-sided 95% interval`."""
    return f"two-sided {100 * (1 - comparison.rules.alpha):g}% interval"


def margin(value: float | None) -> str:
    """A margin in points; a dash where there is none."""
    if value is None:
        return NONE
    return numbers.short(value)


def change_cells(metric: MetricResult) -> list[str]:
    """Baseline, candidate, change and its bounds; dashes where nothing can be compared."""
    difference = metric.difference
    if difference is None:
        return [NONE] * 4
    means = [percent(difference.baseline_mean), percent(difference.candidate_mean)]
    return [*means, points(difference.difference), span(difference.lower_bound, difference.upper_bound)]


def verdict(metric: MetricResult) -> str:
    """What the table says of a metric."""
    if metric.decision is None:
        return "(not gated)"
    return VERDICTS[metric.decision]


def headline(comparison: Comparison) -> str:
    """The decision in two words, with the exit code."""
    return f"{VERDICTS[comparison.decision]} (exit {comparison.exit_code})"


def sides(comparison: Comparison) -> str:
    """Who is compared, with the rounds where there are several."""
    return f"{_side(comparison.baseline)} -> {_side(comparison.candidate)}"


def _side(side: Side) -> str:
    rounds = ""
    if len(side.rounds) > 1:
        rounds = f", {len(side.rounds)} rounds"
    return printable(f"{side.name} ({side.model}{rounds})")


def judged(comparison: Comparison) -> str:
    """Who judged, by which rubric, on how many samples; nothing where the sides differ in that."""
    if not comparison.samples:
        return ""
    provenance = comparison.candidate.judging[0][1].provenance
    samples = f"{comparison.samples:,} samples of {comparison.clusters} norms"
    if any(judging.provenance.partial for _, judging in comparison.candidate.judging):
        samples += " (partial data)"
    if comparison.baseline.is_limited or comparison.candidate.is_limited:
        samples += " (partial: run with --limit)"
    return f"{samples}; judge rates by {provenance.judge_id}, {provenance.rubric} rubric {provenance.rubric_sha256[:8]}"


def notes(comparison: Comparison) -> list[str]:
    """What is odd about the sides, and how far their rounds lie apart, a sentence each."""
    sentences: list[str] = []
    for name, side in (("baseline", comparison.baseline), ("candidate", comparison.candidate)):
        sentences += [printable(unsealed(one)) for one in side.rounds if not one.is_sealed]
        if len(side.rounds) > 1:
            sentences.append(spread_sentence(name, side))
        for one, two in side.same_rounds:
            sentences.append(
                printable(f"{one} and {two}, rounds of the {name}, have the same answers: they are one round, not two.")
            )
    return sentences + list(_on_both_sides(comparison))


def _on_both_sides(comparison: Comparison) -> Iterator[str]:
    """A gate whose sides are one run lets everything through, and looks as it should."""
    for before, after in product(comparison.baseline.rounds, comparison.candidate.rounds):
        if answered_alike(before, after) and before.scores == after.scores:
            yield printable(
                f"{after.name} of the candidate has every answer and score of {before.name} of the baseline: one run "
                "stands on both sides, or one checkpoint answered twice."
            )


def bridged(comparison: Comparison) -> str:
    """That two judges scored, and what was done about it; nothing where one did."""
    crossing = comparison.crossing
    if crossing is None:
        return ""
    return printable(
        f"Over a bridge: the baseline was judged by {crossing.old}, and its scores are set on the scale of "
        f"{crossing.new} by {crossing.answers:,} answers of {crossing.name} that both judged; the bridge's error is in "
        "the bounds."
    )


def basis(comparison: Comparison) -> str:
    """What besides the judge's own rates the decision stands on; nothing where it is those alone."""
    sentences: list[str] = []
    if comparison.labelled is not None:
        before, after = comparison.labelled.labels
        sentences.append(
            f"Decided on differences corrected by human labels (PPI++): {before:,} labelled answers of the baseline "
            f"and {after:,} of the candidate; nothing is assumed of the judge."
        )
    for name, (sensitivity, specificity) in comparison.rules.judge_accuracy.items():
        sentences.append(
            f"The margin of {name} is times {comparison.rules.shrink(name):.2f} on the judge's scale: its sensitivity "
            f"{sensitivity:g} and specificity {specificity:g} are given, and assumed to be equal on both sides."
        )
    return " ".join(sentences)


def looked(comparison: Comparison) -> str:
    """How far a sequential gate judged, or what one decided before; else nothing."""
    looks, before = comparison.looks, comparison.gated
    if before is not None:
        return (
            f"The sequential gate decided {VERDICTS[before.decision]} (exit {before.exit_code}) before, on "
            f"{before.norms} of {before.all_norms} norms."
        )
    if looks is None or not looks.taken:
        return ""
    last = looks.taken[-1]
    saved = ""
    if looks.verdicts:
        saved = f", {last.asked:,} of {looks.verdicts:,} verdicts asked for"
    return (
        f"Looked {len(looks.taken)} of at most {looks.planned} times: {last.norms} of {looks.norms} norms{saved}. "
        f"Bounds hold whenever the gate stops, upper ones at {100 * (1 - comparison.rules.level / len(looks.last)):g}%."
    )


def estimate(mean: Interval | Corrected | None) -> str:
    """A mean with its two-sided interval, and the run's: `61.8 (55.2 to 68.0; run 59.1 to 64.4)`."""
    if mean is None:
        return NONE
    ends = "no interval"
    if mean.low is not None and mean.high is not None:
        ends = f"{percent(mean.low)} to {percent(mean.high)}"
    if isinstance(mean, Corrected) and mean.run_low is not None and mean.run_high is not None:
        ends += f"; run {percent(mean.run_low)} to {percent(mean.run_high)}"
    return f"{percent(mean.mean)} ({ends})"


CORRECTED_COLUMNS: Final = ("corrected by labels", "judge rate", "Rogan-Gladen", "PPI++", "labels")


def corrected_row(side: str, round_name: str, mean: CorrectedMean) -> list[str]:
    """The cells below CORRECTED_COLUMNS."""
    name = printable(f"{side} {round_name}: {mean.dimension}")
    by_rates = mean.reason or estimate(mean.rogan_gladen)
    return [name, estimate(mean.judge_rate), by_rates, estimate(mean.ppi), str(mean.labels)]


def corrected_note(comparison: Comparison) -> str:
    """What the corrected means are and are not."""
    sentences = [
        f"In percent, with {interval_name(comparison)}s for the rate over norms like these and, "
        'after "run", for what people would say of the round\'s own answers; the decision is on judge rates.'
    ]
    if comparison.crossing:
        sentences.append("The judge rates in this table are each judge's own, not set over the bridge.")
    if not all(mean.of_run for *_, mean in comparison.corrected):
        sentences.append(OTHER_ANSWERS_NOTE)
    for side, round_name, mean in comparison.corrected:
        sentences += far_rates([mean], f"{side} {round_name}: ")
    return " ".join(sentences)


def fallen_slices(comparison: Comparison) -> str:
    """Which slices fell, the largest shown loss first; nothing where none did."""
    falls = [_slice_fall(part) for part in comparison.fallen_slices]
    if not falls:
        return ""
    return f"Within slices: {_listed(falls)}."


def not_gated(comparison: Comparison) -> str:
    """Which metrics without a margin fell, by their own bounds, such as `Not gated: compliance -21.0 (worse).`."""
    falls: list[str] = []
    for metric in comparison.metrics:
        if metric.margin is None and metric.fell and metric.difference is not None:
            falls.append(printable(f"{metric.name} {points(metric.difference.difference)} (worse)"))
    if not falls:
        return ""
    return f"Not gated: {', '.join(falls)}."


def _listed(falls: list[str]) -> str:
    rest = len(falls) - FALLS_NAMED
    named = "; ".join(falls[:FALLS_NAMED])
    if rest > 0:
        named += f"; and {rest} more"
    return named


def _slice_fall(part: Slice) -> str:
    return printable(f"{_loss(part.dimension, part.difference)} in {part.facet} {part.value}")


def untested_slices(comparison: Comparison) -> str:
    """Which slices can't be tested, and why; nothing where all can, or none is to be."""
    if comparison.rules.slices == "off":
        return ""
    if comparison.crossing is not None:
        return "No slice is tested over a bridge."
    if comparison.labelled is not None:
        return "No slice is tested where labels decide."
    named = [printable(f"{facet} {value}") for facet, value in comparison.untested_slices]
    if not named:
        return ""
    return f"Not tested, with fewer than {FEWEST_CLUSTERS} norms: {listing(named, most=FALLS_NAMED)}."


def reasons(comparison: Comparison) -> list[str]:
    """Why there is no verdict, a sentence each; empty where there is one."""
    if comparison.decision != "inconclusive":
        return []
    if comparison.obstacles:
        return comparison.obstacles
    undecided = comparison.decided("inconclusive")
    if comparison.only_data_undecided:
        smallest = ", ".join(_smallest(metric) for metric in comparison.metrics if _is_beyond_its_margin(metric))
        return [f"These data can't decide at the given margins. The smallest that they decide: {smallest} points."]
    reason = str(comparison.undecided_by)
    if undecided:
        reason += f" ({', '.join(metric.name for metric in undecided)})"
    return [f"{reason[:1].upper()}{reason[1:]}."]


def _is_beyond_its_margin(metric: MetricResult) -> bool:
    """Whether the data decide at no margin as small as the given one; failures may take back a `not worse`."""
    smallest = metric.smallest_margin
    if metric.margin is None or metric.decision == "worse":
        return False
    return smallest is None or metric.decision == "inconclusive" or smallest > metric.margin


def _smallest(metric: MetricResult) -> str:
    return f"{metric.name} {_rounded_up(metric.smallest_margin)} (given {margin(metric.margin)})"


def _rounded_up(margin: float | None) -> str:
    """A margin with one digit that is no smaller: typed back, it must decide as well."""
    if margin is None:
        return NONE
    return str(Decimal(margin).quantize(Decimal("0.1"), ROUND_CEILING))


def typical_effect(metric: MetricResult) -> float | None:
    """The margin in points that two equal models are shown to keep with 80% power; None without an error."""
    difference = metric.difference
    if difference is None or difference.standard_error is None:
        return None
    return 100 * minimum_detectable_effect(difference.standard_error, difference.clusters, difference.alpha)


def sentence(comparison: Comparison) -> str:
    """What was decided, with the exit code: the last words of every output."""
    code = f"Exit {comparison.exit_code}"
    if comparison.decision == "not worse":
        gated = [f"{metric.name} {metric.margin:g}" for metric in comparison.metrics if metric.margin is not None]
        return f"{code}, not worse: shown to be within the margin for {', '.join(gated)} points."
    if comparison.decision == "worse":
        falls = [_fall(metric) for metric in comparison.decided("worse")]
        if comparison.rules.slices == "fail":
            falls += [_slice_fall(part) for part in comparison.fallen_slices]
        return f"{code}, worse: {_listed(falls)}."
    code += ", no verdict"
    if comparison.exit_code == 0:
        code += ", let through by --inconclusive pass"
    return f"{code}: {' '.join(reasons(comparison))}"


def _fall(metric: MetricResult) -> str:
    if metric.difference is None:
        raise ValueError(f"{metric.name} is called worse without a difference")
    return _loss(metric.name, metric.difference)


def _loss(name: str, difference: PairedDifference) -> str:
    if difference.upper_bound is None:
        raise ValueError(f"{name} is called worse without a bound")
    least = -100 * difference.upper_bound
    return f"{name} fell by {-100 * difference.difference:.1f} points (at least {least:.1f})"


def confirmed(comparison: Comparison) -> str:
    """What asking again showed; nothing where it was not done."""
    confirmation = comparison.confirmation
    if confirmation is None:
        return ""
    outcome = "none came"
    if confirmation.flip_rate is not None:
        outcome = f"{confirmation.flip_rate:.1f}% flipped"
        flips = confirmation.flips
        if flips is not None and flips.low is not None and flips.high is not None:
            outcome += f" (two-sided 95% interval {percent(flips.low)} to {percent(flips.high)})"
    if confirmation.failed:
        outcome += f", {confirmation.failed:,} failed"
    repeats = f"{len(confirmation.decisions)} repeats"
    if len(confirmation.decisions) == 1:
        repeats = "1 repeat"
    return (
        f"Asked again by {confirmation.judge_id}: {confirmation.asked:,} verdicts on {confirmation.answers:,} answers, "
        f"{outcome}; decided {', '.join(sorted(set(confirmation.decisions)))} in {repeats}."
    )
