"""Filters before lmms-eval's own: what comes out of them can be logged, and is what is judged."""

from collections.abc import Iterable, Mapping, MutableSequence, Sequence
from typing import Any

from lmms_eval_cross.harness.reasoning_tags import tags_in_force
from lmms_eval_cross.runs.made_answer import generation_of
from lmms_eval_cross.runs.reasoning import split_reasoning
from lmms_eval_cross.text import sendable


class AnswerText(str):
    """What is judged of a model's text, and beside it what is not."""

    reasoning: str = ""
    """What stood between reasoning tags, with them."""
    generation: Mapping[str, Any] | None = None
    """How a model of ours made it."""

    def strip(self, chars: str | None = None, /) -> "AnswerText":
        """The same; lmms-eval 0.7.3 strips every answer on its way to `process_results`, to a bare string else."""
        stripped = AnswerText(super().strip(chars))
        stripped.reasoning, stripped.generation = self.reasoning, self.generation
        return stripped


class Answers:
    """Takes reasoning out of each text and keeps it beside; replaces what can't be logged as `Writable` does."""

    def apply(self, resps: Iterable[MutableSequence[Any]], docs: object) -> list[list[Any]]:
        """The answers of each request, whose own texts, which lmms-eval logs beside, are made writable in place."""
        return [_answers(texts) for texts in resps]


class AllRounds:
    """Hands all answers of `--repeats` to `process_results`; a lone one as `take_first` does."""

    def apply(self, resps: Iterable[Sequence[Any]], docs: object) -> list[Any]:
        """Of each request its one answer, or the list of them."""
        return [texts[0] if len(texts) == 1 else list(texts) for texts in resps]


class Writable:
    """Replaces lone surrogates, which UTF-8 can't write, by U+FFFD; for tasks that were copied from ours of 0.1.

    lmms-eval would stop writing a task's samples at the first of them, and exit with 0.
    """

    def apply(self, resps: Iterable[Sequence[Any]], docs: object) -> list[list[Any]]:
        """The responses of each request, writable."""
        return [list(map(_writable, texts)) for texts in resps]


def _answers(texts: MutableSequence[Any]) -> list[Any]:
    generations = list(map(generation_of, texts))
    texts[:] = map(_writable, texts)
    return list(map(_answer, texts, generations))


def _answer(response: Any, generation: Mapping[str, Any] | None) -> Any:
    """Whatever a model gives besides texts stays as it is."""
    if not isinstance(response, str):
        return response
    text, reasoning = split_reasoning(response, tags_in_force())
    answer = AnswerText(text)
    answer.reasoning, answer.generation = reasoning, generation
    return answer


def _writable(response: Any) -> Any:
    if isinstance(response, str):
        return sendable(response)
    return response
