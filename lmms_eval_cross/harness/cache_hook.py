"""lmms-eval's `--use_cache` keeps failures as answers; with our tasks it neither stores nor replays them."""

import functools
from typing import Any

from lmms_eval_cross.harness.hooked import is_hooked, mark_hooked
from lmms_eval_cross.harness.lmms_eval_parts import lmms_eval_part
from lmms_eval_cross.runs.failed_generations import failed_generation


def hook_cache() -> None:
    """Wrap what decides whether a response is stored, and what looks one up.

    Raises:
        ImportError, AttributeError: lmms-eval's inside is not what it was; nothing is wrapped then.
    """
    cache = lmms_eval_part("lmms_eval.caching.response_cache:ResponseCache")
    if is_hooked(cache):
        return
    is_valid, lookup = cache._is_valid_response, cache._lookup

    @functools.wraps(is_valid)
    def is_valid_response(response: Any, request_type: str) -> bool:
        return bool(is_valid(response, request_type)) and not _failed(response)

    @functools.wraps(lookup)
    def look_up(self: Any, cache_key: str) -> Any:
        response = lookup(self, cache_key)
        if _failed(response):
            return None
        return response

    cache._is_valid_response = staticmethod(is_valid_response)
    cache._lookup = look_up
    mark_hooked(cache)


def _failed(response: Any) -> bool:
    """Whether a response of a model, or the text that the cache holds of it, is a failure."""
    text = getattr(response, "text", response)
    return isinstance(text, str) and failed_generation(text) is not None
