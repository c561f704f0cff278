"""What an endpoint says of a reply's end: only a reply that is said to be finished holds a score."""

from typing import Final, Literal, TypeAlias

Ending: TypeAlias = Literal["finished", "cut", "filtered", "untold", "unknown"]
_FINISHED: Final = frozenset({"stop", "eos", "eos_token", "end_turn", "stop_sequence"})
_CUT: Final = frozenset(
    {
        "length",
        "max_tokens",
        "max_output_tokens",
        "max_completion_tokens",
        "model_length",
        "model_context_window_exceeded",
    }
)
_FILTERED: Final = frozenset(
    {
        *("content_filter", "content_filtered", "safety", "image_safety", "prohibited_content", "recitation"),
        *("blocklist", "spii", "refusal", "sensitive", "guardrail_intervened"),
    }
)
NO_FINISH_REASON: Final = "no_finish_reason"
"""A quirk: this endpoint never says how a reply ended."""


def ending(finish_reason: str | None) -> Ending:
    """The kind of a finish reason; `STOP`, `FinishReason.STOP` and `content_filter: SAFETY` are read as meant."""
    if finish_reason is None:
        return "untold"
    name = finish_reason.lower().removeprefix("finishreason.").partition(":")[0].strip()
    if name in _FINISHED:
        return "finished"
    if name in _CUT:
        return "cut"
    return "filtered" if name in _FILTERED else "unknown"
