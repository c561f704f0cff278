"""The types of what `compare --json` writes; `make schemas` makes docs/compare.schema.json of them."""

from typing import Annotated, Literal

from pydantic import Field, JsonValue

from lmms_eval_cross.benchmark.records import Dimension
from lmms_eval_cross.compare.worst_slices import SliceRule
from lmms_eval_cross.runs.documents import Count, Document, ErrorRateIntervals, JudgeKind, ProvenanceDocument, Share
from lmms_eval_cross.stats.decisions import Decision


class RoundDocument(Document):
    """A run of a side."""

    name: str
    model: str
    date: str
    """UTC, such as `2026-11-28T05:11:41Z`; empty where the run does not say."""


class JudgingDocument(ProvenanceDocument):
    """Who judged a split."""

    split: str
    answered_by: list[str]


class SideDocument(Document):
    """Baseline or candidate."""

    rounds: Annotated[list[RoundDocument], Field(min_length=1)]
    judging: Annotated[list[JudgingDocument], Field(min_length=1)]
    """Of the first round; where rounds differ in it, they are not compared."""


class DifferenceDocument(Document):
    """On a 0..1 scale, higher being better."""

    difference: float
    """Candidate minus baseline; below 0 the candidate is worse."""
    lower_bound: float | None
    """L: one-sided, at confidence 1 - alpha."""
    upper_bound: float | None
    """U: one-sided, at confidence 1 - alpha."""
    low: float | None
    """Of the two-sided interval at 1 - alpha."""
    high: float | None
    standard_error: Annotated[float, Field(ge=0)] | None
    n: Count
    """Samples."""
    clusters: Count
    """Norms; for other tasks the task's own clusters, or samples."""
    alpha: float
    baseline_mean: Share
    """A judge rate: what the judge gives, uncorrected."""
    candidate_mean: Share
    baseline_only: int | None
    """Samples where the baseline scores higher; null where samples are not paired."""
    candidate_only: int | None
    mcnemar_p: float | None
    """Ignores clusters; for information."""
    reason: str | None
    """Why there are no bounds."""
    skew: float = 0.0
    """Of the clusters: a in Hall's transformation, by which the one-sided bounds must hold beside Student's t."""


class CoverageDocument(Document):
    """Percent of verdicts."""

    baseline: float
    candidate: float


class BootstrapDocument(Document):
    """A percentile interval of the difference over resampled norms."""

    low: float | None
    high: float | None


class MetricDocument(Document):
    """One metric."""

    name: str
    """A dimension, or task/metric."""
    method: Literal["paired", "plain"]
    """plain: from the two values alone."""
    margin: float | None
    """Points; null: shown, not gated."""
    decision: Decision | None
    """On complete pairs; null: not gated."""
    smallest_margin: float | None
    """Points: the smallest margin at which these data decide; 0: at any; null: at none."""
    equal_models_margin: float | None
    """Points: the margin that two equal models are shown to keep with 80% power."""
    coverage: CoverageDocument | None
    """Null for other tasks."""
    difference: DifferenceDocument | None
    bootstrap: BootstrapDocument | None
    """A second opinion; decides nothing."""


class SliceDocument(Document):
    """One dimension in one part of the samples."""

    facet: str
    """Of every sample, or of --facets."""
    value: str
    dimension: Dimension
    p_value: float | None
    """That it is worse, by Holm for all slices that may gate, or for all others; null: too few norms."""
    worse: bool
    """It may gate, is shown to have fallen, and a loss beyond the margin can't be excluded."""
    margin: float | None = None
    """Points; null: it may not gate, being of another facet or of a dimension that is not gated."""
    difference: DifferenceDocument


class ChangeDocument(Document):
    """A sample whose scores differ between the sides."""

    sample_id: str
    changes: dict[Dimension, Annotated[float, Field(ge=-1, le=1)]]


class ConfirmationDocument(Document):
    """What asking again showed."""

    judge_id: str
    answers: Count
    asked: Count
    flipped: Count
    failed: Count
    decisions: list[Decision]
    flip_rate: float | None
    """Percent of the verdicts that were had again."""
    flip_low: float | None = None
    """Of its two-sided 95% interval, clustered by norm."""
    flip_high: float | None = None


class JudgeDocument(Document):
    """A judge with its rubric."""

    kind: JudgeKind
    id: str
    model: str
    rubric: str
    rubric_sha256: str
    profile: str
    request: dict[str, JsonValue]


class BridgeDocument(Document):
    """The anchor between the judges of the two sides."""

    name: str
    """The run that the anchor was drawn from."""
    anchor_id: str
    answers: Count
    """That both judged."""
    old: JudgeDocument
    new: JudgeDocument


class LookLevelsDocument(Document):
    """One-sided levels of one look."""

    alpha: float
    """What all looks together may spend on "not worse"."""
    not_worse: float
    """Of the lower bound."""
    worse: float
    """Of the upper bound; all looks together spend alpha / k, for k gated dimensions."""
    both: float
    """Of each end of the two-sided interval."""


class LookedAtDocument(Document):
    """One dimension at one look."""

    dimension: Dimension
    norms: Count
    difference: DifferenceDocument | None
    """With bounds at the levels of the look."""
    lowest_bound: float | None
    """The lowest lower bound, failures left out or filled either way."""
    decision: Decision
    coverage: CoverageDocument


class LookDocument(Document):
    """One look, at the dimensions that were not decided before."""

    norms: Count
    samples: Count
    fraction: Share
    """Of the information that all norms give, as planned before anything was judged."""
    levels: LookLevelsDocument
    asked: Count
    """Verdicts asked for so far."""
    dimensions: list[LookedAtDocument]


class LooksDocument(Document):
    """The looks of a sequential gate."""

    planned: Count
    norms: Count
    """All of them."""
    verdicts: Count
    """That would have been asked for at most."""
    order: str
    """A hash of the data and of both runs' answers, by which norms were ordered."""
    taken: list[LookDocument]


class GatedDocument(Document):
    """What `gate` decided of the same runs before."""

    decision: Decision
    exit_code: Literal[0, 1, 3]
    norms: Count
    """That it judged."""
    all_norms: Count


class RateDocument(Document):
    """A mean with its two-sided interval at 1 - alpha."""

    mean: Share
    low: Share | None
    high: Share | None
    reason: str | None
    """Why there is no interval."""


class CorrectedRateDocument(RateDocument):
    """With its two-sided intervals at 1 - alpha; low and high are for the rate over norms like these."""

    run_low: Share | None
    """For what people would say of the round's own answers; null where the labels are of other answers."""
    run_high: Share | None


class CorrectedRoundDocument(Document):
    """A mean corrected for the judge's errors."""

    side: Literal["baseline", "candidate"]
    round: str
    dimension: Dimension
    judge_rate: RateDocument
    """The judge's mean, uncorrected."""
    rogan_gladen: CorrectedRateDocument | None
    """Null where `reason` says why."""
    ppi: CorrectedRateDocument | None
    """PPI++; null where the labels are of other answers, or where `reason` says why."""
    sensitivity: Share | None
    """Of the judge against the labels."""
    specificity: Share | None
    intervals: ErrorRateIntervals
    labels: Count
    of_run: bool
    """The labelled answers are the run's own."""
    labelled_rate: Share | None = None
    """The judge's rate on labelled answers of another run; if it is far from judge_rate, don't trust the correction."""
    reason: str | None = None
    """Why nothing is corrected."""


class LabelCountsDocument(Document):
    """Labelled answers of each side, of the gated dimension with the fewest."""

    baseline: Count
    candidate: Count


class AccuracyDocument(Document):
    """The judge against people, as the user gave it."""

    sensitivity: Share
    specificity: Share


class CompareDocument(Document):
    """Scores and differences are on a 0..1 scale, margins in points (percent). There is no NaN and no infinity."""

    schema_: Annotated[Literal["cross-compare/1"], Field(alias="schema")]
    decision: Decision
    exit_code: Literal[0, 1, 3]
    sentence: str
    """What was decided, for people."""
    reasons: list[str]
    """Why there is no verdict; empty where there is one."""
    notes: Annotated[list[str], Field(default_factory=list)]
    """What is odd about the sides, such as a baseline file without a seal; for people."""
    not_gated: str = ""
    """Which metrics without a margin fell, for people; empty where none did."""
    bounds: str = ""
    """What every lower_bound and upper_bound is, such as `one-sided 95% bounds`; they decide."""
    interval: str = ""
    """What every low and high of a difference is, such as `two-sided 95% interval`."""
    slices_rule: SliceRule = "off"
    """What a slice that fell does: nothing, be named in every output, or make the gate worse."""
    fallen_slices: str = ""
    """Which countries and languages fell, for people; empty where none did or none was to be tested."""
    untested_slices: str = ""
    """Which can't be tested, and why."""
    measurement: bool
    """false: the offline rules judged, no number here measures anything."""
    alpha: float
    min_coverage: float
    """Percent of verdicts."""
    samples: Count
    """0 where the sides can't be compared."""
    clusters: Count
    baseline: SideDocument
    candidate: SideDocument
    metrics: list[MetricDocument]
    """Empty where the sides can't be compared."""
    slices: list[SliceDocument]
    """The one with the largest shown loss first; they decide with --slices fail alone."""
    changes: Annotated[list[ChangeDocument], Field(max_length=10)]
    """The samples that changed most."""
    confirmation: ConfirmationDocument | None
    bridge: BridgeDocument | None
    """Null where one judge scored both, or the bridge did not fit. With it the baseline's means are on the new judge's
    scale, the bridge's error is in the bounds, and slices, changes, bootstrap and dimensions without a margin are left
    out."""
    looks: LooksDocument | None = None
    """Of `gate`: bounds of metrics are then those of the look that decided; null of `compare`."""
    gated: GatedDocument | None = None
    """Of `compare --gated`."""
    labels: LabelCountsDocument | None = None
    """Where labels of both sides decided, by corrected differences: then `difference` is of what people would say."""
    judge_accuracy: Annotated[dict[Dimension, AccuracyDocument], Field(default_factory=dict)]
    """By which margins were shrunk to the judge's scale; taken to be equal on both sides."""
    basis: str = ""
    """What besides the judge's own rates was decided on, for people."""
    corrected: list[CorrectedRoundDocument]
    """Means corrected for the judge's errors by human labels; they decide nothing. Empty without --labels."""
