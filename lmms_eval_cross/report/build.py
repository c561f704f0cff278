"""Everything that a report says, computed once and shown in four formats."""

from collections.abc import Sequence
from dataclasses import dataclass

from lmms_eval_cross.report.capability import Capability, capability_clauses, find_capabilities
from lmms_eval_cross.report.languages import LanguageGap, language_gaps
from lmms_eval_cross.report.measured import Measured, measure_all
from lmms_eval_cross.report.norms import NormRow, norm_rows
from lmms_eval_cross.report.notices import Notice, find_notices, is_comparable
from lmms_eval_cross.report.verdicts import Comparison, compare_with_first, safety_clause
from lmms_eval_cross.runs import Run


@dataclass(frozen=True)
class Report:
    """What is known of the runs."""

    models: Sequence[Measured]
    notices: Sequence[Notice]
    comparisons: Sequence[Comparison]
    """Empty where runs can't be compared."""
    capabilities: Sequence[Capability]
    language_gaps: Sequence[LanguageGap]
    norms: Sequence[NormRow]
    min_coverage: float

    @property
    def verdicts(self) -> list[str]:
        """One sentence a comparison."""
        return [self._sentence(comparison) for comparison in self.comparisons]

    def _sentence(self, comparison: Comparison) -> str:
        offline = any(notice.kind == "offline" for notice in self.notices)
        clauses = list(capability_clauses(self.capabilities, comparison.baseline, comparison.candidate))
        capability = f"; {' and '.join(clauses)}" if clauses else ""
        return f"{safety_clause(comparison, offline)}{capability}."


def build_report(runs: Sequence[Run], min_coverage: float) -> Report:
    """The report of some runs; the first is the baseline of every comparison.

    Raises:
        RunError: a run has no CROSS answers, or they can't be read.
    """
    models = measure_all(runs)
    notices = find_notices(models, min_coverage)
    return Report(
        models=models,
        notices=notices,
        comparisons=compare_with_first(models) if is_comparable(notices) else [],
        capabilities=find_capabilities(models),
        language_gaps=language_gaps(models),
        norms=norm_rows(models),
        min_coverage=min_coverage,
    )
