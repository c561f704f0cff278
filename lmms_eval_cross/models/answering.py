"""Answers from an endpoint, asked as carefully as the judge: paced, tried again, bounded in money, told one by one."""

import asyncio
import re
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Final

from lmms_eval_cross.benchmark.records import Dimension, JudgeFailure, Usage, Verdict
from lmms_eval_cross.errors import GenerationError
from lmms_eval_cross.judge.caller import Caller
from lmms_eval_cross.judge.job import Heard
from lmms_eval_cross.judge.prices import Price
from lmms_eval_cross.judge.profiles import Dimensions
from lmms_eval_cross.judge.quirks import adapt
from lmms_eval_cross.judge.replies import NoReply, Reply
from lmms_eval_cross.judge.request import Request
from lmms_eval_cross.judge.thinking import split_thinking
from lmms_eval_cross.models.prompt import PromptTurn
from lmms_eval_cross.models.wires import Sampling, Wire
from lmms_eval_cross.pacing.limiter import NEW
from lmms_eval_cross.pacing.spacing import Spacing
from lmms_eval_cross.runs.made_answer import MadeAnswer, made_answer

CARRIER: Final[Dimension] = "awareness"
"""`Caller` passes outcomes on by dimension; an answer travels as the words of one, and is no verdict."""
_PICTURE_TOKENS: Final = 1105
"""A large picture, as GPT-4o counts it; only for quotas and budgets."""
_OF_EFFORT: Final = re.compile(r"reasoning|effort|thinking", re.IGNORECASE)


@dataclass(eq=False, slots=True)
class ModelQuestion:
    """A request of lmms-eval; its pictures are read when its turn comes."""

    text: str
    turns: Callable[[], list[PromptTurn]]
    sampling: Sampling
    usage: Usage = Usage()
    """Of the last try; lmms-eval counts tokens apart from texts."""
    generation: dict[str, Any] | None = None
    """How the answer was made, once it is there."""


class Asker:
    """What `Caller` asks: one call, once."""

    def __init__(self, wire: Wire, price: Price | None, api: str) -> None:
        self.price = price
        self._wire, self._api = wire, api

    async def ask(self, job: ModelQuestion, dimensions: Dimensions) -> Heard:
        """Ask for an answer; a refusal in words, and what a limit cut off, are answers too."""
        try:
            turns = await asyncio.to_thread(job.turns)
        except GenerationError as error:
            return _no_answer(NoReply("rejected", str(error)))
        request = self._wire.request(turns, job.sampling)
        reply = await self._wire.client.ask(request)
        words = words_of(reply)
        if words is None:
            return _no_answer(_at_fault(reply, job.sampling))
        job.usage, job.generation = reply.usage, self._made(reply, request)
        return Heard({CARRIER: Verdict(CARRIER, 1, words, reply.model or "", reply.usage)}, None, reply.limits)

    def tokens(self, job: ModelQuestion) -> int:
        """A token has some four bytes; the reply is counted by `Caution`."""
        return len(job.text.encode("utf-8", "replace")) // 4 + _PICTURE_TOKENS

    def _made(self, reply: Reply | NoReply, request: Request) -> dict[str, Any]:
        """What the record says of the answer."""
        client = self._wire.client
        return {
            "api": self._api,
            "host": client.endpoint.host,
            "asked_for": client.model,
            "answered_by": reply.model or None,
            "parameters": adapt(request.parameters, client.quirks),
            "finish_reason": reply.finish_reason,
            "truncated": isinstance(reply, NoReply) and reply.reason == "truncated",
            "usage": asdict(reply.usage),
            "usd": self.price.usd(reply.usage) if self.price else None,
        }


def words_of(reply: Reply | NoReply) -> str | None:
    """The text of an answer, with its thinking between tags; None for a failure."""
    if isinstance(reply, Reply):
        return reply.text
    if reply.reason not in {"refused", "truncated"} or not reply.text:
        return None
    spoken = split_thinking(reply.text)
    if not spoken.ended or not spoken.words.strip():
        return None
    return reply.text


def _at_fault(reply: Reply | NoReply, sampling: Sampling) -> NoReply:
    """Why there is no answer; who refuses the effort refuses it to every question, and it is not left out."""
    if not isinstance(reply, NoReply):
        raise TypeError("a reply is an answer")
    told = reply.detail.replace("The judge's reply", "The model's reply").replace("The judge ", "The model ")
    is_hopeless = reply.hopeless
    if reply.reason == "rejected" and sampling.effort and _OF_EFFORT.search(reply.detail):
        is_hopeless = True
    return replace(reply, detail=told, hopeless=is_hopeless)


def _no_answer(trouble: NoReply) -> Heard:
    failure = JudgeFailure(CARRIER, trouble.reason, trouble.detail, trouble.text, trouble.model, trouble.usage)
    return Heard({CARRIER: failure}, trouble, trouble.limits)


async def answer_all(
    caller: Caller[ModelQuestion],
    questions: Sequence[ModelQuestion],
    most: int,
    spacing: Spacing,
    told: Callable[[int, MadeAnswer], None],
) -> list[MadeAnswer]:
    """Answers and failures in the order of the questions.

    Args:
        caller: makes the calls.
        questions: what is asked.
        most: questions under way at a time.
        spacing: between their beginnings.
        told: each answer with its place, as soon as it is there.
    """
    free = asyncio.Semaphore(most)

    async def answer(place: int, question: ModelQuestion) -> MadeAnswer:
        async with free:
            await spacing.turn()
            outcome = (await caller.call(question, (CARRIER,), NEW))[CARRIER]
        if isinstance(outcome, JudgeFailure):
            answered = MadeAnswer(f"[CROSS_API_FAILED: {outcome.reason}] {outcome.detail}")
        else:
            answered = made_answer(outcome.rationale, question.generation)
        told(place, answered)
        return answered

    return await asyncio.gather(*[answer(place, question) for place, question in enumerate(questions)])
