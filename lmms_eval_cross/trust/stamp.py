"""Which judge, rubric and profile a set of verdicts is of: what calibrations and bridges are bound to."""

import hashlib
from collections.abc import Iterable, Sequence
from typing import Any

from pydantic import BaseModel, ConfigDict

from lmms_eval_cross.errors import AnchorError, listing
from lmms_eval_cross.runs.sample_record import JudgedAnswer, Provenance
from lmms_eval_cross.text import canonical_json


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
    def binding(self) -> str:
        """SHA-256 over judge id, rubric, profile and request: equal for verdicts that may be mixed."""
        return hashlib.sha256(
            canonical_json([self.kind, self.id, self.rubric_sha256, self.profile, self.request]).encode()
        ).hexdigest()

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
        ways = listing(sorted(str(stamp) for stamp in stamps.values()))
        raise AnchorError(f"{name} was judged in {len(stamps)} ways: {ways}; give one task's samples file instead.")
    return next(iter(stamps.values()))
