"""Ask an OpenAI-compatible endpoint once; every way to fail becomes a reason, never a score."""

import asyncio
import re
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any, Final, TypeAlias

import anyio
import httpx2
import openai

from lmms_eval_cross.benchmark.records import FailureReason
from lmms_eval_cross.judge.body import MOST_BYTES, STREAMED, read_body, wants_stream
from lmms_eval_cross.judge.bounded import AnswerTooLarge
from lmms_eval_cross.judge.completion import read_completion
from lmms_eval_cross.judge.endpoint import Endpoint
from lmms_eval_cross.judge.error_body import ErrorBody, one_line, read_error, read_error_value
from lmms_eval_cross.judge.filtered import is_filtered
from lmms_eval_cross.judge.finish import NO_FINISH_REASON
from lmms_eval_cross.judge.hopeless import is_hopeless, may_be_its_own
from lmms_eval_cross.judge.quirks import adapt, learn
from lmms_eval_cross.judge.replies import NoReply, Reply
from lmms_eval_cross.judge.request import Request
from lmms_eval_cross.judge.sdk_clients import SdkClients, call_headers
from lmms_eval_cross.pacing.limits import Limits, read_limits
from lmms_eval_cross.say import tell

MOST_WORDS: Final = 65_536
"""Of a refusal, in which a wait is looked for."""
_MAY_PASS: Final = frozenset({408, 409, 425, 429})
_OF_THE_CALL: Final = frozenset({400, 413, 415, 422, 451})
_BLIND: Final = re.compile(
    r"image_url.{0,40}(not supported|unsupported|invalid content type|unknown variant)|unknown variant .?image_url"
    r"|(not|n't) support (image|vision|multi-?modal)|not a multi-?modal|text-only|only supports? text"
    r"|image input is not supported|required for image input|no endpoints found that support image"
    r"|messages\[\d+\]\.content must be a string",
    re.IGNORECASE | re.DOTALL,
)
"""How endpoints say that a model can't see; a picture that can't be read is complained of in other words."""
_OF_A_REPLY: Final = frozenset({"usage", "content", "candidates", "promptFeedback", "usageMetadata"})
"""Members of an answer that was made, in the words of all whom we ask."""
TWO_JUDGES: Final = "that is two judges under one name; ask for one of them in CROSS_JUDGE_MODEL."
ReadBody: TypeAlias = Callable[[object, Limits, bool], Reply | NoReply]
"""The reply in a body, given what its headers tell and whether the endpoint says how replies end."""


class JudgeClient:
    """One endpoint and one model; used from one event loop."""

    path: str = "/chat/completions"
    """Behind the base URL."""

    def __init__(self, endpoint: Endpoint, model: str, timeout_seconds: float, two_models: str = TWO_JUDGES) -> None:
        """Open without asking anything.

        Args:
            endpoint: where to ask.
            model: whom.
            timeout_seconds: that a call may take.
            two_models: what it means that two models answer under the one name, for the sentence that says so.
        """
        self._two_models = two_models
        self.endpoint = endpoint
        self.model = model
        self.quirks: frozenset[str] = frozenset()
        """What this endpoint and model are known not to take."""
        self._suspected: set[str] = set()
        """What a server that failed complained of; it is believed the second time."""
        self._timeout = timeout_seconds
        self._clients = SdkClients(endpoint, model, timeout_seconds)
        self._models: set[str] = set()
        self._gives_reasons: bool | None = None
        self._asking_for_reasons = asyncio.Lock()

    def headers(self) -> dict[str, Any]:
        """Of each call; the key, where the SDK does not see to it."""
        return call_headers(self.endpoint)

    def read_value(self, value: object, limits: Limits, reasons_are_given: bool) -> Reply | NoReply:
        """The reply in a body that is parsed already, or why there is none."""
        return read_completion(value, limits, reasons_are_given)

    async def ask(self, request: Request) -> Reply | NoReply:
        """One judge call; sent again at once only without a parameter that the endpoint's refusal names.

        What was left out is remembered once the call has succeeded without it: then it failed with it, and for no other
        reason. A call that fails without it too has failed by its first refusal.
        """
        guesses: frozenset[str] = frozenset()
        refusal: NoReply | None = None
        while True:
            parameters = adapt(request.parameters, self.quirks | guesses)
            try:
                response = await self._send(request, parameters, STREAMED in self.quirks | guesses)
            except openai.APIStatusError as error:
                said = read_error(error.response.content)
                limits = read_limits(error.response.headers, error.response.text[:MOST_WORDS])
                refusal = refusal or status_failure(error.status_code, said, limits, self.endpoint)
                quirk = self._guess(error.status_code, said, parameters, guesses)
                if quirk is None:
                    return refusal
                guesses |= {quirk}
            else:
                if isinstance(response, httpx2.Response):
                    self.quirks |= guesses
                return await self._read(response)

    def _guess(
        self, status: int, said: ErrorBody, parameters: Mapping[str, Any], guesses: frozenset[str]
    ) -> str | None:
        """What the endpoint may not take, by its refusal; None where that tells nothing new."""
        if wants_stream(status, said) and STREAMED not in self.quirks | guesses:
            return STREAMED
        quirk = learn(status, said.parameter, said.words, parameters)
        if quirk is not None and status == 500 and quirk not in self._suspected:
            self._suspected.add(quirk)
            return None
        return quirk

    async def _send(self, request: Request, parameters: Mapping[str, Any], streamed: bool) -> httpx2.Response | NoReply:
        """Post a call once, all within the timeout; a status other than 200 is raised."""
        if streamed:
            parameters = {**parameters, "stream": True, "stream_options": {"include_usage": True}}
        try:
            # not asyncio.wait_for: its second task around the call can be cancelled twice, and leave a socket open
            with anyio.fail_after(self._timeout):
                return await self._post(request.encode(self.model, parameters))
        except (openai.APITimeoutError, TimeoutError):
            detail = f"No answer within {self._timeout:g} s."
            return NoReply("unavailable", detail, may_pass=True, faltered=True, is_billed=True)
        except openai.APIConnectionError as error:
            if isinstance(error.__cause__, AnswerTooLarge):
                return NoReply(
                    "unavailable", f"The endpoint's answer is larger than {MOST_BYTES:,} bytes.", is_billed=True
                )
            detail = f"The connection failed ({type(error.__cause__ or error).__name__})."
            return NoReply("unavailable", detail, may_pass=True, faltered=True)

    async def _read(self, response: httpx2.Response | NoReply) -> Reply | NoReply:
        """The reply in a response; where nobody says how it ended, by what is found out about the endpoint."""
        if isinstance(response, NoReply):
            return response
        reply = read_response(response, self.endpoint, NO_FINISH_REASON not in self.quirks, self.read_value)
        self._note_model(reply.model)
        if _lacks_reason(reply) and await self._never_gives_reasons():
            return read_response(response, self.endpoint, False, self.read_value)
        return reply

    def _note_model(self, name: str | None) -> None:
        """Say once that more than one model answers."""
        if not name or len(self._models) == 2:
            return
        self._models.add(one_line(name))
        if len(self._models) == 2:
            both = " and ".join(sorted(self._models))
            tell(f"{self.endpoint.host} answers for {self.model} with two models, {both}: {self._two_models}")

    async def _post(self, content: bytes) -> httpx2.Response:
        headers = {"Content-Type": "application/json", "Accept-Encoding": "identity", **self.headers()}
        with self._clients.one() as client:
            return await client.post(self.path, cast_to=httpx2.Response, content=content, options={"headers": headers})

    async def _never_gives_reasons(self) -> bool:
        """Whether the endpoint also ends a reply of one digit without saying so, which is asked for once."""
        async with self._asking_for_reasons:
            if self._gives_reasons is None:
                asked = Request([{"role": "user", "content": "Reply with 1."}], {}, b"")
                with suppress(openai.APIStatusError):
                    response = await self._send(asked, {}, STREAMED in self.quirks)
                    if isinstance(response, httpx2.Response):
                        reply = read_response(response, self.endpoint, reasons_are_given=True)
                        self._gives_reasons = not (isinstance(reply, NoReply) and reply.finish_untold)
            if self._gives_reasons is False:
                self.quirks |= {NO_FINISH_REASON}
        return self._gives_reasons is False

    async def close(self) -> None:
        """Close the connections."""
        await self._clients.close()


def _lacks_reason(reply: Reply | NoReply) -> bool:
    """Whether there is a reply, and all that is wrong with it is that nobody says how it ended."""
    return isinstance(reply, NoReply) and reply.finish_untold and reply.reason == "unfinished"


def read_response(
    response: httpx2.Response, endpoint: Endpoint, reasons_are_given: bool, read_reply: ReadBody = read_completion
) -> Reply | NoReply:
    """The reply in a response of status 200, or why there is none."""
    limits = read_limits(response.headers)
    try:
        body = read_body(response.content)
    except ValueError:
        return NoReply("unavailable", "The endpoint's answer is not JSON.", limits=limits, may_pass=True)
    said = _trouble(body)
    if said is not None:
        return status_failure(_status(said), said, limits, endpoint)
    return read_reply(body, limits, reasons_are_given)


def _trouble(body: object) -> ErrorBody | None:
    """What a body without a reply says of trouble, None for any other body, whose words nobody needs to look for."""
    if not isinstance(body, dict) or body.get("choices") or body.get("output"):
        return None
    if body.get("error"):
        return read_error_value(body)
    if _OF_A_REPLY & body.keys():
        return None
    said = read_error_value(body)
    return said if said.words else None


def _status(said: ErrorBody) -> int:
    """The status of an error which came as a success: the one that it tells, or that others have for what it says."""
    if said.code.isdecimal() and 400 <= int(said.code) < 600:
        return int(said.code)
    if is_filtered(said):
        return 400
    return 402 if is_hopeless(429, said) else 500


def status_failure(status: int, said: ErrorBody, limits: Limits, endpoint: Endpoint) -> NoReply:
    """What an answer with another status than 200 means for the call, and for all others."""
    words = without_key(said.words, endpoint)
    detail, hopeless = f"The endpoint answered {status}: {words}", is_hopeless(status, said)
    its_own, filtered, blind = may_be_its_own(status, said), is_filtered(said), bool(_BLIND.search(words))
    is_of_the_call = (status in _OF_THE_CALL and not hopeless) or (status == 403 and its_own and filtered)
    if is_of_the_call or (blind and status in {404, 500}):
        reason: FailureReason = "refused" if filtered else "rejected"
        return NoReply(reason, detail, limits=limits, hopeless=blind)
    return NoReply(
        "unavailable",
        detail,
        limits=limits,
        may_pass=(status in _MAY_PASS or status >= 500) and not hopeless,
        refused=status == 429,
        faltered=status in {503, 529},
        hopeless=hopeless,
        may_be_its_own=its_own,
        is_away=status == 404 and its_own,
    )


def error_message(error: openai.APIStatusError, endpoint: Endpoint) -> str:
    """The endpoint's own words, cut to a line and without the key, should it quote that."""
    said = read_error(error.response.content)
    return without_key(said.words or error.response.reason_phrase, endpoint)


def without_key(words: str, endpoint: Endpoint) -> str:
    """`words` with stars for the key."""
    if endpoint.key:
        return words.replace(endpoint.key, "***")
    return words
