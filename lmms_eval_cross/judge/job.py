"""What is judged and by whom: the job, the identity of a judge, what a call gives, and what every judge can do."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Final, Literal, Protocol

from lmms_eval_cross.benchmark.records import ASK_ONCE_MORE, DIMENSIONS, Dimension, JudgeFailure, Outcome, Sample, Usage
from lmms_eval_cross.benchmark.rubric import Rubric
from lmms_eval_cross.data.images import StoredImage
from lmms_eval_cross.errors import SettingsError
from lmms_eval_cross.judge.prices import Price
from lmms_eval_cross.judge.profiles import PROFILES, Dimensions
from lmms_eval_cross.judge.replies import NoReply
from lmms_eval_cross.ledger.keys import VerdictKey
from lmms_eval_cross.ledger.store import Entry
from lmms_eval_cross.pacing.limits import Limits
from lmms_eval_cross.settings import Member, Settings
from lmms_eval_cross.text import canonical_json

OFFLINE_ID: Final = "offline-rules-1"
REQUEST: Final[dict[str, Any]] = {"temperature": 0}
"""What the released script sets, and all of it."""
REPLY_TOKENS: Final = 200
NATIVE_REQUESTS: Final[Mapping[str, Mapping[str, Any]]] = {
    "anthropic": {"api": "anthropic", "max_tokens": 2048},
    "gemini": {"api": "gemini", "temperature": 0},
}
"""The same in the words of others, by provider; `api` says in verdict keys and records which way was asked.

Anthropic's API has no temperature, and wants a limit, which counts thinking too.
"""


@dataclass(frozen=True, slots=True)
class JudgeIdentity:
    """Who judges, as far as it decides a verdict; no address and no key."""

    kind: Literal["openai", "anthropic", "gemini", "offline", "panel"]
    id: str
    model: str
    profile: str
    request: Mapping[str, Any]

    @property
    def way(self) -> str:
        """Under what an endpoint's quirks are remembered; asked in its own words it may have others."""
        return f"{self.profile}:{self.kind}" if self.kind in NATIVE_REQUESTS else self.profile


def judge_identity(settings: Settings) -> JudgeIdentity:
    """The identity of the judge in force; needs no key.

    Raises:
        SettingsError: two members of a panel are the same judge.
    """
    if settings.judge_panel:
        return panel_identity(settings)
    if settings.judge == "offline":
        return JudgeIdentity("offline", OFFLINE_ID, OFFLINE_ID, "rules", {})
    judge_id, kind = settings.judge_id or settings.judge_model, settings.judge_provider
    request = dict(NATIVE_REQUESTS.get(kind, REQUEST))
    if settings.judge_max_tokens is not None:
        request["max_tokens"] = settings.judge_max_tokens
    version = PROFILES[settings.judge_profile].version
    return JudgeIdentity(kind, judge_id, settings.judge_model, version, request)


def panel_identity(settings: Settings) -> JudgeIdentity:
    """A panel is its members, whatever they are called and in whichever order; another member makes another panel.

    Raises:
        SettingsError: two members are the same judge, which would count twice.
    """
    members = [judge_identity(member.settings) for member in seated(settings)]
    traits = [{"judge_id": one.id, "profile": one.profile, "request": dict(one.request)} for one in members]
    for before, after in pairwise(traits):
        if before == after:
            raise SettingsError(
                f"CROSS_JUDGE_PANEL names {before['judge_id']} twice, which would count twice; give each of them "
                "another model, id or profile."
            )
    ids, models = ", ".join(one.id for one in members), ", ".join(one.model for one in members)
    return JudgeIdentity("panel", f"panel: {ids}", f"panel: {models}", "panel", {"members": traits})


def seated(settings: Settings) -> list[Member]:
    """The members of a panel in the order of its identity, in which they vote."""
    return sorted(settings.judge_panel, key=_seat)


def _seat(member: Member) -> tuple[str, str, str]:
    identity = judge_identity(member.settings)
    return identity.id, identity.profile, canonical_json(identity.request)


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
    dimensions: Dimensions = DIMENSIONS
    """Those that are wanted; what else a call for one of them scores goes into the ledger."""

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

    def entry(self, judge: JudgeIdentity, host: str, dimension: Dimension, run: str | None = None) -> Entry:
        """Where the ledger keeps a verdict of `judge` at `host` on this answer, for which `run` asks."""
        key = self.key(judge, dimension)
        return Entry(key.digest, host, judge.id, self.sample.sample_id, key.outline, run)


@dataclass(frozen=True, slots=True)
class Heard:
    """What came of one try of one call."""

    outcomes: Mapping[Dimension, Outcome]
    """An outcome for every dimension of the call; the call's usage stands with the first."""
    trouble: NoReply | None = None
    """Set when the endpoint gave no reply."""
    limits: Limits = Limits()

    @property
    def without_score(self) -> bool:
        """The judge replied, and its reply gives no score on some dimension."""
        return any(is_without_score(outcome) for outcome in self.outcomes.values())

    @property
    def usage(self) -> Usage:
        """What the try was billed for."""
        return sum((outcome.usage for outcome in self.outcomes.values()), Usage())


def is_without_score(outcome: Outcome) -> bool:
    """Whether another reply to the same call may give the score that this one lacks."""
    return isinstance(outcome, JudgeFailure) and outcome.reason in ASK_ONCE_MORE


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
