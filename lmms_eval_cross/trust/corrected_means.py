"""A run's mean corrected for the judge's errors by human labels."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from lmms_eval_cross.benchmark.records import DIMENSIONS, Dimension, Verdict
from lmms_eval_cross.errors import LabelError, TooFewLabelsError
from lmms_eval_cross.runs.sample_record import JudgedAnswer
from lmms_eval_cross.stats import (
    FEWEST_LABELS,
    Corrected,
    Interval,
    JudgedRun,
    Labelled,
    mean_interval,
    ppi_mean,
    rogan_gladen,
)
from lmms_eval_cross.stats.agreement_intervals import Ends
from lmms_eval_cross.stats.labelled import LabelledRun
from lmms_eval_cross.text import sendable
from lmms_eval_cross.trust.against_labels import against_majority, share_with_interval
from lmms_eval_cross.trust.anchor import count_by_part, scores
from lmms_eval_cross.trust.human_labels import LabelSet
from lmms_eval_cross.trust.stamp import JudgeStamp, sole_stamp

INTERVALS_NOTE: Final = (
    'In brackets stand 95% intervals: first for the rate over norms like these, then, after "run", for what people '
    "would say of the run's own answers that have a verdict."
)


OTHER_ANSWERS_NOTE: Final = (
    "The labels are of other answers: the judge is taken to err here as often as there, and where its errors sit on "
    "borderline answers Rogan-Gladen is off by points. PPI++ with labels of the run's own answers is not."
)
RATES_APART: Final = 0.10


@dataclass(frozen=True, slots=True)
class CorrectedMean:
    """One dimension of a run: what the judge says, and what people would, in 0..1."""

    dimension: Dimension
    judge_rate: Interval
    """The mean of the judge's scores, uncorrected."""
    rogan_gladen: Corrected | None
    """None where `reason` says why."""
    ppi: Corrected | None
    """PPI++; None where the labels are of other answers, for then it does not hold, and where `reason` says why."""
    sensitivity: float | None
    """Of the judge against the labels' majority, weighted; ties are left out."""
    specificity: float | None
    intervals: Mapping[str, Ends]
    """Two-sided 95% over norms of `sensitivity` and `specificity`."""
    labels: int
    of_run: bool
    """The labelled answers were drawn from the run's. If not, the judge is taken to err here as often as there."""
    labelled_rate: float | None = None
    """The judge's rate on the labelled answers, where those are of another run."""
    reason: str | None = None
    """Why nothing is corrected."""

    @property
    def is_far_from_labels(self) -> bool:
        """The judge's rate is so far from that on the labelled answers that its errors will hardly be as often here."""
        if self.labelled_rate is None:
            return False
        return abs(self.judge_rate.mean - self.labelled_rate) > RATES_APART


def corrected_means(answers: Sequence[JudgedAnswer], labels: LabelSet, alpha: float = 0.05) -> list[CorrectedMean]:
    """Every dimension of `answers`, as `corrected_mean` corrects it; those with too few labels say so.

    Raises:
        LabelError: as `corrected_mean`, but too few labels only if no dimension has enough.
    """
    means: list[CorrectedMean] = []
    too_few: list[TooFewLabelsError] = []
    for dimension in DIMENSIONS:
        try:
            means.append(corrected_mean(answers, labels, dimension, alpha))
        except TooFewLabelsError as error:
            too_few.append(error)
            means.append(_uncorrected(answers, labels, dimension, alpha))
    if len(too_few) == len(DIMENSIONS):
        raise too_few[0]
    return means


def labelled_run(answers: Sequence[JudgedAnswer], labels: LabelSet, dimension: Dimension) -> JudgedRun:
    """A run's scores on a dimension with the labels that were drawn from its answers.

    Raises:
        LabelError: the labels are of another judge, rubric or profile, of other answers, or too few of a class.
    """
    judge = sole_stamp("The run", answers)
    scored = _verdicts(answers, dimension)
    if not scored:
        raise LabelError(f"No answer has a score on {dimension}; judge the run again.")
    positions, of_run = _chosen([answer for answer, _ in scored], labels)
    if not of_run:
        raise LabelError(
            f"The labels of {labels.batch.name} are of other answers than the run's; draw answers from the run with "
            "`lmms-eval-cross label export` and have them labelled."
        )
    norms = [answer.sample.norm_id for answer, _ in scored]
    labelled = _labelled(labels, judge, dimension, positions)
    run = LabelledRun.of([outcome.score for _, outcome in scored], norms, labelled)
    return JudgedRun(run, norms, len(answers) - len(scored))


def _uncorrected(
    answers: Sequence[JudgedAnswer], labels: LabelSet, dimension: Dimension, alpha: float
) -> CorrectedMean:
    """The judge's rate alone."""
    scored = _verdicts(answers, dimension)
    norms = [answer.sample.norm_id for answer, _ in scored]
    positions, of_run = _chosen([answer for answer, _ in scored], labels)
    known = labels.consensus(dimension)[positions]
    known = known[~np.isnan(known)]
    return CorrectedMean(
        dimension=dimension,
        judge_rate=mean_interval([outcome.score for _, outcome in scored], norms, alpha),
        rogan_gladen=None,
        ppi=None,
        sensitivity=None,
        specificity=None,
        intervals={},
        labels=len(known),
        of_run=of_run,
        reason=f"too few labels: {known.sum():g} of 1, {(1 - known).sum():g} of 0",
    )


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
        raise TooFewLabelsError(f"{dimension} can't be corrected: {error}; label answers of this run.") from None
    found = against_majority(labelled.labels, labelled.judged, labelled.clusters, labelled.weights)
    return CorrectedMean(
        dimension=dimension,
        judge_rate=mean_interval(judged, norms, alpha),
        rogan_gladen=by_rates,
        ppi=ppi_mean(judged, norms, labelled, alpha) if of_run else None,
        sensitivity=None if found is None else found.table.sensitivity,
        specificity=None if found is None else found.table.specificity,
        intervals={} if found is None else {name: found.intervals[name] for name in ("sensitivity", "specificity")},
        labels=len(labelled.labels),
        of_run=of_run,
        labelled_rate=None if of_run else float(np.average(labelled.judged, weights=labelled.weights)),
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
        raise TooFewLabelsError(
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
        by_rates = each.reason or _interval(each.rogan_gladen)
        cells = (_interval(each.judge_rate), by_rates, _interval(each.ppi), str(each.labels))
        sensitivity = share_with_interval(each.sensitivity, each.intervals.get("sensitivity"))
        specificity = share_with_interval(each.specificity, each.intervals.get("specificity"))
        lines.append("| " + " | ".join((each.dimension, *cells, sensitivity, specificity)) + " |")
    lines.append("")
    if any(each.of_run for each in means):
        lines.append(INTERVALS_NOTE)
    if not all(each.of_run for each in means):
        lines += [OTHER_ANSWERS_NOTE, *far_rates(means)]
    return "\n".join(lines)


def far_rates(means: Iterable[CorrectedMean], name: str = "") -> list[str]:
    """A sentence for each dimension whose judge rate is far from that on labels of other answers.

    Args:
        means: the dimensions of a run.
        name: what comes before each dimension, such as the run's name.
    """
    sentences: list[str] = []
    for each in means:
        if each.is_far_from_labels and each.labelled_rate is not None:
            sentences.append(
                f"{name}{each.dimension}: the judge gives 1 to {100 * each.judge_rate.mean:.0f}% here and to "
                f"{100 * each.labelled_rate:.0f}% of the labelled answers, so that it can hardly err as often: label "
                "answers of this run."
            )
    return sentences


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
