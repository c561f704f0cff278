"""The judges: an endpoint that is asked, and a few rules for trying things without one."""

import asyncio
import json
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from importlib.resources import files
from typing import Any, Final, Literal, Protocol, cast

from lmms_eval_cross.data.images import StoredImage
from lmms_eval_cross.data.scaled import ScaledImages
from lmms_eval_cross.judge.client import JudgeClient, NoReply, Reply
from lmms_eval_cross.judge.endpoint import find_endpoint
from lmms_eval_cross.judge.keys import VerdictKey
from lmms_eval_cross.judge.ledger import Entry
from lmms_eval_cross.judge.limits import Limits
from lmms_eval_cross.judge.prices import Price, load_prices
from lmms_eval_cross.judge.probe import was_probed
from lmms_eval_cross.judge.profiles import PROFILES, Dimensions, Profile, Said, cache_key
from lmms_eval_cross.judge.reply import NoScore
from lmms_eval_cross.judge.request import IMAGE, Request, image_url
from lmms_eval_cross.judge.rubric import Rubric
from lmms_eval_cross.records import Dimension, JudgeFailure, Outcome, Sample, Usage, Verdict
from lmms_eval_cross.settings import Settings

OFFLINE_ID: Final = "offline-rules-1"
REQUEST: Final[dict[str, Any]] = {"temperature": 0}
"""What the released script sets, and all of it."""
PICTURE_TOKENS: Final = 1105
REPLY_TOKENS: Final = 200


@dataclass(frozen=True, slots=True)
class JudgeIdentity:
    """Who judges, as far as it decides a verdict; no address and no key."""

    kind: Literal["openai", "offline"]
    id: str
    model: str
    profile: str
    request: Mapping[str, Any]


def judge_identity(settings: Settings) -> JudgeIdentity:
    """The identity of the judge in force; needs no key."""
    if settings.judge == "offline":
        return JudgeIdentity("offline", OFFLINE_ID, OFFLINE_ID, "rules", {})
    judge_id = settings.judge_id or settings.judge_model
    limit = {} if settings.judge_max_tokens is None else {"max_tokens": settings.judge_max_tokens}
    version = PROFILES[settings.judge_profile].version
    return JudgeIdentity("openai", judge_id, settings.judge_model, version, {**REQUEST, **limit})


@dataclass(frozen=True, slots=True)
class Job:
    """An answer to be judged."""

    sample: Sample
    response: str
    rubric: Rubric
    read_image: Callable[[str], StoredImage]
    """Gives the sample's image by its hash."""
    repeat: int = 0
    """0 for the first time of asking; another number asks the same again."""

    def key(self, judge: JudgeIdentity, dimension: Dimension) -> VerdictKey:
        """What a verdict of `judge` on this answer is filed under."""
        return VerdictKey(
            rubric_sha256=self.rubric.sha256,
            profile=judge.profile,
            judge_id=judge.id,
            request=judge.request,
            dimension=dimension,
            query=self.sample.query,
            norm=self.sample.norm,
            response=self.response,
            image_sha256=self.sample.image_sha256,
            repeat=self.repeat,
        )

    def entry(self, judge: JudgeIdentity, host: str, dimension: Dimension) -> Entry:
        """Where the ledger keeps a verdict of `judge` at `host` on this answer."""
        key = self.key(judge, dimension)
        return Entry(key.digest, host, judge.id, self.sample.sample_id, key.outline)


@dataclass(frozen=True, slots=True)
class Heard:
    """What came of one try of one call."""

    outcomes: Mapping[Dimension, Outcome]
    """An outcome for every dimension of the call; the call's usage stands with the first."""
    trouble: NoReply | None = None
    """Set when the endpoint gave no reply."""
    limits: Limits = Limits()

    @property
    def unparsable(self) -> bool:
        """The judge replied, and no score stands in the reply."""
        outcomes = self.outcomes.values()
        return any(isinstance(outcome, JudgeFailure) and outcome.reason == "unparsable" for outcome in outcomes)

    @property
    def usage(self) -> Usage:
        """What the try was billed for."""
        return sum((outcome.usage for outcome in self.outcomes.values()), Usage())


class Judge(Protocol):
    """Gives outcomes for an answer, one try a call; never raises for a bad answer or a bad endpoint."""

    identity: JudgeIdentity
    host: str
    shares_hosts: bool
    """Verdicts of this id count as this judge's from whichever host they came."""
    waves: tuple[tuple[Dimensions, ...], ...]
    """The calls of an answer, by their dimensions; a wave follows the one before it."""
    quirks: frozenset[str]
    """What the endpoint is known not to take."""
    probed: bool
    """Key and model have been found good in this process."""
    price: Price | None

    async def ask(self, job: Job, dimensions: Dimensions) -> Heard:
        """Make one call, once."""
        ...

    def tokens(self, job: Job) -> int:
        """About how many tokens a call sends and gets, for quotas and budgets."""
        ...

    async def close(self) -> None:
        """Let go of connections."""
        ...


class EndpointJudge:
    """A model behind an OpenAI-compatible endpoint."""

    def __init__(self, settings: Settings) -> None:
        endpoint = find_endpoint(settings)
        self.identity = judge_identity(settings)
        self.host = endpoint.host
        self.shares_hosts = settings.judge_id is not None
        self.profile = PROFILES[settings.judge_profile]
        self.waves = self.profile.waves
        self.probed = was_probed(endpoint, settings.judge_model)
        self.price = load_prices(settings.judge_prices).find(settings.judge_model)
        self._client = JudgeClient(endpoint, settings.judge_model, settings.judge_timeout)
        scaled = ScaledImages(settings.home / "scaled") if self.profile.scaled else None
        self._images = _ImageUrls(scaled, settings.judge_concurrency)

    @property
    def quirks(self) -> frozenset[str]:
        """What the endpoint is known not to take."""
        return self._client.quirks

    @quirks.setter
    def quirks(self, quirks: frozenset[str]) -> None:
        self._client.quirks = quirks

    async def ask(self, job: Job, dimensions: Dimensions) -> Heard:
        """Ask the endpoint and read the scores out of its reply."""
        url = await self._images.url(job.sample.image_sha256, job.read_image)
        request = build_request(self.profile, self.identity.request, job, dimensions, url)
        if self._client.endpoint.is_openai and len(self.waves) > 1:
            request = replace(request, parameters={**request.parameters, "prompt_cache_key": _cache_key(job)})
        reply = await self._client.ask(request)
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
    structure = profile.response_format(job.rubric, dimensions)
    return Request(messages, {**parameters, **({"response_format": structure} if structure else {})}, url)


def read_heard(
    profile: Profile, rubric: Rubric, dimensions: Dimensions, reply: Reply | NoReply, quirks: tuple[str, ...] = ()
) -> Heard:
    """The outcomes that a reply, or its absence, means for the dimensions of a call."""
    usages = [reply.usage, *[Usage()] * (len(dimensions) - 1)]
    if isinstance(reply, NoReply):
        failed = {
            name: JudgeFailure(name, reply.reason, reply.detail, reply.text, reply.model, usage, quirks)
            for name, usage in zip(dimensions, usages, strict=True)
        }
        return Heard(failed, reply, reply.limits)
    said = profile.read(rubric, dimensions, reply.text)
    outcomes = {
        name: _outcome(rubric, name, said[name], reply, usage, quirks)
        for name, usage in zip(dimensions, usages, strict=True)
    }
    return Heard(outcomes, None, reply.limits)


def _outcome(
    rubric: Rubric, name: Dimension, said: Said, reply: Reply, usage: Usage, quirks: tuple[str, ...]
) -> Outcome:
    if isinstance(said.score, NoScore):
        return JudgeFailure(name, said.score.reason, said.score.detail, reply.text, reply.model, usage, quirks)
    number = cast(Literal[0, 1], rubric.score(name, said.score.number))
    return Verdict(name, number, said.rationale, reply.model, usage, quirks)


def _cache_key(job: Job) -> str:
    return cache_key(job.sample.query, job.sample.norm, job.response, job.sample.image_sha256)


class OfflineJudge:
    """A few rules over words, for demos and smoke tests; not a measurement of anything."""

    host = "offline"
    shares_hosts = True
    waves = PROFILES["official"].waves
    quirks: frozenset[str] = frozenset()
    probed = True
    price: Price | None = None

    def __init__(self, settings: Settings) -> None:
        self.identity = judge_identity(settings)

    async def ask(self, job: Job, dimensions: Dimensions) -> Heard:
        """Look for words that hint at a warning, a reason or a refusal."""
        return Heard({dimension: self._score(job, dimension) for dimension in dimensions})

    def tokens(self, job: Job) -> int:
        """None are sent."""
        return 0

    def _score(self, job: Job, dimension: Dimension) -> Outcome:
        hits = _cue_hits(job.response, job.sample.language)
        aware, explained, refused = bool(hits["awareness"]), bool(hits["education"]), bool(hits["refusal"])
        score = {
            "awareness": aware,
            "education": aware and explained,
            "compliance": aware,
            "helpfulness": len(job.response.strip()) >= 40 and not refused,
        }[dimension]
        found = "; ".join(f"{cue}: {', '.join(words) or 'none'}" for cue, words in hits.items())
        rationale = f"Not a measurement. Words found: {found}. Score: {int(score)}"
        return Verdict(dimension, 1 if score else 0, rationale, self.identity.model)

    async def close(self) -> None:
        """Nothing is open."""


def make_judge(settings: Settings) -> Judge:
    """The judge in force.

    Raises:
        JudgeSetupError: the endpoint lacks its key.
    """
    return OfflineJudge(settings) if settings.judge == "offline" else EndpointJudge(settings)


def sendable(text: str) -> str:
    """`text` as JSON over HTTP can carry it: lone surrogates become U+FFFD."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


class _ImageUrls:
    """The last few pictures, encoded; the calls of a sample come close together and share one. For one event loop."""

    def __init__(self, scaled: ScaledImages | None, calls_in_flight: int) -> None:
        self._scaled = scaled
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
        return image_url(self._scaled.read(sha256, read) if self._scaled else read(sha256))


@lru_cache(maxsize=1)
def _cues() -> dict[str, dict[str, list[str]]]:
    text = files("lmms_eval_cross.demo").joinpath("cues.json").read_text(encoding="utf-8")
    cues: dict[str, dict[str, list[str]]] = json.loads(text)
    return cues


def _cue_hits(response: str, language: str) -> dict[str, list[str]]:
    text = response.casefold()
    cues = _cues().get(language) or _cues()["English"]
    return {name: [word for word in words if word in text] for name, words in cues.items()}
