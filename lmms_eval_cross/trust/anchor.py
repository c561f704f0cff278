"""The anchor: answers frozen with their drawing probabilities, and the verdicts of one judge or more on them.

docs/agreement.md describes the file. It holds none of the benchmark's text or images unless asked for.
"""

import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from operator import attrgetter
from pathlib import Path
from typing import Any, Final, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from lmms_eval_cross.benchmark.records import (
    DIMENSIONS,
    Dimension,
    FailureReason,
    JudgeFailure,
    Outcome,
    Sample,
    Setting,
    Subset,
)
from lmms_eval_cross.errors import AnchorError
from lmms_eval_cross.outside import read_given
from lmms_eval_cross.runs.failed_generations import failed_generation
from lmms_eval_cross.runs.judged import check_judged
from lmms_eval_cross.runs.run_files import LoggedRun
from lmms_eval_cross.runs.run_places import RESULTS_ENDING
from lmms_eval_cross.runs.run_rounds import load_first_round
from lmms_eval_cross.runs.sample_record import JudgedAnswer
from lmms_eval_cross.stats.clusters import FloatArray
from lmms_eval_cross.text import canonical_json, sendable
from lmms_eval_cross.trust.drawing import draw_systematically, drawing_probabilities, stratified_order
from lmms_eval_cross.trust.sealed import BrokenSealError, read_sealed, write_sealed
from lmms_eval_cross.trust.stamp import JudgeStamp, sole_stamp

SCHEMA: Final = "cross-anchor/1"
_SIGNS: Final = {1: "1", 0: "0", None: "-"}
"""How a score, or that there is none, stands in the outcome that strata are made of."""


class _AnchorPart(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)  # most commands load it for nothing


class Text(_AnchorPart):
    """What is the benchmark's own in a sample."""

    query: str
    norm: str
    language_label: str
    image_name: str
    original_query: str | None


class Item(_AnchorPart):
    """An answer to a sample, and the probability by which it was drawn."""

    sample_id: str
    subset: Subset
    setting: Setting
    item: str
    wording: int
    country: str
    language: str
    norm_id: str
    image_sha256: str
    text_sha256: str
    """Of norm and query: tells whether prepared data hold the same sample."""
    response: str
    probability: float = Field(ge=1e-9, le=1)
    text: Text | None = None

    @classmethod
    def of(cls, answer: JudgedAnswer) -> "Item":
        """The item of a judged answer, drawn with certainty."""
        row = answer.sample.to_row()
        text = Text(**{name: row.pop(name) for name in Text.model_fields})
        return cls(
            **row, text_sha256=text_hash(answer.sample), response=sendable(answer.response), probability=1.0, text=text
        )

    def to_sample(self) -> Sample | None:
        """The sample, None without its text."""
        if self.text is None:
            return None
        facts = self.model_dump(exclude={"text", "text_sha256", "response", "probability"})
        return Sample.from_row(facts | self.text.model_dump())

    def drawn_with(self, probability: float) -> "Item":
        """The same after one more draw, which it had this chance in."""
        return self.model_copy(update={"probability": self.probability * probability})


class AnchorVerdict(_AnchorPart):
    """A judge's score of one dimension and what it was read from, or why there is none."""

    score: Literal[0, 1] | None
    reason: FailureReason | None = None
    rationale: str | None = None
    """The judge's reply; left out without text, as judges quote the norm."""
    model: str | None = None
    """The model that answered."""

    @classmethod
    def of(cls, outcome: Outcome) -> "AnchorVerdict":
        """The verdict in an outcome."""
        if not isinstance(outcome, JudgeFailure):
            return cls(score=outcome.score, rationale=sendable(outcome.rationale), model=outcome.model)
        reply = outcome.reply
        if reply is not None:
            reply = sendable(reply)
        return cls(score=None, reason=outcome.reason, rationale=reply, model=outcome.model)


Verdicts = dict[Dimension, AnchorVerdict]
"""What a judge says of one answer."""


def verdicts_of(outcomes: Mapping[Dimension, Outcome]) -> Verdicts:
    """The verdicts in the outcomes of one answer."""
    return {dimension: AnchorVerdict.of(outcomes[dimension]) for dimension in DIMENSIONS}


class Judgement(_AnchorPart):
    """One judge's verdicts on all items."""

    judge: JudgeStamp
    repeat: int = Field(default=0, ge=0)
    """Which asking of this judge it is."""
    verdicts: list[Verdicts]
    """In the order of the items."""

    def without_rationales(self) -> "Judgement":
        """The same without the judge's words."""
        silent: list[Verdicts] = []
        for verdicts in self.verdicts:
            without = {name: verdict.model_copy(update={"rationale": None}) for name, verdict in verdicts.items()}
            silent.append(without)
        return self.model_copy(update={"verdicts": silent})

    def on_items(self, positions: Iterable[int]) -> "Judgement":
        """The same of the items at these positions only."""
        return self.model_copy(update={"verdicts": [self.verdicts[position] for position in positions]})


class Anchor(_AnchorPart):
    """Frozen answers and how they were judged, first by the judge of the run that they were drawn from."""

    schema_: Literal["cross-anchor/1"] = Field(default=SCHEMA, alias="schema")
    name: str
    model: str
    """The model under test."""
    population: dict[str, int]
    """Answers that the items were drawn from, by subset and setting."""
    seed: int | None = None
    items: list[Item]
    judgements: list[Judgement]

    @property
    def id(self) -> str:
        """SHA-256 over answers and probabilities; judging again does not change it."""
        frozen = [item.model_dump(exclude={"text"}) for item in self.items]
        return hashlib.sha256(canonical_json(frozen).encode("ascii")).hexdigest()

    @property
    def batch_id(self) -> str:
        """The name that ties spreadsheet and page of a labelling batch to it."""
        return self.id[:16]

    @property
    def population_size(self) -> int:
        """Answers that the items were drawn from."""
        return sum(self.population.values())

    @property
    def positions(self) -> dict[str, int]:
        """Where among the items each sample stands, by sample id."""
        return {item.sample_id: position for position, item in enumerate(self.items)}

    @property
    def probabilities(self) -> FloatArray:
        """By which each item was drawn, shape (items,)."""
        return np.array([item.probability for item in self.items], dtype=np.float64)

    @property
    def latest(self) -> Judgement:
        """The first asking of the judge that judged last."""
        return self.askings(self.judgements[-1].judge)[0]

    @property
    def has_text(self) -> bool:
        """Whether the items hold the benchmark's text."""
        return any(item.text is not None for item in self.items)

    def on_items(self, positions: Sequence[int]) -> "Anchor":
        """The same with the items at these positions only, their probabilities as they are."""
        judgements = [judgement.on_items(positions) for judgement in self.judgements]
        items = [self.items[position] for position in positions]
        return self.model_copy(update={"items": items, "judgements": judgements})

    def askings(self, judge: JudgeStamp) -> list[Judgement]:
        """The judgements of one judge, asking by asking; empty if it was never asked."""
        of_judge = [judgement for judgement in self.judgements if judgement.judge.binding == judge.binding]
        return sorted(of_judge, key=attrgetter("repeat"))

    def without_text(self) -> "Anchor":
        """The same without the benchmark's text and without the judges' words, which quote it."""
        items = [item.model_copy(update={"text": None}) for item in self.items]
        judgements = [judgement.without_rationales() for judgement in self.judgements]
        return self.model_copy(update={"items": items, "judgements": judgements})

    def write(self, path: Path) -> None:
        """Write the file, whole or not at all."""
        write_sealed(path, self.to_json())

    def to_json(self) -> dict[str, Any]:
        """The object that the file holds."""
        return {"id": self.id, **self.model_dump(mode="json", by_alias=True)}


def text_hash(sample: Sample) -> str:
    """SHA-256 of a sample's norm and query."""
    return hashlib.sha256(canonical_json([sample.norm, sample.query]).encode("ascii")).hexdigest()


def answer_hash(response: str) -> str:
    """Tells whether two answers are one, as a judge is sent them: the first 16 digits of their SHA-256."""
    return hashlib.sha256(sendable(response).encode("utf-8")).hexdigest()[:16]


def load_anchor(path: Path, *, to_draw: bool = False) -> Anchor:
    """The anchor in a file, or a whole run (each answer drawn with certainty).

    Raises:
        AnchorError: the file is damaged, was edited, or is none; the run was judged in several ways.
        RunError: a run can't be read, or has no verdict and is `to_draw` from.
    """
    if path.suffix != ".json" or path.name.endswith(RESULTS_ENDING):
        run = load_first_round(path)
        if to_draw:
            check_judged(path, run.judged_answers)
        return anchor_of_run(run)
    return read_anchor(path.name, read_given(path, AnchorError))


def read_anchor(name: str, raw: bytes) -> Anchor:
    """The anchor in the bytes of a file.

    Raises:
        AnchorError: the file is damaged, was edited, or is none.
    """
    try:
        return anchor_of_json(name, read_sealed(raw))
    except BrokenSealError:
        raise AnchorError(f"{name} was changed after it was frozen; take the original file.") from None
    except ValueError:
        raise AnchorError(f"{name} is no anchor file; make one with `lmms-eval-cross anchor build`.") from None


def anchor_of_json(name: str, content: Mapping[str, Any]) -> Anchor:
    """The anchor of an object that `to_json` made.

    Raises:
        AnchorError: it is none of this release.
    """
    fields = dict(content)
    fields.pop("id", None)
    try:
        anchor = Anchor.model_validate(fields)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        place = ".".join(map(str, first["loc"]))
        raise AnchorError(f"{name} is no anchor of this release ({place}: {first['msg']}); build it again.") from None
    if len(anchor.positions) < len(anchor.items):
        raise AnchorError(f"{name} holds an answer twice; build it again.")
    judged_items = {len(judgement.verdicts) for judgement in anchor.judgements}
    if judged_items != {len(anchor.items)}:
        raise AnchorError(f"{name} has other verdicts than answers; build it again.")
    return anchor


def anchor_of_run(run: LoggedRun) -> Anchor:
    """All judged answers of a run, each with probability 1; failed generations left out.

    Raises:
        AnchorError: there are none, or they were judged in several ways.
    """
    return anchor_of_answers(run.name, run.model, run.judged_answers)


def anchor_of_answers(name: str, model: str, judged_answers: Iterable[JudgedAnswer]) -> Anchor:
    """The same of answers that were read already, of the run and the model under test that are named."""
    answers, items, verdicts = [], [], []
    for answer in judged_answers:
        if failed_generation(answer.response) is None:
            answers.append(answer)
            items.append(Item.of(answer))
            verdicts.append(verdicts_of(answer.outcomes))
    stamp = sole_stamp(name, answers)
    return Anchor(
        name=name,
        model=model,
        population=count_by_part(answers),
        items=items,
        judgements=[Judgement(judge=stamp, verdicts=verdicts)],
    )


def count_by_part(answers: Iterable[JudgedAnswer]) -> dict[str, int]:
    """How many answers there are to each subset and setting."""
    counts = Counter(f"{answer.sample.subset}_{answer.sample.setting}" for answer in answers)
    return dict(sorted(counts.items()))


def draw(anchor: Anchor, n: int, seed: int = 0) -> Anchor:
    """`n` of the items, spread over subset, country, language and outcome; their probabilities are of both draws.

    The outcome is the four verdicts of the judge that judged last. With n or fewer items all are kept.
    """
    generator = np.random.default_rng(seed)
    outcomes, strata = [], []
    for item, verdicts in zip(anchor.items, anchor.latest.verdicts, strict=True):
        outcomes.append(_outcome(verdicts))
        strata.append((item.subset, item.country, item.language, outcomes[-1]))
    probabilities = drawing_probabilities(outcomes, n, anchor.probabilities)
    drawn = draw_systematically(probabilities, stratified_order(strata, generator), generator).tolist()
    chosen = anchor.on_items(drawn)
    items = [item.drawn_with(float(probabilities[place])) for item, place in zip(chosen.items, drawn, strict=True)]
    return chosen.model_copy(update={"items": items, "seed": seed})


def scores(judgement: Judgement, dimension: Dimension) -> FloatArray:
    """The scores in the order of the items, shape (items,), NaN for a failure."""
    return np.array([verdicts[dimension].score for verdicts in judgement.verdicts], dtype=np.float64)


def _outcome(verdicts: Verdicts) -> str:
    """The four scores as one text, such as `101-`."""
    return "".join(_SIGNS[verdicts[dimension].score] for dimension in DIMENSIONS)
