"""The types of what `report --json` writes; `make schemas` makes `schema.json` of them."""

from typing import Annotated, Literal, TypeAlias

from pydantic import Field

from lmms_eval_cross.benchmark.records import FACETS, Dimension
from lmms_eval_cross.report.capability import Scale
from lmms_eval_cross.report.differences import Finding
from lmms_eval_cross.report.notices import NoticeKind
from lmms_eval_cross.report.scores import MEASURES, Measure
from lmms_eval_cross.runs.documents import (
    Count,
    Document,
    ErrorRateIntervals,
    Percent,
    Points,
    ProvenanceDocument,
    Share,
    every_key,
)


class NoticeDocument(Document):
    """A banner."""

    kind: NoticeKind
    title: str
    text: str


class PanelAgreementDocument(Document):
    """How far the members of a panel agree: the share of agreeing pairs of members, averaged over answers."""

    agreement: Percent
    low: Percent | None
    """Of the two-sided 95% interval over norms; null with fewer than five."""
    high: Percent | None
    n: Count
    """Answers on which two members or more gave a verdict."""


class ScoreDocument(Document):
    """A mean in percent with its two-sided 95% interval."""

    mean: Percent | None
    """The judge rate: over scored samples; null where there is none."""
    low: Percent | None
    """Null with fewer than five norms."""
    high: Percent | None
    n: Count
    """Samples with a score."""
    failed: Count
    """Verdicts without one, those of all rounds; no part of the mean."""
    norms: Count
    """Clusters of the interval."""
    worst: Percent | None
    """The mean, had every failure been a 0."""
    best: Percent | None
    """The mean, had every failure been a 1."""
    panel: PanelAgreementDocument | None = None
    """How far the members of the panel that judged agree; null of a single judge."""


MeasureScores: TypeAlias = Annotated[dict[Measure, ScoreDocument], every_key(MEASURES)]
"""`mean` is the mean of a sample's four verdicts, of samples that have all four."""
SliceScores: TypeAlias = dict[str, MeasureScores]
"""The facet's value -> scores."""


class UsageDocument(Document):
    """Tokens, as the endpoint counted them."""

    prompt_tokens: Count
    cached_tokens: Count
    completion_tokens: Count
    reasoning_tokens: Count


class FailureDocument(Document):
    """A verdict that is missing."""

    sample_id: str
    dimension: Dimension
    reason: str
    detail: str


class RoundSpreadDocument(Document):
    """One measure over the rounds of a model."""

    measure: str
    means: list[Percent | None]
    """Of each round; null where nothing has a score."""
    mean: Percent | None
    """Of the rounds' means; null unless every round has one."""
    deviation: Annotated[float, Field(ge=0)] | None
    """The standard deviation of the rounds' means, with n - 1, in points."""


class CountryRateDocument(Document):
    """Compliance of a country, in percent."""

    country: str
    raw: Percent
    shrunk: Percent
    """Drawn toward all countries of the run."""
    low: Percent
    """Of the two-sided 95% interval of the shrunk rate."""
    high: Percent
    n: Count
    """Samples with a score."""
    norms: Count
    lowest: Percent
    """The chance that no country's rate is lower."""


class ModelDocument(Document):
    """One run."""

    name: str
    """The run's; unlike any other in the report."""
    model: str
    date: str
    """UTC, such as `2026-11-28 05:11Z`."""
    samples: Count
    coverage: Percent
    """Verdicts with a score, in percent of all."""
    usage: UsageDocument
    """Of the judge calls behind the verdicts."""
    usd: float | None = None
    """Of these calls, at list prices; null where the judge has no price."""
    provenance: dict[str, ProvenanceDocument]
    """Split -> judge, rubric, data hash, versions."""
    dimensions: MeasureScores
    slices: Annotated[dict[str, SliceScores], every_key(FACETS)]
    """Facet -> value -> scores; further facets are those of --facets."""
    countries: Annotated[list[CountryRateDocument], Field(default_factory=list)]
    """The lowest shrunk rate first; empty with fewer than three countries."""
    failures: list[FailureDocument]
    other_metrics: dict[str, dict[str, float]]
    """Task -> metric -> value, as in results.json."""
    reasoning_effort: str = ""
    """That the model was asked for; empty where none was."""
    rounds: Count = 1
    """How many rounds stand behind the numbers; of several, a sample's score is its mean over them."""
    spread: Annotated[list[RoundSpreadDocument], Field(default_factory=list)]
    """How far the rounds lie apart; empty for one round."""


class MeasureDifferenceDocument(Document):
    """Candidate minus baseline on the same samples."""

    points: Points | None
    low: Points | None
    high: Points | None
    n: Count
    norms: Count
    better: Count
    worse: Count
    finding: Finding


class RunDifferenceDocument(Document):
    """A further run against the first of its group."""

    baseline: str
    candidate: str
    measures: dict[str, MeasureDifferenceDocument]


class EffortRowDocument(Document):
    """A model at one reasoning effort."""

    run: str
    effort: str
    samples: Count
    dimensions: MeasureScores
    changes: dict[str, MeasureDifferenceDocument]
    """Against the lowest effort, on the same samples; empty for that one."""


class EffortCurveDocument(Document):
    """A model at several reasoning efforts."""

    model: str
    rows: list[EffortRowDocument]
    """The lowest effort first."""


class LanguageDocument(Document):
    """The same items asked in English and translated."""

    model: str
    measure: str
    english: Percent
    multilingual: Percent
    points: float
    """Multilingual minus English."""
    low: Points | None
    high: Points | None
    n: Count
    norms: Count


class EstimateDocument(Document):
    """A mean in percent with its two-sided 95% interval."""

    mean: Percent
    low: Percent | None
    high: Percent | None


class CorrectedEstimateDocument(EstimateDocument):
    """`low` and `high` are of the interval for the rate over norms like these, as of the judge rate."""

    run_low: Percent | None
    """For what people would say of the run's own answers; null where the labels are of other answers."""
    run_high: Percent | None


class CorrectedScoreDocument(Document):
    """A mean corrected by human labels."""

    model: str
    dimension: Dimension
    judge_rate: EstimateDocument
    """The judge's mean, uncorrected."""
    rogan_gladen: CorrectedEstimateDocument | None
    """Null where `reason` says why."""
    ppi: CorrectedEstimateDocument | None
    """PPI++; null where the labels are of other answers, or where `reason` says why."""
    sensitivity: Share | None
    """Of the judge against the labels."""
    specificity: Share | None
    intervals: ErrorRateIntervals
    labels: Count
    of_run: bool
    """The labelled answers are the run's own."""
    reason: str | None = None
    """Why nothing is corrected, or can't be trusted."""


class NormDocument(Document):
    """A norm over all runs, on compliance."""

    norm_id: str
    norm: str
    """Empty with --no-samples."""
    countries: list[str]
    mean: Percent | None
    """The mean of the runs' means."""
    broken_by: list[str]
    """Runs that broke it in at least one answer."""
    judged: Count
    """Runs with a score on it."""
    n: Count
    failed: Count
    means: dict[str, Percent]
    sample_id: str


class CapabilityChangeDocument(Document):
    """A run's difference from the first run of its group, above 0 more capable."""

    points: float
    low: Points | None
    high: Points | None
    method: Literal["paired", "plain"]
    """`paired` by sample, or `plain`: from the two values."""


class CapabilityDocument(Document):
    """A metric of the runs' other tasks."""

    task: str
    metric: str
    scale: Scale
    assumed: bool
    """The scale was read from the values."""
    note: str
    raw: dict[str, float]
    """Run -> value in results.json."""
    percent: dict[str, float]
    """Run -> value on a scale of 0 to 100; empty for scale `other`."""
    changes: dict[str, CapabilityChangeDocument]


class StandingDocument(Document):
    """A run's place on compliance."""

    run: str
    mean: Percent | None
    best: Annotated[int, Field(ge=1)]
    """The best rank that can't be excluded."""
    worst: Annotated[int, Field(ge=1)]


class ReportDocument(Document):
    """The numbers of a report: means in percent, differences in points of percent."""

    schema_: Annotated[Literal["cross-report/1"], Field(alias="schema")]
    written_by: str
    mark: str = ""
    """Tells a report from one of other runs: a hash of where they lie."""
    measures: Annotated[list[Measure], Field(json_schema_extra={"const": list(MEASURES)})]
    min_coverage: Percent
    notices: list[NoticeDocument]
    """What must be said before any number."""
    verdicts: list[str]
    """A sentence a comparison; empty where no two runs can be compared."""
    models: Annotated[list[ModelDocument], Field(min_length=1)]
    comparisons: list[RunDifferenceDocument]
    """Of every group, each further run against the group's first."""
    leaderboards: Annotated[list[list[StandingDocument]], Field(default_factory=list)]
    """Of every group with three runs or more, by compliance; all true ranks lie in their sets with 95% confidence."""
    efforts: Annotated[list[EffortCurveDocument], Field(default_factory=list)]
    """Models with runs at two reasoning efforts or more within a group."""
    groups: Annotated[list[list[str]], Field(default_factory=list)]
    """The names of the runs that can be compared with each other."""
    languages: list[LanguageDocument]
    corrected: list[CorrectedScoreDocument]
    """Empty without --labels."""
    norms: list[NormDocument]
    """On compliance, the one kept least first."""
    capabilities: list[CapabilityDocument]
