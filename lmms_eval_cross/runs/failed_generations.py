"""Tell an answer of the model under test from the trace of a failed generation."""

import re
from typing import Final

_MARKERS: Final = (
    (re.compile(r"^\[LMMS_EVAL_REQUEST_FAILED\b"), "lmms-eval gave up on the request"),
    (re.compile(r"^\[CROSS_API_FAILED: "), "cross_api got no answer"),
    (re.compile(r"^\[LMMS_EVAL_BUDGET_EXCEEDED\]"), "lmms-eval's token budget was spent"),
    (re.compile(r"^\[SAFETY_BLOCKED:"), "the provider returned no text: blocked, or its tokens were spent on thinking"),
    (re.compile(r"^(Error: )?can only concatenate str \(not \"NoneType\"\) to str"), "the provider returned no text"),
    (re.compile(r"^\[(GENERATION_FAILED|ERROR)\]"), "lmms-eval's model class wrote an error in place of an answer"),
    (re.compile(r"^Batch failed$"), "the provider's batch failed"),
    (re.compile(r"^Video .* (can not load|generate failed), check the source$"), "the model class got no answer"),
    (re.compile(r"^Can not infer the answer\.$"), "the model class got no answer"),
    (re.compile(r"^ERROR: The API call failed\.?$"), "the released inference script's mark of a failed call"),
    (re.compile(r"^None$"), "the model returned nothing (None)"),
    (re.compile(r"^$"), "the model returned no text"),
)
"""All that lmms-eval's model classes write in place of an answer; a test reads the installed ones for others."""
_OPENED: Final = re.compile(r"<(think|thinking|analysis)>", re.IGNORECASE)
_CLOSED: Final = re.compile(r"</(think|thinking|analysis)>", re.IGNORECASE)


def failed_generation(response: str) -> str | None:
    """Why `response` is no answer, None if it is one; such a response is never judged."""
    text = response.strip()
    for marker, meaning in _MARKERS:
        if marker.search(text):
            return meaning
    opened = [match.start() for match in _OPENED.finditer(text)]
    closed = [match.end() for match in _CLOSED.finditer(text)]
    if opened and opened[-1] > max(closed, default=-1):
        return "the model's reasoning was cut off before an answer (an unclosed reasoning tag)"
    if closed and closed[-1] == len(text):
        return "the model returned its reasoning and no answer"
    return None
