"""Means corrected for the judge's errors by human labels, beside what the judge gives."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from lmms_eval_cross.report.measured import Measured
from lmms_eval_cross.stats import Corrected, Interval

if TYPE_CHECKING:
    from lmms_eval_cross.trust.corrected_means import CorrectedMean
    from lmms_eval_cross.trust.human_labels import LabelSet


def corrected_scores(models: Sequence[Measured], labels: LabelSet | None) -> dict[str, list[CorrectedMean]]:
    """The run's name in the report -> its four dimensions, corrected; empty without labels.

    Raises:
        LabelError: the labels are of another judge, rubric or profile, or too few.
        AnchorError: a run was judged in several ways.
    """
    if labels is None:
        return {}
    from lmms_eval_cross.trust.corrected_means import corrected_means

    return {model.label: corrected_means(model.answers, labels) for model in models}


def in_percent(estimate: Interval | Corrected) -> dict[str, float | None]:
    """Mean and interval in percent, as the report's other numbers; of a corrected mean the run's interval too."""
    shares = {"mean": estimate.mean, "low": estimate.low, "high": estimate.high}
    if isinstance(estimate, Corrected):
        shares |= {"run_low": estimate.run_low, "run_high": estimate.run_high}
    return {name: None if share is None else 100 * share for name, share in shares.items()}
