"""What a model answered, and what is known of it beside its text."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Response:
    """One answer to a sample."""

    text: str
    """What is judged."""
    reasoning: str = ""
    """What was taken out of the model's text before."""
    generation: Mapping[str, Any] | None = None
    """How it was made, where the model's class tells."""
    round: int | None = None
    """Which answer of the model it is, counted from 1; None where there is but one."""
