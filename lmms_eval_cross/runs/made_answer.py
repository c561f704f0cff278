"""An answer that knows how it was made."""

from collections.abc import Mapping
from typing import Any


class MadeAnswer(str):
    """What a model of ours answered; lmms-eval takes it for the text that it is."""

    generation: Mapping[str, Any] | None = None
    """What was asked, how the answer ended, and what it cost; docs/schema.md has the names."""


def made_answer(text: str, generation: Mapping[str, Any] | None) -> MadeAnswer:
    """`text`, made so."""
    answer = MadeAnswer(text)
    answer.generation = generation
    return answer


def generation_of(answer: object) -> Mapping[str, Any] | None:
    """How an answer was made, None where nobody told."""
    return getattr(answer, "generation", None)
