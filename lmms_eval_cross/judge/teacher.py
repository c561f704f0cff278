"""The teacher of `align build`: an OpenAI-compatible endpoint that writes texts, asked as carefully as a judge."""

import asyncio
import threading
from collections.abc import Coroutine
from dataclasses import dataclass
from typing import Any, Final, TypeVar

from lmms_eval_cross.benchmark.records import Dimension, JudgeFailure, Verdict
from lmms_eval_cross.data.images import StoredImage
from lmms_eval_cross.judge.caller import Caller, Caution
from lmms_eval_cross.judge.client import JudgeClient
from lmms_eval_cross.judge.endpoint import Endpoint, find_teacher_endpoint
from lmms_eval_cross.judge.endpoint_judge import PICTURE_TOKENS
from lmms_eval_cross.judge.job import Heard
from lmms_eval_cross.judge.messages import Message, without_picture
from lmms_eval_cross.judge.outermost import Outermost
from lmms_eval_cross.judge.prices import load_prices
from lmms_eval_cross.judge.profiles import Dimensions
from lmms_eval_cross.judge.progress import Tally
from lmms_eval_cross.judge.replies import NoReply
from lmms_eval_cross.judge.request import IMAGE, Request, image_url
from lmms_eval_cross.judge.thinking import split_thinking
from lmms_eval_cross.ledger.spend import Budget
from lmms_eval_cross.pacing.limiter import NEW, Limiter
from lmms_eval_cross.settings import Settings
from lmms_eval_cross.text import sendable

_CARRIER: Final[Dimension] = "awareness"
"""`Caller` passes outcomes on by dimension; a teacher's text travels as the words of one, and is no verdict."""
_TOO_SLOW: Final = (
    " A server that answers few calls at a time wants a lower CROSS_TEACHER_CONCURRENCY, a slow one a higher "
    "CROSS_TEACHER_TIMEOUT."
)
_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class TeacherCall:
    """What the teacher is asked to write."""

    system: str
    text: str
    image: StoredImage | None = None


@dataclass(frozen=True, slots=True)
class NoText:
    """Why the teacher wrote nothing of use."""

    reason: str
    """A reason of `JudgeFailure`."""
    detail: str


class EndpointTeacher:
    """Writes texts on an event loop of its own; may be asked from several threads, each of which waits."""

    def __init__(self, settings: Settings, budget: Budget | None, finish_later: str) -> None:
        """Open without asking anything; see `judging.open_teacher`."""
        endpoint = find_teacher_endpoint(settings)
        self.id = settings.teacher_model
        self.host = endpoint.host
        self.parameters = {"temperature": settings.teacher_temperature, "max_tokens": settings.teacher_max_tokens}
        asked = _Writer(settings, endpoint, self.parameters)
        self.tally = Tally(asked.price)
        self._writer = asked
        limiter = Limiter(settings.teacher_concurrency, proven=False, timeout_seconds=settings.teacher_timeout)
        caution = Caution("the teacher", finish_later, settings.teacher_max_tokens, _TOO_SLOW)
        self._caller = Caller(asked, limiter, self.tally, settings.judge_patience, budget, 0.5, caution)
        self._outermost = Outermost()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="cross-teacher", daemon=True)
        self._thread.start()

    def write(self, call: TeacherCall) -> str | NoText:
        """The teacher's text, waited for; tried again where another try may go better."""
        return self._wait(self._outermost.run(self._write(call)))

    def close(self) -> None:
        """Stop; what is in flight is given up."""
        self._wait(self._stop())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    async def _write(self, call: TeacherCall) -> str | NoText:
        outcome = (await self._caller.call(call, (_CARRIER,), NEW))[_CARRIER]
        if isinstance(outcome, JudgeFailure):
            return NoText(outcome.reason, outcome.detail)
        return sendable(outcome.rationale).strip()

    async def _stop(self) -> None:
        await self._outermost.give_up()
        await self._writer.close()

    def _wait(self, work: Coroutine[Any, Any, _T]) -> _T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()


class _Writer:
    """What `Caller` asks: one call, once."""

    def __init__(self, settings: Settings, endpoint: Endpoint, parameters: dict[str, Any]) -> None:
        self.price = load_prices(settings.judge_prices).find(settings.teacher_model)
        self._client = JudgeClient(endpoint, settings.teacher_model, settings.teacher_timeout)
        self._parameters = parameters

    async def ask(self, job: TeacherCall, dimensions: Dimensions) -> Heard:
        """Ask for a text."""
        reply = await self._client.ask(_request(job, self._parameters))
        (name,) = dimensions
        if isinstance(reply, NoReply):
            failure = JudgeFailure(name, reply.reason, reply.detail, reply.text, reply.model, reply.usage)
            return Heard({name: failure}, reply, reply.limits)
        words = split_thinking(reply.text).words
        return Heard({name: Verdict(name, 1, words, reply.model, reply.usage)}, None, reply.limits)

    def tokens(self, job: TeacherCall) -> int:
        """A token has some four bytes, a picture the tiles of a large one; the reply is counted by `Caution`."""
        words = len((job.system + job.text).encode("utf-8", "replace"))
        return words // 4 + (PICTURE_TOKENS if job.image else 0)

    async def close(self) -> None:
        """Close the connections."""
        await self._client.close()


def _request(call: TeacherCall, parameters: dict[str, Any]) -> Request:
    """System, then one user message with the text before the picture."""
    content = [{"type": "text", "text": sendable(call.text)}, {"type": "image_url", "image_url": {"url": IMAGE}}]
    messages: list[Message] = [{"role": "system", "content": call.system}, {"role": "user", "content": content}]
    if call.image is None:
        return Request(without_picture(messages), parameters, b"")
    return Request(messages, parameters, image_url(call.image))
