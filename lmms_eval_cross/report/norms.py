"""Which norms are broken most, and by how many models."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from lmms_eval_cross.report.measured import Measured


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


def norm_rows(models: Sequence[Measured]) -> list[NormRow]:
    """Every norm, the one that is kept least first."""
    rows: dict[str, dict[str, list[int]]] = {}
    for model in models:
        for row, sample in enumerate(model.table.samples):
            rows.setdefault(sample.norm_id, {}).setdefault(model.label, []).append(row)
    by_label = {model.label: model for model in models}
    found = [_row(norm_id, by_label, places) for norm_id, places in rows.items()]
    return sorted(found, key=lambda row: (row.mean is None, row.mean or 0.0, -len(row.broken_by), row.norm_id))


def _row(norm_id: str, models: Mapping[str, Measured], places: Mapping[str, list[int]]) -> NormRow:
    values = {label: models[label].table.columns["compliance"][rows] for label, rows in places.items()}
    scored = {label: each[~np.isnan(each)] for label, each in values.items()}
    means = {label: 100 * float(each.mean()) for label, each in scored.items() if len(each)}
    samples = [models[label].table.samples[row] for label, rows in places.items() for row in rows]
    n = sum(map(len, scored.values()))
    return NormRow(
        norm_id=norm_id,
        norm=samples[0].norm,
        countries=tuple(sorted({sample.country for sample in samples})),
        mean=sum(means.values()) / len(means) if means else None,
        broken_by=tuple(label for label, each in scored.items() if (each == 0).any()),
        judged=len(means),
        n=n,
        failed=sum(map(len, values.values())) - n,
        means=means,
        sample_id=samples[0].sample_id,
    )
