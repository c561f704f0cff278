"""The public door: what `lmms_eval_cross.__all__` names, and nothing else, keeps its name. docs/api.md describes it.

The package loads it when one of its names is asked for; pandas and the judge are loaded by who needs them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

import click

from lmms_eval_cross.benchmark.facets import OWN_FACETS, Facets
from lmms_eval_cross.benchmark.records import Dimension, JudgeFailure, Outcome, Sample, Verdict, fields_of
from lmms_eval_cross.benchmark.splits import SPLITS
from lmms_eval_cross.compare import words
from lmms_eval_cross.compare.comparison import Rules
from lmms_eval_cross.compare.decide import compare
from lmms_eval_cross.compare.inputs import load_side, trusted_round
from lmms_eval_cross.compare.rounds import Round, Side, refuse_other_models
from lmms_eval_cross.compare.terminal import render_text
from lmms_eval_cross.compare.worst_slices import SliceRule
from lmms_eval_cross.errors import CrossError, SettingsError
from lmms_eval_cross.harness.answers_of_run import prepared_samples
from lmms_eval_cross.judge.caller import Caution
from lmms_eval_cross.judging import open_judging
from lmms_eval_cross.report.round_spread import table_over_rounds
from lmms_eval_cross.report.scores import score_table
from lmms_eval_cross.runs import run_files
from lmms_eval_cross.runs.run_rounds import rounds_in
from lmms_eval_cross.runs.sample_record import JudgedAnswer
from lmms_eval_cross.session import job_for
from lmms_eval_cross.settings import Settings, load_settings
from lmms_eval_cross.stats.panel_agreement import PanelAgreement
from lmms_eval_cross.trust.facet_file import load_facets

if TYPE_CHECKING:
    import pandas as pd

    from lmms_eval_cross.compare.comparison import Comparison, MetricResult
    from lmms_eval_cross.compare.rounds import Round, Side

__all__ = [
    "CrossError",
    "JudgeFailure",
    "JudgedAnswer",
    "Mean",
    "MetricChange",
    "Run",
    "RunComparison",
    "Sample",
    "Settings",
    "Verdict",
    "compare_runs",
    "judge_answers",
    "load_run",
    "load_samples",
]

COLUMNS: Final = (
    "run",
    "sample_id",
    "subset",
    "setting",
    "item",
    "wording",
    "country",
    "language",
    "norm_id",
    "norm",
    "query",
    "response",
    "dimension",
    "score",
    "reason",
    "rationale",
    "model",
    "judge",
    "judge_model",
    "round",
)
"""The columns of `Run.to_pandas`; docs/api.md says what each holds."""
DTYPES: Final = {"score": "float64", "reason": "string", "rationale": "string", "judge_model": "string"}
"""Those of columns that may be empty, said here so that they don't depend on what a run holds."""


@dataclass(frozen=True, slots=True)
class Mean:
    """The mean of a measure over the scored answers of a run, in percent, as `report --json` has it."""

    measure: str
    """A dimension, or `mean`: the mean of an answer's four scores, of answers that have all four."""
    mean: float | None
    """None where no answer has a score."""
    low: float | None
    """Of the 95% interval, cluster-robust over norms (docs/statistics.md); None with fewer than five norms."""
    high: float | None
    n: int
    """Answers with a score."""
    failed: int
    """Verdicts without one, those of all rounds; they are no part of the mean."""
    norms: int
    """Clusters of the interval."""
    worst: float | None
    """The mean, had every failure been a 0."""
    best: float | None
    """The mean, had every failure been a 1."""
    panel: PanelAgreement | None = None
    """How far the members of a panel agree on these answers; None of a single judge."""


@dataclass(frozen=True, slots=True)
class MetricChange:
    """How one metric changed, in percent and points of percent; `compare --json` has the same on a 0..1 scale."""

    name: str
    """A dimension, or `task/metric` of another task."""
    baseline: float | None
    """Percent, over samples that have a score on both sides; None where nothing can be compared."""
    candidate: float | None
    change: float | None
    """Points, candidate minus baseline."""
    lower_bound: float | None
    """One-sided, at confidence 1 - alpha: what the gate decides by."""
    upper_bound: float | None
    low: float | None
    """Of the two-sided interval at 1 - alpha."""
    high: float | None
    margin: float | None
    """Points; None: shown, not gated."""
    decision: Literal["not worse", "worse", "inconclusive"] | None
    """Of this metric alone; None where it is not gated."""
    n: int
    """Samples."""
    norms: int
    """Clusters; of another task, its own clusters or samples."""


@dataclass(frozen=True, slots=True)
class RunComparison:
    """What `lmms-eval-cross compare` says of two runs."""

    decision: Literal["not worse", "worse", "inconclusive"]
    exit_code: int
    """0 not worse (or let through), 1 worse, 3 no verdict."""
    sentence: str
    """What was decided, for people."""
    reasons: tuple[str, ...]
    """Why there is no verdict; empty where there is one."""
    measurement: bool
    """False: the offline rules judged, and no number here measures anything."""
    metrics: tuple[MetricChange, ...]
    """Empty where the runs can't be compared."""
    text: str
    """The table of the terminal, without colours."""

    def to_pandas(self) -> pd.DataFrame:
        """A row a metric; the columns are the fields of `MetricChange`."""
        return _data_frame(self.metrics, [field.name for field in fields(MetricChange)])


class Run:
    """A judged run; `load_run` reads one."""

    def __init__(self, run: run_files.LoggedRun, facets: Facets = OWN_FACETS) -> None:
        self._run = run
        self._facets = facets

    @property
    def name(self) -> str:
        """The name of its folder or file."""
        return self._run.name

    @property
    def model(self) -> str:
        """The model under test, as lmms-eval names it."""
        return self._run.model

    @property
    def date(self) -> str:
        """When the run was made: `2026-11-28T05:11:41Z`; empty where that is not written."""
        return self._run.date

    @property
    def answers(self) -> list[JudgedAnswer]:
        """Sample, response, round and an outcome a dimension, in the order of the sample ids.

        A run with --repeats has an answer a round to each sample.

        Raises:
            CrossError: the run has no judged answers to a CROSS task, or they can't be read.
        """
        answers = chain.from_iterable(one.judged_answers for one in rounds_in(self._run))
        return sorted(answers, key=lambda answer: (answer.sample.sample_id, answer.round))

    def to_pandas(self) -> pd.DataFrame:
        """A row an answer and dimension, `4 * len(answers)` rows; docs/api.md describes the columns.

        Facets of a file stand behind them, a column each; missing where the file says nothing of a sample.

        Raises:
            CrossError: as for `answers`.
        """
        rows = [row for answer in self.answers for row in self._rows(answer)]
        further = self._facets.further
        return _data_frame(rows, [*COLUMNS, *further]).astype(DTYPES | dict.fromkeys(further, "string"))

    def means(self) -> list[Mean]:
        """The mean of each dimension and the mean of the four, with intervals that respect norms; percent.

        Raises:
            CrossError: as for `answers`.
        """
        tables = [score_table(one.judged_answers) for one in rounds_in(self._run)]
        scores = table_over_rounds(tables).scores()
        return [Mean(measure=measure, **fields_of(score)) for measure, score in scores.items()]

    def _rows(self, answer: JudgedAnswer) -> list[dict[str, object]]:
        sample = answer.sample.to_row()
        shared: dict[str, object] = {name: sample[name] for name in COLUMNS if name in sample}
        shared |= {"run": self.name, "response": answer.response, "model": self.model}
        shared |= {"judge": answer.provenance.judge_id, "round": answer.round}
        further = self._facets.values.get(answer.sample.sample_id, {})
        return [{**shared, **further, **_outcome_columns(outcome)} for outcome in answer.outcomes.values()]

    def _rounds(self) -> list[Round]:
        return [trusted_round(one) for one in rounds_in(self._run)]


Source: TypeAlias = str | Path | Run
"""A run, or where it or a baseline file lies."""


def load_run(path: str | Path, facets: str | Path | None = None) -> Run:
    """The run in a folder (its newest, if there are several), of a results file, or of a samples file.

    Args:
        path: of the run.
        facets: of a CSV, Parquet or JSONL file with further columns for the data frame, by sample or item
            (docs/report.md).

    Raises:
        CrossError: there is none, a file is damaged, or the facets don't fit the run's samples.
    """
    run = run_files.load_run(Path(path))
    if facets is None:
        return Run(run)
    return Run(run, load_facets(Path(facets), [answer.sample.sample_id for answer in run.judged_answers]))


def load_samples(task: str) -> list[Sample]:
    """The prepared samples of one of our tasks, such as `cross_casa`, in lmms-eval's order; `cross_demo` needs no data.

    Raises:
        CrossError: there is no such task, or its data are not prepared.
    """
    if task not in SPLITS:
        raise SettingsError(f"There is no task {task!r}; the tasks are {', '.join(SPLITS)}.")
    return prepared_samples(SPLITS[task])


def judge_answers(
    samples: Sequence[Sample], responses: Sequence[str], settings: Settings | None = None
) -> list[dict[Dimension, Outcome]]:
    """Have answers judged as a run's are: by the judge, budget and ledger of the settings; waits for it.

    Args:
        samples: what was asked; their images lie in the prepared data.
        responses: the answer to each sample.
        settings: by default those in force.

    Returns:
        For each answer, a `Verdict` (score 0 or 1, 1 being good) or a `JudgeFailure` a dimension.

    Raises:
        CrossError: the data are not prepared, or the judge or the ledger can't be used as they are set up.
        ValueError: there are not as many responses as samples.
    """
    settings = settings or load_settings()
    pairs = zip(samples, responses, strict=True)
    jobs = [job_for(sample, response, settings) for sample, response in pairs]
    caution = Caution(finish_later="judge_answers, called again, asks for the rest.")
    with open_judging(settings, caution=caution) as judging:
        return [dict(outcomes) for outcomes in judging.ask(jobs)]


def compare_runs(
    baseline: Source | Sequence[Source],
    candidate: Source | Sequence[Source],
    margins: Mapping[str, float] | None = None,
    alpha: float = 0.05,
    inconclusive: Literal["fail", "pass"] = "fail",
    resamples: int = 10_000,
    slices: SliceRule = "warn",
    facets: str | Path | None = None,
) -> RunComparison:
    """Tell whether the candidate is worse than the baseline, as `lmms-eval-cross compare` does.

    Args:
        baseline: a run, its path, the path of a file that `baseline` wrote, or several rounds of one model.
        candidate: the same.
        margins: gated metric -> margin in points of percent, such as `{"compliance": 5}`; without, the four
            dimensions at 5 points each.
        alpha: level of the one-sided bounds that decide.
        inconclusive: `pass` gives exit code 0 where sound data can't decide at these margins.
        resamples: of the bootstrap that is computed beside the bounds; it decides nothing.
        slices: what a country, language or further facet that fell does: nothing (`off`), be named (`warn`), or be
            worse (`fail`).
        facets: a file of further facets, as for `load_run`.

    Raises:
        CrossError: a run or the facets can't be read, a margin is not above 0 and at most 100, or alpha not between 0
            and 0.5.
    """
    margins = dict(margins or {})
    _check_rules(margins, alpha)
    rules = Rules(margins, alpha, load_settings().min_coverage, inconclusive == "pass", resamples, slices)
    sides = _side(baseline), _side(candidate)
    if facets is not None:
        known = set().union(*(side.facts for side in sides))
        rules = replace(rules, facets=load_facets(Path(facets), known))
    return _run_comparison(compare(*sides, rules))


def _data_frame(rows: Sequence[object], columns: list[str]) -> pd.DataFrame:
    # Loading pandas takes a second, and only those who ask for a data frame need it.
    import pandas as pd

    return pd.DataFrame(rows, columns=columns)


def _outcome_columns(outcome: Outcome) -> dict[str, object]:
    """What is known of one dimension; a failure has a reason and no score."""
    columns: dict[str, object] = {"dimension": outcome.dimension, "judge_model": outcome.model}
    if isinstance(outcome, Verdict):
        return columns | {"score": outcome.score, "reason": None, "rationale": outcome.rationale}
    return columns | {"score": None, "reason": outcome.reason, "rationale": outcome.reply}


def _check_rules(margins: Mapping[str, float], alpha: float) -> None:
    for name, points in margins.items():
        if not 0 < points <= 100:
            raise SettingsError(f"The margin of {name} is {points:g}; give points above 0 and at most 100.")
    if not 0 < alpha < 0.5:
        raise SettingsError(f"alpha is {alpha:g}; give a level above 0 and below 0.5.")


def _side(given: Source | Sequence[Source]) -> Side:
    # The first round names the side; a path stands before a run that was read already.
    sources = [given] if isinstance(given, str | Path | Run) else list(given)
    paths = [Path(source) for source in sources if not isinstance(source, Run)]
    loaded = chain.from_iterable(source._rounds() for source in sources if isinstance(source, Run))
    rounds = (*load_side(paths).rounds, *loaded)
    refuse_other_models(rounds)
    return Side(rounds)


def _run_comparison(comparison: Comparison) -> RunComparison:
    return RunComparison(
        decision=comparison.decision,
        exit_code=comparison.exit_code,
        sentence=words.sentence(comparison),
        reasons=tuple(words.reasons(comparison)),
        measurement=comparison.is_measurement,
        metrics=tuple(_change(metric) for metric in comparison.metrics),
        text=click.unstyle(render_text(comparison)),
    )


def _change(metric: MetricResult) -> MetricChange:
    found = metric.difference
    if found is None:
        nothing = (None,) * 7
        return MetricChange(metric.name, *nothing, metric.margin, metric.decision, n=0, norms=0)
    return MetricChange(
        name=metric.name,
        baseline=_percent(found.baseline_mean),
        candidate=_percent(found.candidate_mean),
        change=_percent(found.difference),
        lower_bound=_percent(found.lower_bound),
        upper_bound=_percent(found.upper_bound),
        low=_percent(found.low),
        high=_percent(found.high),
        margin=metric.margin,
        decision=metric.decision,
        n=found.n,
        norms=found.clusters,
    )


def _percent(share: float | None) -> float | None:
    return None if share is None else 100 * share
