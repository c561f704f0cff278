"""What an endpoint says of a reply's end: only a reply that is said to be finished holds a score.

The words are those of OpenAI, and of anthropic 2.14.0 (`StopReason`) and google-genai 3.6.1 (`FinishReason`,
`BlockedReason`), beside what Cohere, watsonx, vLLM, TGI and gateways say.
"""

import re
from typing import Final, Literal, TypeAlias

Ending: TypeAlias = Literal["finished", "cut", "filtered", "untold", "unknown"]
_FINISHED: Final = frozenset({"stop", "eos", "eos_token", "end_turn", "stop_sequence", "complete", "completed"})
_CUT: Final = frozenset(
    {
        *("length", "max_length", "model_length", "max_tokens", "max_output_tokens", "max_completion_tokens"),
        *("max_new_tokens", "token_limit", "token_limit_reached", "time_limit", "error_limit", "continuation"),
        *("context_length", "context_length_exceeded", "model_context_window_exceeded"),
    }
)
_FILTERED: Final = frozenset(
    {
        *("content_filter", "content_filtered", "content_policy_violation", "safety", "prohibited_content"),
        *("image_safety", "image_prohibited_content", "recitation", "image_recitation", "blocklist", "spii"),
        *("language", "escalation", "jailbreak", "model_armor", "refusal", "sensitive", "error_toxic"),
        *("moderation", "guardrail_intervened"),
    }
)
NO_FINISH_REASON: Final = "no_finish_reason"
"""A quirk: this endpoint never says how a reply ended."""
_PREFIX: Final = re.compile(r"^finish_?reason[._]")


def ending(finish_reason: str | None) -> Ending:
    """The kind of a finish reason; `STOP`, `FinishReason.STOP`, `content-filter: SAFETY` are read as meant."""
    if finish_reason is None:
        return "untold"
    name = re.sub(r"[- ]", "_", finish_reason.lower().partition(":")[0].strip())
    name = _PREFIX.sub("", name)
    if name in _FINISHED:
        return "finished"
    if name in _CUT:
        return "cut"
    return "filtered" if name in _FILTERED else "unknown"
