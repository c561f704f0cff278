"""Everything that a report says, computed once and shown in four formats."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from lmms_eval_cross.benchmark.facets import OWN_FACETS, Facets
from lmms_eval_cross.errors import CrossError, listing
from lmms_eval_cross.judge.prices import load_prices
from lmms_eval_cross.report.capability import Capability, capability_clauses, find_capabilities
from lmms_eval_cross.report.corrected_scores import CorrectedScore, corrected_scores
from lmms_eval_cross.report.differences import RunDifference, compare_within, safety_clause, tally
from lmms_eval_cross.report.efforts import EffortCurve, effort_curves
from lmms_eval_cross.report.groups import comparable_groups
from lmms_eval_cross.report.languages import LanguageGap, language_gaps
from lmms_eval_cross.report.leaderboard import Standing, leaderboards
from lmms_eval_cross.report.measured import Measured, measure_all
from lmms_eval_cross.report.norms import NormRow, norm_rows
from lmms_eval_cross.report.notices import Notice, find_notices, has_notice
from lmms_eval_cross.report.spending import usd_of
from lmms_eval_cross.report.story import story
from lmms_eval_cross.runs.run_files import LoggedRun
from lmms_eval_cross.settings import load_settings
from lmms_eval_cross.trust.anchor import anchor_of_answers
from lmms_eval_cross.trust.human_labels import LabelSet


@dataclass(frozen=True, slots=True)
class RunVerdict:
    """What the report says of a run, compared with the first one of its group."""

    candidate: str
    safety: str
    """A clause on compliance, without a full stop."""
    story: str
    """Which measures and countries moved, without a full stop; may be empty."""
    capability: Sequence[str]
    """One clause for each metric."""

    @property
    def sentence(self) -> str:
        """All clauses as one sentence."""
        clauses = [self.safety, self.story, *self.capability]
        return f"{'; '.join(filter(None, clauses))}."


@dataclass(frozen=True)
class Report:
    """What is known of the runs."""

    models: Sequence[Measured]
    notices: Sequence[Notice]
    comparisons: Sequence[RunDifference]
    """Of every group, each further run against the group's first; empty where no two runs can be compared."""
    groups: Sequence[Sequence[str]]
    """The names of the runs that can be compared with each other."""
    leaderboards: Sequence[Sequence[Standing]]
    """Of every group with three runs or more."""
    efforts: Sequence[EffortCurve]
    """Models that stand here at several reasoning efforts."""
    capabilities: Sequence[Capability]
    language_gaps: Sequence[LanguageGap]
    norms: Sequence[NormRow]
    corrected: Sequence[CorrectedScore]
    """Empty without labels."""
    facets: Facets
    """What the slices are by."""
    min_coverage: float
    usd: Mapping[str, float | None]
    """Run -> list price of the judge calls behind its verdicts; None where the judge has no price."""
    mark: str = ""
    """Tells its files from those of a report of other runs (report/earlier_report.py)."""

    @cached_property
    def verdicts(self) -> list[RunVerdict]:
        """What the report says of each comparison; none where no two runs can be compared."""
        return [self._verdict(comparison) for comparison in self.comparisons]

    def _verdict(self, comparison: RunDifference) -> RunVerdict:
        safety = safety_clause(comparison, judged_offline=has_notice(self.notices, "offline"))
        capability = list(capability_clauses(self.capabilities, comparison.candidate))
        before, after = self.measured(comparison.baseline), self.measured(comparison.candidate)
        return RunVerdict(comparison.candidate, safety, story(comparison, before, after), capability)

    def measured(self, label: str) -> Measured:
        """The run of that name."""
        return next(model for model in self.models if model.label == label)

    @property
    def labels(self) -> list[str]:
        """The runs' names, in their order."""
        return [model.label for model in self.models]

    @property
    def has_rounds(self) -> bool:
        """Whether some row stands for several rounds of a model."""
        return any(model.rounds > 1 for model in self.models)

    @property
    def tally(self) -> str:
        """How many runs are safer than the first one of their group and how many less safe, in one sentence."""
        return "; ".join(map(tally, self.comparisons_by_group))

    @property
    def baselines(self) -> list[str]:
        """The runs that others are compared with."""
        return [comparisons[0].baseline for comparisons in self.comparisons_by_group]

    @property
    def comparisons_by_group(self) -> list[list[RunDifference]]:
        """The comparisons with each baseline, of which there is one a group."""
        by_baseline: dict[str, list[RunDifference]] = {}
        for comparison in self.comparisons:
            by_baseline.setdefault(comparison.baseline, []).append(comparison)
        return list(by_baseline.values())

    @property
    def judges(self) -> str:
        """Every judge of any run, in words."""
        return listing(list(dict.fromkeys(model.sources.judge for model in self.models)))

    @cached_property
    def batches(self) -> list[str]:
        """Of each run, the name under which `label import` takes labels of all its answers; empty where it can't.

        Made when the page asks for it: an anchor of a full run takes as long as reading it.
        """
        return list(map(_batch, self.models))

    @property
    def spent(self) -> float | None:
        """List price of the judge calls of all runs; None where none is counted, or one has no price."""
        amounts = [self.usd[model.label] for model in self.models if model.usage.prompt_tokens]
        known = [amount for amount in amounts if amount is not None]
        return sum(known) if known and len(known) == len(amounts) else None

    @property
    def same_provenance(self) -> bool:
        """Whether judge, rubric and data are the same for all runs."""
        return len({model.sources for model in self.models}) == 1


def build_report(
    runs: Sequence[LoggedRun], min_coverage: float, labels: LabelSet | None = None, facets: Facets = OWN_FACETS
) -> Report:
    """The report of some runs; of those that can be compared the first is the baseline.

    Raises:
        RunError: a run has no CROSS answers, or they can't be read.
        LabelError: the labels are of another judge, rubric or profile, or too few.
        AnchorError: there are labels, and a run was judged in several ways.
    """
    models = measure_all(runs, facets)
    groups, prices = comparable_groups(models), load_prices(load_settings().judge_prices)
    return Report(
        models=models,
        notices=find_notices(models, groups, min_coverage),
        comparisons=compare_within(groups),
        leaderboards=leaderboards(groups),
        efforts=effort_curves(groups),
        groups=[[model.label for model in group] for group in groups],
        capabilities=find_capabilities(models, groups),
        language_gaps=language_gaps(models),
        norms=norm_rows(models),
        corrected=corrected_scores(models, labels),
        facets=facets,
        min_coverage=min_coverage,
        usd={model.label: usd_of(model, prices) for model in models},
    )


def _batch(model: Measured) -> str:
    try:
        return anchor_of_answers(model.label, model.model, model.answers).batch_id
    except CrossError:
        return ""
