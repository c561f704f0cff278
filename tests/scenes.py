"""What endpoints are known to answer, a scene each: how it is worded, and what must come of it.

A scene answers every call in the same way, or by what a call holds; it needs no clock. A judge in good order says
`GOOD`, so that a scene whose reply is read gives 1 (0 for compliance, where the rubric scores a violation).
"""

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from tests.judge_server import Answer, Asked

GOOD: Final = "It keeps to the norm.\n\nScore: 1"
SCORED: Final = "scored"
HALF: Final = "It names the norm, so on the face of it\nScore: 1\nyet the second part of the answer"
AT_ONCE: Final = {"retry-after-ms": "1"}
USAGE: Final = {"prompt_tokens": 900, "completion_tokens": 30, "total_tokens": 930}


@dataclass(frozen=True)
class Scene:
    """One way to answer."""

    answer: Callable[[Asked], Answer]
    outcome: str
    """`scored`, or the reason of every failure."""
    most_requests: float = 1.0
    """A verdict or failure, without the questions that are asked once an endpoint."""
    profile: str = "official"


def completion(message: object, finish: object = "stop", **others: Any) -> Answer:
    """A completion with any message and finish reason; `others` stand beside the choices."""
    choice = {"index": 0, "message": message, "finish_reason": finish}
    body = {"id": "x", "object": "chat.completion", "created": 0, "model": "m", "choices": [choice], "usage": USAGE}
    return Answer(raw=json.dumps({**body, **others}).encode())


def says(content: object, finish: object = "stop", **others: Any) -> Answer:
    """A completion whose message has this content."""
    return completion({"role": "assistant", "content": content}, finish, **others)


def always(answer: Answer) -> Callable[[Asked], Answer]:
    """The same answer to every call."""
    return lambda _: answer


def _chunks(*deltas: dict[str, Any], finish: str | None = "stop", done: bool = True) -> Answer:
    """A stream of chunks."""
    lines = [": keep-alive"]
    for place, delta in enumerate(deltas, start=1):
        choice = {"index": 0, "delta": delta, "finish_reason": finish if place == len(deltas) else None}
        lines.append("data: " + json.dumps({"model": "m", "choices": [choice]}))
    lines.append("data: " + json.dumps({"model": "m", "choices": [], "usage": USAGE}))
    if done:
        lines.append("data: [DONE]")
    return Answer(raw="\n\n".join(lines).encode(), headers={"Content-Type": "text/event-stream"})


def _only_as_stream(asked: Asked) -> Answer:
    if asked.body.get("stream"):
        return _chunks({"content": GOOD[:20]}, {"content": GOOD[20:]})
    return Answer(status=400, error={"message": "This model is served in stream mode only; please enable stream."})


def _thought(words: str) -> Answer:
    return says(words)


def _part(text: str) -> dict[str, str]:
    return {"type": "text", "text": text}


THINKING: Final[dict[str, Scene]] = {
    "thinking never ends": Scene(
        always(_thought("<think>It names the norm. Maybe Score: 1. But wait, it breaks the norm, so")), "truncated"
    ),
    "thinking never ends, and no reason is given": Scene(
        always(says("<think>It names the norm.\nScore: 1\nBut wait, shall I look again at", None)), "truncated"
    ),
    "thinking alone, only closed": Scene(
        always(_thought("Well. At first\nScore: 1\nbut it breaks the norm, so 0.\n</think>\n\n")), "empty"
    ),
    "thinking alone, opened and closed": Scene(always(_thought("<think>\nScore: 1\n</think>\n")), "empty"),
    "thinking, then the score": Scene(always(_thought(f"<think>At first, Score: 0. No.</think>\n\n{GOOD}")), SCORED),
    "thinking only closed, then the score": Scene(
        always(_thought(f"At first\nScore: 0\nNo.\n</think>\n{GOOD}")), SCORED
    ),
    "thinking, then no number": Scene(
        always(_thought("<think>\nScore: 0\nNo, it names the norm.\n</think>\n\nIt is aware. Final verdict: one.")),
        "unparsable",
        2.0,
    ),
    "thinking of another make": Scene(always(_thought(f"[THINK]Score: 0, or not?[/THINK]{GOOD}")), SCORED),
    "thinking behind a few words never ends": Scene(
        always(_thought("Let me see.\n<think>\nScore: 1\nBut wait, it breaks the norm, so")), "truncated"
    ),
    "thinking behind a few words, then the score": Scene(
        always(_thought(f"Let me see.\n<think>Score: 0?</think>\nWell.\n<think>Yes, Score: 0</think>\n{GOOD}")), SCORED
    ),
    "thinking of a make with attributes never ends": Scene(
        always(_thought('<thought_process lang="en">Score: 1? But then')), "truncated"
    ),
    "thinking whose tags are escaped": Scene(always(_thought(f"&lt;think&gt;Score: 0?&lt;/think&gt;{GOOD}")), SCORED),
    "thinking between tokens of a template": Scene(
        always(_thought(f"<|START_THINKING|>Score: 0?<|END_THINKING|>{GOOD}")), SCORED
    ),
    "a tag of thinking in a fence": Scene(always(_thought(f"The answer has\n```\n<think>\n```\n{GOOD}")), SCORED),
    "thinking in a channel": Scene(
        always(_thought(f"<|channel|>analysis<|message|>Score: 0?<|end|><|channel|>final<|message|>{GOOD}")), SCORED
    ),
    "thinking apart, and no words": Scene(
        always(completion({"role": "assistant", "content": None, "reasoning_content": "So it is Score: 1"})), "empty"
    ),
    "thinking apart, and words": Scene(
        always(
            completion({"role": "assistant", "content": GOOD, "reasoning_content": "Score: 0?\n</think>\nScore: 0"})
        ),
        SCORED,
    ),
    "thinking as a part": Scene(
        always(
            says(
                [
                    {"type": "thinking", "thinking": [{"type": "text", "text": "Score: 0?"}]},
                    {"type": "text", "text": GOOD},
                ]
            )
        ),
        SCORED,
    ),
}
"""Replies of reasoning models."""


def _finished_as(reason: object, outcome: str, most_requests: float = 1.0) -> Scene:
    return Scene(always(says(HALF, reason)), outcome, most_requests)


def _nothing_as(reason: object, outcome: str, most_requests: float = 1.0) -> Scene:
    return Scene(always(completion({"role": "assistant"}, reason)), outcome, most_requests)


def _of_a_gateway(beside: dict[str, Any], content: str = HALF) -> Answer:
    """A completion that is said to be finished, with other members in its choice."""
    choice = {"index": 0, "message": {"role": "assistant", "content": content}, "finish_reason": "stop", **beside}
    return completion(None, choices=[choice])


CUT: Final = ("length", "MAX_TOKENS", "model_length", "token_limit", "CONTINUATION")
FILTERED: Final = (
    *("SAFETY", "RECITATION", "content_filter: PROHIBITED_CONTENT", "PROHIBITED_CONTENT"),
    *("IMAGE_PROHIBITED_CONTENT", "LANGUAGE", "MODEL_ARMOR", "content-filter", "ERROR_TOXIC"),
)
UNKNOWN: Final = ("error", "abort", "insufficient_system_resource", "tool_calls", "a word of tomorrow")
FINISHED: Final = ("STOP", "eos", "end_turn", "stop_sequence", "COMPLETE", "FINISH_REASON_STOP")
FINISHES: Final[dict[str, Scene]] = {
    **{f"half a reply: {reason}": _finished_as(reason, "truncated") for reason in CUT},
    **{f"half a reply: {reason}": _finished_as(reason, "refused") for reason in FILTERED},
    **{f"half a reply: {reason}": _finished_as(reason, "unfinished", 2.0) for reason in UNKNOWN},
    **{f"a whole reply: {reason}": Scene(always(says(GOOD, reason)), SCORED) for reason in FINISHED},
    "half a reply, and never a reason": _finished_as(None, "unfinished", 2.0),
    "a whole reply, and never a reason": Scene(always(says(GOOD, None)), SCORED),
    **{f"no reply: {reason}": _nothing_as(reason, "refused") for reason in ("SAFETY", "content_filter")},
    "no reply: MAX_TOKENS": _nothing_as("MAX_TOKENS", "truncated"),
    "no reply: error": _nothing_as("error", "unfinished", 2.0),
    "no reply: stop": _nothing_as("stop", "empty"),
    "no reply: never a reason": _nothing_as(None, "empty"),
    **{
        f"half a reply, a gateway says stop: {native}": Scene(
            always(_of_a_gateway({"provider_specific_fields": {"native_finish_reason": native}})), outcome, 2.0
        )
        for native, outcome in (("abort", "unfinished"), ("MAX_TOKENS", "truncated"), ("SAFETY", "refused"))
    },
    "half a reply, a router says stop": Scene(
        always(_of_a_gateway({"native_finish_reason": "error"})), "unfinished", 2.0
    ),
    "a whole reply of a gateway": Scene(
        always(_of_a_gateway({"provider_specific_fields": {"native_finish_reason": "end_turn"}}, GOOD)), SCORED
    ),
    "a provider that dies in mid-reply": Scene(
        always(
            Answer(
                raw=json.dumps(
                    {
                        "model": "m",
                        "usage": USAGE,
                        "choices": [
                            {
                                "message": {"content": HALF},
                                "finish_reason": "error",
                                "error": {"code": 502, "message": "The provider went away"},
                            }
                        ],
                    }
                ).encode()
            )
        ),
        "unfinished",
        2.0,
    ),
}
"""How replies end."""


def _in_turn(asked: Asked) -> Answer:
    return says(GOOD, model=f"model-{len(asked.text) % 2}")


SHAPES: Final[dict[str, Scene]] = {
    "content in parts": Scene(
        always(says([{"type": "text", "text": GOOD[:9]}, {"type": "text", "text": GOOD[9:]}])), SCORED
    ),
    "a stream nobody asked for": Scene(always(_chunks({"role": "assistant"}, {"content": GOOD})), SCORED),
    "a stream that breaks off": Scene(always(_chunks({"content": HALF}, finish=None, done=False)), "unfinished", 2.0),
    "a stream with thinking": Scene(always(_chunks({"reasoning_content": "Score: 0?"}, {"content": GOOD})), SCORED),
    "only as a stream": Scene(_only_as_stream, SCORED),
    "no choices": Scene(always(says(GOOD, choices=None)), "unavailable"),
    "an empty list of choices": Scene(always(says(GOOD, choices=[])), "unavailable"),
    "no message": Scene(always(completion(None)), "unavailable"),
    "no message, filtered": Scene(always(completion(None, "content_filter")), "refused"),
    "a refusal": Scene(always(completion({"content": None, "refusal": "I'd rather not."})), "refused"),
    "counts as text": Scene(
        always(says(GOOD, usage={"prompt_tokens": "900", "completion_tokens": 30.0, "total_tokens": None})), SCORED
    ),
    "no counts": Scene(always(says(GOOD, usage=None)), SCORED),
    "a refusal as an object": Scene(
        always(completion({"content": "", "refusal": {"reason": "policy", "message": "Not this."}})), "refused"
    ),
    "a model that is a list": Scene(always(says(GOOD, model=["m"])), SCORED),
    "counts without end": Scene(always(says(GOOD, usage={"prompt_tokens": 10**400})), SCORED),
    "counts that are no numbers": Scene(always(says(GOOD, usage={"prompt_tokens": "many"})), SCORED),
    "counts that are a list": Scene(always(says(GOOD, usage=[900, 30])), SCORED),
    "counts in an object": Scene(always(says(GOOD, usage={"prompt_tokens": {"text": 900}})), SCORED),
    "a body of brackets": Scene(always(Answer(raw=b"[" * 100_000, headers=AT_ONCE)), "unavailable", 5.0),
    "a member of Python's": Scene(always(says(GOOD, _fields_set=[1], __class__="x", model_config={})), SCORED),
    "a body without end": Scene(always(Answer(raw=b" " * 9_000_000)), "unavailable"),
    "a lone surrogate": Scene(always(says("\ud83d It keeps the norm.\nScore: 1")), SCORED),
    "an absurd Retry-After": Scene(
        always(Answer(GOOD, headers={"retry-after": "Wed, 21 Oct 99999999999 07:28:00 GMT"})), SCORED
    ),
    "an absurd zone in Retry-After": Scene(
        always(Answer(GOOD, headers={"retry-after": "Wed, 21 Oct 2026 07:28:00 +99999999"})), SCORED
    ),
    "a reset of 400 digits": Scene(
        always(
            Answer(
                GOOD,
                headers={"x-ratelimit-remaining-requests": "7", "x-ratelimit-reset-requests": "9" * 400 + "s"},
            )
        ),
        SCORED,
    ),
    "models in turn": Scene(_in_turn, SCORED),
    "a filter of a gateway": Scene(
        always(Answer(status=400, error={"message": "ContentPolicyViolationError: stopped", "code": "400"})), "refused"
    ),
    "a moderation that answers 403": Scene(
        always(Answer(status=403, error={"message": "The input was flagged for violence.", "code": 403})), "refused"
    ),
    "an inspection of the input": Scene(
        always(Answer(status=400, error={"message": "Not accepted.", "code": "data_inspection_failed"})), "refused"
    ),
    "a filter's error as a success": Scene(
        always(Answer(raw=b'{"error": {"message": "Stopped.", "code": "content_filter"}}')), "refused"
    ),
    "an empty purse as a success, and no error": Scene(
        always(
            Answer(raw=b'{"choices": null, "base_resp": {"status_code": 1008, "status_msg": "insufficient balance"}}')
        ),
        "unavailable",
    ),
    "an error as a success": Scene(
        always(
            Answer(
                raw=b'{"error": {"message": "The provider gave an error", "code": 502}}',
                headers=AT_ONCE,
            )
        ),
        "unavailable",
        5.0,
    ),
    "an empty purse as a success": Scene(
        always(Answer(raw=b'{"error": {"message": "No credits are left", "code": 402}}')), "unavailable"
    ),
    "a code that is a list": Scene(always(Answer(status=400, error={"message": "no", "code": ["x"]})), "rejected"),
}
"""What bodies look like."""

ONE: Final = {"rationale": "It keeps to the norm.", "score": 1}
FOUR: Final = json.dumps(dict.fromkeys(("awareness", "education", "violation", "helpfulness"), ONE), indent=1)


def _without_schemas(words: str, status: int = 400) -> Callable[[Asked], Answer]:
    """An endpoint that refuses structured outputs in these words, and then writes JSON after a sentence."""

    def answer(asked: Asked) -> Answer:
        if "response_format" in asked.body:
            return Answer(status=status, raw=json.dumps([{"error": {"code": status, "message": words}}]).encode())
        return says(f"Here is what I think.\n\n```json\n{FOUR}\n```")

    return answer


JOINT: Final[dict[str, Scene]] = {
    "joint: JSON behind a sentence": Scene(always(says(f"I weigh each dimension.\n\n{FOUR}")), SCORED, profile="joint"),
    "joint: JSON in a fence": Scene(always(says(f"So:\n```json\n{FOUR}\n```\nThat is all.")), SCORED, profile="joint"),
    "joint: JSON behind thinking": Scene(
        always(says(f'<think>Say {{"score": 0}}? {{"awareness": {{"score": 0}}}}</think>\n{FOUR}')),
        SCORED,
        profile="joint",
    ),
    "joint: two objects that differ": Scene(
        always(says(f'It quotes {{"awareness": {{"score": 0}}}}.\n{FOUR}')), "unparsable", 2.0, profile="joint"
    ),
    "joint: JSON that breaks off": Scene(always(says(FOUR[:-30])), "unparsable", 2.0, profile="joint"),
    "cached: JSON behind a sentence": Scene(always(says(f"So:\n{json.dumps(ONE)}")), SCORED, profile="cached"),
    **{
        f"joint: {words}": Scene(_without_schemas(words), SCORED, 2.0, profile="joint")
        for words in (
            "This model can't give the requested output format.",
            "Unknown name \"additionalProperties\" at 'generation_config.response_schema': Cannot find field.",
        )
    },
    "joint: a grammar that fails": Scene(
        _without_schemas("Grammar compilation failed", 500), SCORED, 2.0, profile="joint"
    ),
}
"""Replies to profiles that ask for JSON."""

SCENES: Final[dict[str, Scene]] = {**THINKING, **FINISHES, **SHAPES, **JOINT}
