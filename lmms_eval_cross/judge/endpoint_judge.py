"""The judges: an endpoint that is asked, and a few rules for trying things without one."""

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from typing import Any, Final, Literal, cast

from lmms_eval_cross.benchmark.records import Dimension, JudgeFailure, Outcome, Usage, Verdict
from lmms_eval_cross.benchmark.rubric import Rubric
from lmms_eval_cross.data.images import StoredImage
from lmms_eval_cross.data.scaled import ScaledImages
from lmms_eval_cross.judge.endpoint import find_endpoint
from lmms_eval_cross.judge.job import REPLY_TOKENS, Heard, Job, judge_identity
from lmms_eval_cross.judge.messages import without_picture
from lmms_eval_cross.judge.prices import load_prices
from lmms_eval_cross.judge.probe import was_probed
from lmms_eval_cross.judge.profiles import PROFILES, Dimensions, Profile, cache_key
from lmms_eval_cross.judge.replies import NoReply, Reply
from lmms_eval_cross.judge.reply import NoScore, ParsedScore
from lmms_eval_cross.judge.request import IMAGE, Request
from lmms_eval_cross.judge.ways import as_sent, client_for, url_for
from lmms_eval_cross.settings import Settings
from lmms_eval_cross.text import sendable

PICTURE_TOKENS: Final = 1105


class EndpointJudge:
    """A model behind an endpoint."""

    def __init__(self, settings: Settings) -> None:
        endpoint = find_endpoint(settings)
        self.identity = judge_identity(settings)
        self.host = endpoint.host
        self.shares_hosts = settings.judge_id is not None
        self.profile = PROFILES[settings.judge_profile]
        self.waves = self.profile.waves
        self.probed = was_probed(endpoint, settings.judge_model)
        self.price = load_prices(settings.judge_prices).find(settings.judge_model)
        self._client = client_for(endpoint, settings.judge_model, settings.judge_timeout)
        scaled = ScaledImages(settings.home / "scaled") if self.profile.scaled else None
        self._images = _ImageUrls(scaled, settings.judge_concurrency, partial(url_for, endpoint))

    @property
    def quirks(self) -> frozenset[str]:
        """What the endpoint is known not to take."""
        return self._client.quirks

    @quirks.setter
    def quirks(self, quirks: frozenset[str]) -> None:
        self._client.quirks = quirks

    async def ask(self, job: Job, dimensions: Dimensions) -> Heard:
        """Ask the endpoint and read the scores out of its reply."""
        sha256 = job.sample.image_sha256
        url = await self._images.url(sha256, job.read_image) if sha256 else b""
        request = build_request(self.profile, self.identity.request, job, dimensions, url)
        if self._client.endpoint.is_openai and len(self.waves) > 1:
            request = replace(request, parameters={**request.parameters, "prompt_cache_key": _cache_key(job)})
        reply = await self._client.ask(as_sent(self._client.endpoint, request))
        return read_heard(self.profile, job.rubric, dimensions, reply, tuple(sorted(self.quirks)))

    def tokens(self, job: Job) -> int:
        """See `call_tokens`."""
        return call_tokens(job)

    async def close(self) -> None:
        """Close the connections."""
        await self._client.close()


def call_tokens(job: Job) -> int:
    """About what a call takes: a token has some four bytes, a picture the tiles of a large one, a reply 200 tokens."""
    rubric = sum(len(text) for text in job.rubric.prompts.values()) + len(job.rubric.system)
    words = rubric + len((job.sample.query + job.sample.norm + job.response).encode("utf-8", "replace"))
    return words // 4 + PICTURE_TOKENS + REPLY_TOKENS


def build_request(
    profile: Profile, parameters: Mapping[str, Any], job: Job, dimensions: Dimensions, url: bytes
) -> Request:
    """The call of a profile for an answer and dimensions."""
    sample = job.sample
    messages = profile.messages(job.rubric, dimensions, sample.query, sample.norm, sendable(job.response), IMAGE)
    if not sample.image_sha256:  # an example of `align build` that has none
        messages = without_picture(messages)
    structure = profile.response_format(job.rubric, dimensions)
    if structure is not None:
        parameters = {**parameters, "response_format": structure}
    return Request(messages, parameters, url)


def read_heard(
    profile: Profile, rubric: Rubric, dimensions: Dimensions, reply: Reply | NoReply, quirks: tuple[str, ...] = ()
) -> Heard:
    """The outcomes that a reply, or its absence, means for the dimensions of a call."""
    outcomes: dict[Dimension, Outcome] = {}
    usage = reply.usage  # stands with the first dimension, so that sums over outcomes are right
    if isinstance(reply, NoReply):
        for name in dimensions:
            outcomes[name] = JudgeFailure(name, reply.reason, reply.detail, reply.text, reply.model, usage, quirks)
            usage = Usage()
        return Heard(outcomes, reply, reply.limits)
    scores = profile.read(rubric, dimensions, reply.text, reply.finish_told)
    for name in dimensions:
        outcomes[name] = _outcome(rubric, name, scores[name], reply, usage, quirks)
        usage = Usage()
    return Heard(outcomes, None, reply.limits)


def _outcome(
    rubric: Rubric,
    name: Dimension,
    score: ParsedScore | NoScore,
    reply: Reply,
    usage: Usage,
    quirks: tuple[str, ...],
) -> Outcome:
    if isinstance(score, NoScore):
        return JudgeFailure(name, score.reason, score.detail, reply.text, reply.model, usage, quirks)
    number = cast(Literal[0, 1], rubric.score(name, score.number))
    return Verdict(name, number, reply.text, reply.model, usage, quirks)


def _cache_key(job: Job) -> str:
    return cache_key(job.sample.query, job.sample.norm, job.response, job.sample.image_sha256)


class _ImageUrls:
    """The last few pictures, encoded; the calls of a sample come close together and share one. For one event loop."""

    def __init__(
        self, scaled: ScaledImages | None, calls_in_flight: int, encode: Callable[[StoredImage], bytes]
    ) -> None:
        self._scaled, self._url_of = scaled, encode
        self._most = max(4, calls_in_flight // 2)
        self._urls: OrderedDict[str, asyncio.Future[bytes]] = OrderedDict()

    async def url(self, sha256: str, read: Callable[[str], StoredImage]) -> bytes:
        """The data URL of a picture; reading, scaling and encoding happen off the event loop."""
        url = self._urls.get(sha256)
        if url is None:
            url = asyncio.ensure_future(asyncio.to_thread(self._encode, sha256, read))
            self._urls[sha256] = url
            if len(self._urls) > self._most:
                self._urls.popitem(last=False)
        else:
            self._urls.move_to_end(sha256)
        return await asyncio.shield(url)

    def _encode(self, sha256: str, read: Callable[[str], StoredImage]) -> bytes:
        if self._scaled is None:
            return self._url_of(read(sha256))
        return self._url_of(self._scaled.read(sha256, read))
