"""A run whose cut-off replies are asked for again with a higher limit of tokens, and nothing else of it.

The judge is another one by its key, as the limit is part of the request. Yet a reply that was finished under a lower
limit is the reply under a higher one that it fits into: so verdicts stand, and so do failures that no limit has made.
"""

from collections.abc import Iterable
from typing import Final

from lmms_eval_cross.benchmark.records import FailureReason, JudgeFailure, Outcome
from lmms_eval_cross.trust.stamp import JudgeStamp

_LIMIT: Final = "max_tokens"
_CUT_OFF: Final[frozenset[FailureReason]] = frozenset({"truncated", "empty", "unfinished"})
"""Failures that a limit may have made: a reasoning model that spends it all says nothing."""


def is_raised(before: JudgeStamp, now: JudgeStamp) -> bool:
    """Whether two judges differ in nothing but a limit that is higher now, or was the endpoint's own before."""
    was, limit = before.request.get(_LIMIT), now.request.get(_LIMIT)
    if limit is None or (was is not None and was >= limit):
        return False
    return _binding_without_limit(before) == _binding_without_limit(now)


def standing(outcomes: Iterable[Outcome], limit: int) -> list[Outcome]:
    """The outcomes that stand under a higher limit; a reply that is longer than it is asked for again."""
    kept = []
    for outcome in outcomes:
        is_cut_off = isinstance(outcome, JudgeFailure) and outcome.reason in _CUT_OFF
        if not is_cut_off and outcome.usage.completion_tokens <= limit:
            kept.append(outcome)
    return kept


def _binding_without_limit(stamp: JudgeStamp) -> str:
    request = {name: value for name, value in stamp.request.items() if name != _LIMIT}
    return stamp.model_copy(update={"request": request}).binding
