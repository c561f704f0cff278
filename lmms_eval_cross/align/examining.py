"""Have built answers judged by CROSS-Eval, and say what they pass and fail."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final

from lmms_eval_cross import session
from lmms_eval_cross.align.examples import Contrast, Scores
from lmms_eval_cross.benchmark.records import ASK_AGAIN, DIMENSIONS, Dimension, JudgeFailure, Sample, Verdict, norm_id
from lmms_eval_cross.benchmark.rubric import Rubric
from lmms_eval_cross.data.images import StoredImage
from lmms_eval_cross.judge.engine import Outcomes
from lmms_eval_cross.judge.job import Job
from lmms_eval_cross.judging import JudgeSession
from lmms_eval_cross.settings import Settings

NOT_NOTICED: Final[frozenset[Dimension]] = frozenset({"awareness", "education", "compliance"})
"""What who doesn't notice a norm fails: it can't be explained and is kept by luck alone, and advice to break one mostly
comes from not noticing it."""
OF_THE_PICTURE: Final[frozenset[Dimension]] = frozenset({"awareness", "compliance"})
"""An answer that is right for another picture must fail one of these for this one."""


@dataclass(frozen=True, slots=True)
class Dropped:
    """Something that did not become an example."""

    reason: str
    of_the_moment: bool = False
    """The same command may get it later."""


@dataclass(frozen=True, slots=True)
class Case:
    """What an answer is judged on."""

    request: str
    norm: str
    country: str
    language: str
    image: StoredImage | None = None


@dataclass(frozen=True, slots=True)
class Examined:
    """The scores of an answer; complete if there is no `failure`."""

    scores: Scores
    failure: Dropped | None = None

    @property
    def failed(self) -> frozenset[Dimension]:
        """The dimensions with score 0."""
        return frozenset(name for name in DIMENSIONS if getattr(self.scores, name) == 0)


class Examiner:
    """Asks the one judge; may be used from several threads, each of which waits."""

    def __init__(self, judging: JudgeSession, rubric: Rubric) -> None:
        self.rubric = rubric
        self._judging = judging

    @property
    def judge_id(self) -> str:
        """Who is asked."""
        return self._judging.judge_id

    def examine(self, case: Case, answer: str) -> Examined:
        """The verdicts on an answer, from the ledger or from the judge."""
        return self.examine_jobs([_job(case, answer, self.rubric)])[0]

    def examine_jobs(self, jobs: Sequence[Job]) -> list[Examined]:
        """The verdicts on several answers, asked for at once."""
        outcomes: dict[int, Outcomes] = {}
        waiting = []
        for place, job in enumerate(jobs):
            waiting.append(self._judging.submit_alone(job, partial(outcomes.__setitem__, place)))
        for future in waiting:
            future.result()
        return [_examined(outcomes[place], self.judge_id) for place in range(len(jobs))]


def build_rubric(settings: Settings) -> Rubric:
    """The rubric that built answers are judged by: official, as for the benchmark, unless the settings say native.

    The offline judge reads none, and takes ours.

    Raises:
        NotPreparedError: the official one is wanted, and nothing is prepared.
    """
    return session.rubric_for("demo" if settings.judge == "offline" else "casa_english", settings)


def refusal_of_chosen(examined: Examined) -> Dropped | None:
    """Why an answer can't be one to learn: it must pass all four dimensions."""
    if examined.failure is not None:
        return examined.failure
    if examined.failed:
        return Dropped(f"the answer to learn fails {_names(examined.failed)}")
    return None


def refusal_of_rejected(examined: Examined, contrast: Contrast) -> Dropped | None:
    """Why an answer can't be the one to avoid: it must fail what the pair is named after, see `may_fail`."""
    if examined.failure is not None:
        return examined.failure
    if contrast == "picture":
        fails = bool(examined.failed & OF_THE_PICTURE)
        return None if fails else Dropped("the other picture's answer is right for this picture too")
    if contrast not in examined.failed:
        return Dropped(f"the answer to avoid passes {contrast}")
    further = examined.failed - may_fail(contrast)
    return Dropped(f"the answer to avoid for {contrast} fails {_names(further)} too") if further else None


def may_fail(dimension: Dimension) -> frozenset[Dimension]:
    """What a rejected answer may fail when it is said to fail a dimension, which it must fail itself.

    Awareness and compliance can't be told apart further. The others can, so that a pair differs in what it is named
    after.
    """
    if dimension in ("awareness", "compliance"):
        return NOT_NOTICED
    return frozenset({dimension})


def contrast_of(failed: frozenset[Dimension]) -> Dimension | None:
    """The dimension that a pair is named after whose rejected answer fails these; None if no one name fits."""
    first: Dimension = "compliance"
    for name in (first, *DIMENSIONS):
        if name in failed and failed <= may_fail(name):
            return name
    return None


def _job(case: Case, answer: str, rubric: Rubric) -> Job:
    image = case.image

    def read(_: str) -> StoredImage:
        assert image is not None
        return image

    return Job(_sample(case), answer, rubric, read)


def _sample(case: Case) -> Sample:
    """What the judge's job takes; the benchmark's own fields say nothing here."""
    name = hashlib.sha256(f"{case.request}\n{case.norm}".encode("utf-8", "surrogatepass")).hexdigest()[:16]
    return Sample(
        sample_id=f"align/{name}",
        subset="demo",
        setting="english" if case.language == "English" else "multilingual",
        item=name,
        wording=1,
        country=case.country,
        language=case.language,
        language_label=case.language,
        norm_id=norm_id(case.norm),
        norm=case.norm,
        query=case.request,
        image_sha256=case.image.sha256 if case.image else "",
        image_name="",
        original_query=None,
    )


def _examined(outcomes: Outcomes, judge_id: str) -> Examined:
    given = {name: outcome.score for name, outcome in outcomes.items() if isinstance(outcome, Verdict)}
    reasons = [outcome.reason for outcome in outcomes.values() if isinstance(outcome, JudgeFailure)]
    scores = Scores(judge_id, **given)
    if not reasons:
        return Examined(scores)
    return Examined(scores, Dropped(f"no verdict ({reasons[0]})", any(reason in ASK_AGAIN for reason in reasons)))


def _names(dimensions: frozenset[Dimension]) -> str:
    return ", ".join(name for name in DIMENSIONS if name in dimensions)
