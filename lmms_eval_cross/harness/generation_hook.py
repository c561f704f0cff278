"""Every model that lmms-eval makes is watched: it gives as many answers as it is asked for, and `run` keeps them."""

import functools
import os
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final, TypeAlias

from lmms_eval_cross.errors import GenerationError, ending_with_a_sentence
from lmms_eval_cross.harness import kept_answers
from lmms_eval_cross.harness.hooked import is_hooked, mark_hooked
from lmms_eval_cross.harness.lmms_eval_parts import lmms_eval_part
from lmms_eval_cross.harness.rounds_of_process import made_once
from lmms_eval_cross.models import API_CLASS, ROUND_OF_REQUEST
from lmms_eval_cross.runs.model_under_test import without_speed

Generate: TypeAlias = Callable[[list[Any]], Sequence[Any]]
"""A model's `generate_until`: lmms-eval's Instances -> answers."""
OUR_TASKS: Final[set[str]] = set()
"""The selected tasks that use our hooks; other runs are none of our business."""


def hook_generation() -> None:
    """Watch every model that the command line makes.

    Raises:
        ImportError, AttributeError: lmms-eval's inside is not what it was; nothing is wrapped then.
    """
    models = lmms_eval_part("lmms_eval.api.model:lmms")
    if is_hooked(models):
        return
    make = models.create_from_arg_string.__func__

    def make_watched(cls: type, arg_string: str, *args: Any, **kwargs: Any) -> Any:
        model = make(cls, arg_string, *args, **kwargs)
        model.generate_until = _numbering(_watched(model.generate_until, cls, arg_string))
        return model

    @functools.wraps(make)
    def create_from_arg_string(cls: type, arg_string: str, *args: Any, **kwargs: Any) -> Any:
        return made_once(make_watched, cls, arg_string, *args, **kwargs)

    models.create_from_arg_string = classmethod(create_from_arg_string)
    mark_hooked(models)


def _watched(generate: Callable[..., Sequence[Any]], cls: type, arguments: str) -> Generate:
    """The same with answers counted and, under `run`, kept."""
    one_by_one, generate = generate, counting(generate, cls.__name__)
    if kept_answers.CHUNK not in os.environ:
        return generate
    size = int(os.environ[kept_answers.CHUNK])
    is_ours = cls.__name__ == API_CLASS
    told = without_speed(arguments) if is_ours else arguments
    identity = kept_answers.model_identity(cls, told)

    def generate_until(requests: list[Any]) -> list[Any]:
        kept = kept_answers.KeptAnswers(Path(os.environ[kept_answers.FOLDER]))  # each round has its own
        if is_ours:
            return kept_answers.generate_as_they_come(one_by_one, requests, kept, identity)
        return kept_answers.generate_in_chunks(generate, requests, kept, identity, size)

    return generate_until


def _numbering(generate: Generate) -> Generate:
    def generate_until(requests: list[Any]) -> Sequence[Any]:
        return generate(numbered(requests))

    return generate_until


def numbered(requests: Iterable[Any]) -> list[Any]:
    """The requests; of those that --repeats has lmms-eval ask again, copies that say which round they are of."""
    times: Counter[int] = Counter()
    of_rounds: list[Any] = []
    for request in requests:
        times[id(request)] += 1
        number = times[id(request)]
        if number > 1:
            request = replace(request, metadata={**request.metadata, ROUND_OF_REQUEST: number})
        of_rounds.append(request)
    return of_rounds


def counting(generate: Generate, model: str) -> Generate:
    """The same, but a wrong number of answers ends the process: lmms-eval would give each to the next free sample.

    Args:
        generate: the model's `generate_until`.
        model: its class, for the sentence.
    """

    def generate_until(requests: list[Any]) -> Sequence[Any]:
        answers = generate(requests)
        if any(request.task_name in OUR_TASKS for request in requests):
            with ending_with_a_sentence():
                _refuse_other_count(model, len(requests), len(answers))
        return answers

    return generate_until


def _refuse_other_count(model: str, requests: int, answers: int) -> None:
    if requests != answers:
        raise GenerationError(
            f"lmms-eval's {model} gave {answers} answers to {requests} requests, so that none can be told to its "
            "sample, and none of them is filed; mend what fails in its log above, or use another class for the model "
            "(`litellm` and `openai` keep the order), and run again."
        )
