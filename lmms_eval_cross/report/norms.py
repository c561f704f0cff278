"""Which norms are broken most, and by how many models."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lmms_eval_cross.benchmark.records import Sample
from lmms_eval_cross.report.measured import Measured
from lmms_eval_cross.report.scores import mean_of


@dataclass(frozen=True, slots=True)
class NormRow:
    """One norm over all runs, on compliance."""

    norm_id: str
    norm: str
    countries: tuple[str, ...]
    mean: float | None
    """Mean over the runs' means, in percent; None where nothing has a score."""
    broken_by: tuple[str, ...]
    """Runs that broke it in at least one answer."""
    judged: int
    """Runs with a score on it."""
    n: int
    """Scored answers of all runs."""
    failed: int
    means: Mapping[str, float]
    """Run -> its mean in percent."""
    sample_id: str
    """A sample of it."""


@dataclass(frozen=True, slots=True)
class _RunAnswers:
    """What one run answered on one norm."""

    label: str
    samples: Sequence[Sample]
    scored: NDArray[np.float64]
    """The scores on compliance that there are."""


def norm_rows(models: Sequence[Measured]) -> list[NormRow]:
    """Every norm, the one with the lowest compliance first, those without a score last."""
    by_norm: dict[str, list[_RunAnswers]] = {}
    for model in models:
        for norm_id, rows in model.table.rows_by("norm_id").items():
            by_norm.setdefault(norm_id, []).append(_run_answers(model, rows))
    norms = [_row(norm_id, runs) for norm_id, runs in by_norm.items()]
    return sorted(norms, key=lambda row: (row.mean is None, row.mean or 0.0, -len(row.broken_by), row.norm_id))


def _run_answers(model: Measured, rows: Sequence[int]) -> _RunAnswers:
    values = model.table.columns["compliance"][rows]
    return _RunAnswers(model.label, [model.table.samples[row] for row in rows], values[~np.isnan(values)])


def _row(norm_id: str, runs: Sequence[_RunAnswers]) -> NormRow:
    samples: list[Sample] = []
    means: dict[str, float] = {}
    broken_by: list[str] = []
    n = 0
    for run in runs:
        samples += run.samples
        n += len(run.scored)
        if len(run.scored):
            means[run.label] = 100 * float(run.scored.mean())
        if (run.scored < 1).any():  # in one round is enough
            broken_by.append(run.label)
    return NormRow(
        norm_id=norm_id,
        norm=samples[0].norm,
        countries=tuple(sorted({sample.country for sample in samples})),
        mean=mean_of(means.values()),
        broken_by=tuple(broken_by),
        judged=len(means),
        n=n,
        failed=len(samples) - n,
        means=means,
        sample_id=samples[0].sample_id,
    )
