"""Which judge, rubric and profile a set of verdicts is of, and when two of them are the same."""

import hashlib
from collections.abc import Iterable, Sequence
from typing import Any, Final

from pydantic import BaseModel, ConfigDict

from lmms_eval_cross.errors import AnchorError, listing
from lmms_eval_cross.runs.sample_record import JudgedAnswer, Provenance
from lmms_eval_cross.text import canonical_json

TRAITS: Final = {
    "judge": "judge",
    "judge_id": "judge id",
    "rubric_sha256": "rubric",
    "profile": "judge profile",
    "request": "judge request",
}
"""What makes a judge, as a provenance names it, and for people. Two judges are the same where all of it is equal: this
is the one definition, for finishing a run, comparing, bridging, calibrating and reporting alike."""


class JudgeStamp(BaseModel):
    """A judge with its rubric, as far as they decide a verdict."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: str
    """`openai`, or `offline`: a stand-in, no measurement."""
    id: str
    model: str
    """The model that was asked for; not part of the binding, the id is."""
    rubric: str
    rubric_sha256: str
    profile: str
    request: dict[str, Any]

    @classmethod
    def of(cls, provenance: Provenance) -> "JudgeStamp":
        """The stamp of a judged answer."""
        return cls(
            kind=provenance.judge,
            id=provenance.judge_id,
            model=provenance.judge_model,
            rubric=provenance.rubric,
            rubric_sha256=provenance.rubric_sha256,
            profile=provenance.profile,
            request=dict(provenance.request),
        )

    @property
    def traits(self) -> dict[str, Any]:
        """What makes a judge, under the names in `TRAITS`."""
        values = (self.kind, self.id, self.rubric_sha256, self.profile, self.request)
        return dict(zip(TRAITS, values, strict=True))

    @property
    def binding(self) -> str:
        """SHA-256 over the traits: equal for verdicts that may be mixed."""
        return hashlib.sha256(canonical_json(list(self.traits.values())).encode()).hexdigest()

    @property
    def is_vouched_for(self) -> bool:
        """The user gave the judge an id of its own, and so vouches for whichever model answers under it."""
        return self.id != self.model

    def differing_trait(self, other: "JudgeStamp") -> str | None:
        """The first trait in which the other is another judge, None if it is the same."""
        others = other.traits
        for name, value in self.traits.items():
            if others[name] != value:
                return name
        return None

    def __str__(self) -> str:
        return f"{self.id} (rubric {self.rubric} {self.rubric_sha256[:8]}, profile {self.profile})"


def sole_stamp(name: str, answers: Sequence[JudgedAnswer]) -> JudgeStamp:
    """The one judge of all answers.

    Raises:
        AnchorError: there are no answers, or they were judged in several ways.
    """
    if not answers:
        raise AnchorError(f"{name} has no judged CROSS answers; give a run of a cross task with --log_samples.")
    return sole_judge(name, (answer.provenance for answer in answers))


def sole_judge(name: str, provenances: Iterable[Provenance]) -> JudgeStamp:
    """The one judge in all `provenances`, of which there is at least one.

    Raises:
        AnchorError: they name several.
    """
    stamps = {stamp.binding: stamp for stamp in map(JudgeStamp.of, provenances)}
    if len(stamps) > 1:
        ways = listing(sorted(map(str, stamps.values())))
        raise AnchorError(f"{name} was judged in {len(stamps)} ways: {ways}; give one task's samples file instead.")
    return next(iter(stamps.values()))
