"""A run's mean corrected for the judge's errors by human labels."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from lmms_eval_cross.benchmark.records import DIMENSIONS, Dimension, Verdict
from lmms_eval_cross.errors import LabelError
from lmms_eval_cross.runs.sample_record import JudgedAnswer
from lmms_eval_cross.stats import (
    FEWEST_LABELS,
    Corrected,
    Interval,
    Labelled,
    mean_interval,
    ppi_mean,
    rogan_gladen,
)
from lmms_eval_cross.text import sendable
from lmms_eval_cross.trust.anchor import count_by_part, scores
from lmms_eval_cross.trust.human_labels import LabelSet, against_majority
from lmms_eval_cross.trust.stamp import JudgeStamp, sole_stamp

INTERVALS_NOTE: Final = (
    'In brackets stand 95% intervals: first for the rate over norms like these, then, after "run", for what people '
    "would say of the run's own answers that have a verdict."
)


@dataclass(frozen=True, slots=True)
class CorrectedMean:
    """One dimension of a run: what the judge says, and what people would, in 0..1."""

    dimension: Dimension
    judge_rate: Interval
    """The mean of the judge's scores, uncorrected."""
    rogan_gladen: Corrected
    ppi: Corrected | None
    """PPI++; None where the labels are of other answers, for then it does not hold."""
    sensitivity: float | None
    """Of the judge against the labels' majority, weighted; ties are left out."""
    specificity: float | None
    labels: int
    of_run: bool
    """The labelled answers were drawn from the run's. If not, the judge is taken to err here as often as there."""


def corrected_means(answers: Sequence[JudgedAnswer], labels: LabelSet, alpha: float = 0.05) -> list[CorrectedMean]:
    """Every dimension of `answers`, as `corrected_mean` corrects it."""
    return [corrected_mean(answers, labels, dimension, alpha) for dimension in DIMENSIONS]


def corrected_mean(
    answers: Sequence[JudgedAnswer], labels: LabelSet, dimension: Dimension, alpha: float = 0.05
) -> CorrectedMean:
    """The mean of `answers` on a dimension, corrected by `labels`; answers without a score are left out.

    Raises:
        LabelError: labels of another judge, rubric or profile; fewer than 10 of a class; no answer with a score;
            labels of other answers by which the judge is exactly as good as chance.
    """
    judge = sole_stamp("The run", answers)
    scored = [(answer, outcome.score) for answer, outcome in _verdicts(answers, dimension)]
    if not scored:
        raise LabelError(f"No answer has a score on {dimension}; judge the run again.")
    judged, norms = [score for _, score in scored], [answer.sample.norm_id for answer, _ in scored]
    positions, of_run = _chosen([answer for answer, _ in scored], labels)
    labelled = _labelled(labels, judge, dimension, positions)
    try:
        by_rates = rogan_gladen(judged, norms, labelled, alpha, of_run=of_run)
    except ValueError as error:
        raise LabelError(f"{dimension} can't be corrected: {error}; label answers of this run.") from None
    table = against_majority(labelled.labels, labelled.judged, labelled.weights)
    return CorrectedMean(
        dimension=dimension,
        judge_rate=mean_interval(judged, norms, alpha),
        rogan_gladen=by_rates,
        ppi=ppi_mean(judged, norms, labelled, alpha) if of_run else None,
        sensitivity=None if table is None else table.sensitivity,
        specificity=None if table is None else table.specificity,
        labels=len(labelled.labels),
        of_run=of_run,
    )


def _verdicts(answers: Sequence[JudgedAnswer], dimension: Dimension) -> list[tuple[JudgedAnswer, Verdict]]:
    found = ((answer, answer.outcomes[dimension]) for answer in answers)
    return [(answer, outcome) for answer, outcome in found if isinstance(outcome, Verdict)]


def _chosen(answers: Sequence[JudgedAnswer], labels: LabelSet) -> tuple[list[int], bool]:
    """Positions in the batch of the labels to use, and whether they were drawn from these answers.

    They were if most of the batch's answers to these samples are the run's, and no subset and setting has more
    answers than the batch was drawn from: others had no chance to be labelled. Of a slice, its own labels are used.
    """
    mine = {answer.sample.sample_id: sendable(answer.response) for answer in answers}
    there = [i for i, item in enumerate(labels.batch.items) if item.sample_id in mine]
    same = [i for i in there if labels.batch.items[i].response == mine[labels.batch.items[i].sample_id]]
    had_chance = all(n <= labels.batch.population.get(part, 0) for part, n in count_by_part(answers).items())
    of_run = 2 * len(same) > len(there) and had_chance
    return (same if of_run else list(range(len(labels.batch.items)))), of_run


def _labelled(labels: LabelSet, judge: JudgeStamp, dimension: Dimension, positions: Sequence[int]) -> Labelled:
    truth, judged = labels.consensus(dimension), np.array(scores(labels.judgement_of(judge), dimension))
    kept = [i for i in positions if not np.isnan(truth[i]) and not np.isnan(judged[i])]
    ones, zeros = float(truth[kept].sum()), float((1 - truth[kept]).sum())
    if min(ones, zeros) < FEWEST_LABELS:
        raise LabelError(
            f"{dimension} has {ones:g} labels of 1 and {zeros:g} of 0 that fit, and {FEWEST_LABELS} of each are "
            "needed; label more answers."
        )
    items = [labels.batch.items[i] for i in kept]
    return Labelled.of(
        truth[kept], judged[kept], [item.norm_id for item in items], [item.probability for item in items]
    )


def corrected_table(means: Sequence[CorrectedMean]) -> str:
    """The corrected means for people: Markdown, in per cent with 95% intervals."""
    lines = [
        "| dimension | judge rate | Rogan-Gladen | PPI++ | labels | sensitivity | specificity |",
        "| --- " * 7 + "|",
    ]
    for each in means:
        cells = (_interval(each.judge_rate), _interval(each.rogan_gladen), _interval(each.ppi), str(each.labels))
        rates = ("-" if rate is None else f"{rate:.2f}" for rate in (each.sensitivity, each.specificity))
        lines.append("| " + " | ".join((each.dimension, *cells, *rates)) + " |")
    lines.append("")
    if any(each.of_run for each in means):
        lines.append(INTERVALS_NOTE)
    if not all(each.of_run for each in means):
        lines.append("The labels are of other answers: the judge is taken to err here as often as there.")
    return "\n".join(lines)


def _interval(found: Interval | Corrected | None) -> str:
    if found is None:
        return "-"
    norms = f"{found.reason}" if found.low is None or found.high is None else _span(found.low, found.high)
    return f"{100 * found.mean:.1f}% ({norms}{_of_run(found)})"


def _of_run(found: Interval | Corrected) -> str:
    if isinstance(found, Interval) or found.run_low is None or found.run_high is None:
        return ""
    return f"; run {_span(found.run_low, found.run_high)}"


def _span(low: float, high: float) -> str:
    return f"{100 * low:.1f} to {100 * high:.1f}"
