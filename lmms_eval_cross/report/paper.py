"""What the paper published (Qiu et al., arXiv:2505.14972); shown beside our measurements, never among them."""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class ReferenceRow:
    """A published number."""

    what: str
    awareness: str
    compliance: str
    unit: str


REFERENCES: Final = (
    ReferenceRow("Best of 21 models, each dimension on its own", "61.79", "37.73", "percent"),
    ReferenceRow("GPT-4o after the paper's tuning, against before", "+60.14", "+55.2", "points"),
)
SOURCE: Final = "Qiu et al., arXiv:2505.14972, judged by GPT-4o with the released prompts"
