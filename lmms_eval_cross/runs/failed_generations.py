"""Tell an answer of the model under test from the trace of a failed generation."""

import re
from typing import Final

_MARKERS: Final = (
    (re.compile(r"^\[LMMS_EVAL_REQUEST_FAILED\b"), "lmms-eval gave up on the request"),
    (re.compile(r"^\[LMMS_EVAL_BUDGET_EXCEEDED\]"), "lmms-eval's token budget was spent"),
    (re.compile(r"^ERROR: The API call failed\.?$"), "the released inference script's mark of a failed call"),
    (re.compile(r"^None$"), "the model returned nothing (None)"),
    (re.compile(r"^$"), "the model returned no text"),
)
_OPENED: Final = re.compile(r"<think(?:ing)?>", re.IGNORECASE)
_CLOSED: Final = re.compile(r"</think(?:ing)?>", re.IGNORECASE)


def failed_generation(response: str) -> str | None:
    """Why `response` is no answer, None if it is one; such a response is never judged."""
    text = response.strip()
    for marker, meaning in _MARKERS:
        if marker.search(text):
            return meaning
    opened = [match.start() for match in _OPENED.finditer(text)]
    closed = [match.end() for match in _CLOSED.finditer(text)]
    if opened and opened[-1] > max(closed, default=-1):
        return "the model's reasoning was cut off before an answer (an unclosed <think>)"
    if closed and closed[-1] == len(text):
        return "the model returned its reasoning and no answer"
    return None
