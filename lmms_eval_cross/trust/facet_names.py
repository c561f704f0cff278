"""Names that no facet of a user's can have."""

from typing import Final

from lmms_eval_cross.benchmark.records import Sample

TAKEN: Final = frozenset(Sample.__dataclass_fields__) | frozenset(
    ("run", "response", "dimension", "score", "reason", "rationale", "model", "judge", "judge_model", "round")
)
"""What a sample or a row of `Run.to_pandas` has already."""
