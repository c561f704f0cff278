"""A judge set against human labels: how often it says what people say, and how sure that is."""

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from itertools import compress

import numpy as np

from lmms_eval_cross import numbers
from lmms_eval_cross.stats import Confusion, confusion
from lmms_eval_cross.stats.agreement_intervals import Ends, agreement_intervals
from lmms_eval_cross.stats.clusters import FloatArray


@dataclass(frozen=True, slots=True)
class AgainstLabels:
    """A judge (other) against people (reference)."""

    table: Confusion
    intervals: Mapping[str, Ends]
    """Two-sided 95% over norms, of each value of `table` by its name; see `stats.agreement_intervals`."""

    def shown(self, name: str) -> str:
        """A value and its interval: `0.82 [0.74, 0.89]`."""
        return share_with_interval(getattr(self.table, name), self.intervals[name])


def against_majority(
    labels: FloatArray, judged: FloatArray, norms: Sequence[Hashable], weights: FloatArray
) -> AgainstLabels | None:
    """The judge against the majority of each answer's labels; ties are left out.

    `labels` are means over annotators in 0..1; it, `judged`, `norms` and `weights` have shape (labels,). None where all
    are ties.
    """
    untied = labels != 0.5
    if not untied.any():
        return None
    majority, clusters = np.round(labels[untied]), list(compress(norms, untied))
    return AgainstLabels(
        confusion(majority, judged[untied], weights[untied]),
        agreement_intervals(majority, judged[untied], clusters, weights[untied]),
    )


def share_with_interval(value: float | None, ends: Ends) -> str:
    """`0.82 [0.74, 0.89]`, the value alone where there is no interval, a dash where there is no value."""
    return "-" if value is None else f"{numbers.share(value)} {numbers.share_interval(ends)}".rstrip()
