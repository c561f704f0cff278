"""Submit in `process_results`, settle in aggregation."""

from collections.abc import Sequence
from typing import Any

from lmms_eval_cross import session
from lmms_eval_cross.records import Sample
from lmms_eval_cross.sample_record import mean_score


def process_results(doc: dict[str, Any], results: Sequence[str]) -> dict[str, session.PendingItem]:
    """Hand the answer to the judge and return at once; the items fill when the verdicts come."""
    return session.submit(Sample.from_row(doc), str(results[0]))


def mean(items: Sequence[dict[str, Any]]) -> float | None:
    """The mean in percent over the samples that have a score, None if none has."""
    for item in items:
        if isinstance(item, session.PendingItem):
            item.settle()
    return mean_score(items)


def group_mean(means: Sequence[float | None], sizes: Sequence[int], weight_by_size: bool) -> float | None:
    """The tasks' mean, weighted by their samples; a task without any score is left out."""
    pairs = [(mean, size if weight_by_size else 1) for mean, size in zip(means, sizes, strict=True) if mean is not None]
    total = sum(size for _, size in pairs)
    return sum(mean * size for mean, size in pairs) / total if total else None
