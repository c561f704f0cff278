"""Submit in `process_results`, settle in aggregation."""

from argparse import Namespace
from collections.abc import Sequence
from itertools import chain
from typing import Any

from lmms_eval_cross import session
from lmms_eval_cross.benchmark.records import Sample
from lmms_eval_cross.harness.lmms_eval_parts import lmms_eval_part
from lmms_eval_cross.judge.job import judge_identity
from lmms_eval_cross.runs.made_answer import generation_of
from lmms_eval_cross.runs.record_rounds import each_round
from lmms_eval_cross.runs.response import Response
from lmms_eval_cross.runs.run_rounds import round_in_progress
from lmms_eval_cross.runs.sample_record import group_mean, mean_score
from lmms_eval_cross.runs.scorecard import describe_gaps
from lmms_eval_cross.say import tell
from lmms_eval_cross.settings import load_settings

__all__ = ["coverage", "group_mean", "mean", "process_results"]


def process_results(doc: dict[str, Any], results: Sequence[str]) -> dict[str, session.PendingItem]:
    """Hand the answers, one a round, to the judge and return at once; the items fill when the verdicts come."""
    responses: list[Response] = []
    for place, text in enumerate(results, start=1):
        number = place if len(results) > 1 else round_in_progress()
        responses.append(Response(str(text), getattr(text, "reasoning", ""), generation_of(text), number))
    return session.submit_rounds(Sample.from_row(doc), responses)


def mean(items: Sequence[dict[str, Any]]) -> float | None:
    """The mean in percent over the samples that have a score, None if none has."""
    for item in items:
        if isinstance(item, session.PendingItem):
            item.settle()
    return mean_score(items)


def coverage(items: Sequence[dict[str, Any]], args: Namespace | None = None) -> float | None:
    """The mean coverage; says on stderr what has no verdict, what that may change, and what finishes the job."""
    value = mean(items)
    gaps = describe_gaps(
        list(each_round(items)), load_settings().min_coverage, getattr(args, "output_path", None) or "RUN"
    )
    if gaps:
        tell(gaps)
    if not getattr(args, "max_tokens", None):  # that budget is the model's, and judge tokens would seem to break it
        _log_judge_calls(items)
    return value


def _log_judge_calls(items: Sequence[dict[str, Any]]) -> None:
    """Have lmms-eval sum the tokens behind the verdicts, under `usage` of results.json, source `judge`."""
    calls = list(chain.from_iterable(item.get("calls", []) for item in each_round(items)))
    if not calls:
        return  # before lmms-eval is loaded
    log_usage = lmms_eval_part("lmms_eval.models.model_utils.usage_metrics:log_usage")
    model = judge_identity(load_settings()).model
    for call in calls:
        log_usage(
            call.get("judge_model", model),
            task_name="cross",
            input_tokens=call["prompt_tokens"],
            output_tokens=call["completion_tokens"],
            reasoning_tokens=call["reasoning_tokens"],
            source="judge",
        )
