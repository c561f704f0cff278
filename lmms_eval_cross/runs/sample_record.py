"""The sample record: what a run keeps of one judged answer. docs/schema.md describes it."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, Final, Literal, cast, get_args

from lmms_eval_cross.benchmark.records import (
    DIMENSIONS,
    RECORD_SCHEMA,
    Dimension,
    FailureReason,
    JudgeFailure,
    Outcome,
    Sample,
    Usage,
    Verdict,
    Vote,
    fields_of,
)
from lmms_eval_cross.errors import RunError
from lmms_eval_cross.runs.suspicion import suspicions

RECORD: Final = "cross"
"""The key of the record in a logged sample."""
COVERAGE: Final = "coverage"
METRICS: Final = (*DIMENSIONS, COVERAGE)


@dataclass(frozen=True, slots=True)
class Provenance:
    """What judged, with which rubric, on which data, written by which versions."""

    judge: str
    """`openai`; `anthropic` or `gemini`, asked in their own words; `panel`; `offline`: a stand-in, no measurement."""
    judge_id: str
    judge_model: str
    """The model that was asked for; each verdict has the one that answered."""
    rubric: str
    rubric_sha256: str
    profile: str
    request: Mapping[str, Any]
    data_sha256: str
    """Of the split."""
    partial: bool
    """The split has another number of samples than the release."""
    versions: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class JudgedAnswer:
    """A sample record, read back."""

    sample: Sample
    response: str
    provenance: Provenance
    outcomes: Mapping[Dimension, Outcome]
    suspicious: tuple[str, ...] = ()
    """What in the response is meant for a judge (runs/suspicion.py); to look at, no part of any score."""
    reasoning: str = ""
    """What was taken out of the model's text before it was judged, with its tags."""
    generation: Mapping[str, Any] | None = None
    """How the answer was made, as `cross_api` tells; None of other models."""
    round: int = 1
    """Which answer of the model to the sample it is."""

    @property
    def has_verdict(self) -> bool:
        """Whether some dimension has a score."""
        return any(isinstance(outcome, Verdict) for outcome in self.outcomes.values())


def read_record(record: Any) -> JudgedAnswer:
    """The judged answer that a sample record tells of; every value is of its type, scores are exactly 0, 1 or null.

    Raises:
        RunError: the record is of another schema, lacks something, or has something that no record has.
    """
    if not isinstance(record, Mapping) or record.get("schema") != RECORD_SCHEMA:
        schema = record.get("schema") if isinstance(record, Mapping) else None
        raise RunError(f"A sample record has schema {_shown(schema)}, this release reads {RECORD_SCHEMA!r}.")
    try:
        return _judged_answer(record)
    except (KeyError, TypeError, ValueError, AttributeError, RecursionError) as error:
        name, why = _shown(record.get("sample_id")), _shown(error, quoted=False)
        raise RunError(f"The record of {name} is not whole ({why}); judge the run again.") from None


def _judged_answer(record: Mapping[str, Any]) -> JudgedAnswer:
    outcomes = {name: _outcome(name, record["dimensions"][name]) for name in DIMENSIONS}
    provenance = _provenance(record["provenance"])
    sample = Sample.from_row(record)
    _check_types(sample, _OF_SAMPLE)
    suspicious, reasoning = tuple(record.get("suspicious", ())), record.get("reasoning", "")
    if not all(isinstance(text, str) for text in (record["response"], reasoning, *suspicious)):
        raise TypeError("a response, its reasoning or a flag is no text")
    generation = record.get("generation")
    if generation is not None and not isinstance(generation, Mapping):
        raise TypeError(f"generation is {_shown(generation)}")
    number = record.get("round", 1)
    if type(number) is not int or number < 1:
        raise ValueError(f"round is {_shown(number)}")
    return JudgedAnswer(sample, record["response"], provenance, outcomes, suspicious, reasoning, generation, number)


_KINDS: Final[dict[str, tuple[type, ...]]] = {
    **dict.fromkeys(("wording",), (int,)),
    "partial": (bool,),
    "request": (Mapping,),
    "versions": (Mapping,),
    "original_query": (str, type(None)),
}
"""Fields of samples and provenances that are no text."""


def _types_of(kind: type) -> tuple[tuple[str, tuple[type, ...]], ...]:
    """The fields of a dataclass, each with the types that it may have."""
    return tuple((field.name, _KINDS.get(field.name, (str,))) for field in fields(kind))


_OF_PROVENANCE: Final = _types_of(Provenance)
_OF_SAMPLE: Final = _types_of(Sample)


def _check_types(value: Provenance | Sample, types: tuple[tuple[str, tuple[type, ...]], ...]) -> None:
    for name, expected in types:
        given = getattr(value, name)
        if not isinstance(given, expected) or (expected == (int,) and isinstance(given, bool)):
            raise TypeError(f"{name} is {_shown(given)}")


_MOST_PROVENANCES: Final = 16
_PROVENANCES: Final[dict[str, Provenance]] = {}
"""By what their entries look like, which takes a third of the time of JSON; the answers of a judge share one."""


def _provenance(entry: Any) -> Provenance:
    """Of a record, copied and checked where it was not met before."""
    looks = repr(entry)
    if looks not in _PROVENANCES:
        provenance = Provenance(**json.loads(json.dumps(entry, allow_nan=False)))
        _check_types(provenance, _OF_PROVENANCE)
        if len(_PROVENANCES) == _MOST_PROVENANCES:
            _PROVENANCES.clear()  # a served page reads runs for days, and a file of anybody's may have as many as lines
        _PROVENANCES[looks] = provenance
    return _PROVENANCES[looks]


def _outcome(name: Dimension, entry: Mapping[str, Any]) -> Outcome:
    usage, quirks = _usage(entry["usage"]), tuple(entry.get("quirks", ()))
    votes: tuple[Vote, ...] = ()
    if "votes" in entry:
        votes = tuple(_vote(name, vote) for vote in entry["votes"])
    score = entry["score"]
    if score is None:
        if entry["reason"] not in _REASONS:
            raise ValueError(f"{name} failed for {_shown(entry['reason'])}")
        detail, reply, model = str(entry["detail"]), _text(entry["rationale"]), _text(entry["model"])
        return JudgeFailure(name, entry["reason"], detail, reply, model, usage, quirks, votes)
    if type(score) is not int or score not in (0, 1):
        raise ValueError(f"{name} has the score {_shown(score)}, and 0, 1 and null are all there are")
    rationale, model = _text(entry["rationale"]) or "", _text(entry["model"]) or ""
    return Verdict(name, cast("Literal[0, 1]", score), rationale, model, usage, quirks, votes)


def _vote(name: Dimension, entry: Mapping[str, Any]) -> Vote:
    if "votes" in entry:
        raise ValueError("a member of a panel is a panel")
    judge_id, judge_model = entry["judge_id"], entry["judge_model"]
    if not isinstance(judge_id, str) or not isinstance(judge_model, str):
        raise TypeError("a member of a panel has no name")
    return Vote(judge_id, judge_model, _outcome(name, entry))


_REASONS: Final = frozenset(get_args(FailureReason))


def _text(value: object) -> str | None:
    if value is not None and not isinstance(value, str):
        raise TypeError(f"{_shown(value)} is no text")
    return value


def _usage(entry: Mapping[str, Any]) -> Usage:
    usage = Usage(**entry)
    for name, count in entry.items():
        if type(count) is not int or not 0 <= count < 2**53:
            raise ValueError(f"{name} is {_shown(count)}")
    return usage


def _shown(value: object, quoted: bool = True) -> str:
    """A value of anybody's, short enough for a sentence."""
    try:
        text = repr(value) if quoted else str(value)
    except (ValueError, RecursionError):  # a number of too many digits, or too deep
        return "something unreadable"
    return text if len(text) <= 200 else text[:200] + "..."


def build_record(
    sample: Sample,
    response: str,
    provenance: Provenance,
    outcomes: Mapping[Dimension, Outcome],
    reasoning: str = "",
    generation: Mapping[str, Any] | None = None,
    round_number: int | None = None,
) -> dict[str, Any]:
    """The record of one judged answer."""
    return judged(open_record(sample, response, provenance, reasoning, generation, round_number), outcomes)


def judged(record: Mapping[str, Any], outcomes: Mapping[Dimension, Outcome]) -> dict[str, Any]:
    """An `open_record` with what the judge said."""
    return {**record, "dimensions": {name: _entry(outcomes[name]) for name in DIMENSIONS}}


def open_record(
    sample: Sample,
    response: str,
    provenance: Provenance,
    reasoning: str = "",
    generation: Mapping[str, Any] | None = None,
    round_number: int | None = None,
) -> dict[str, Any]:
    """The record of an answer that is not judged yet."""
    known: dict[str, Any] = {}
    if round_number is not None:
        known["round"] = round_number
    if reasoning:
        known["reasoning"] = reasoning
    if generation is not None:
        known["generation"] = dict(generation)
    return {
        "schema": RECORD_SCHEMA,
        **sample.to_row(),
        "response": response,
        **known,
        "suspicious": suspicions(response),
        "provenance": fields_of(provenance),
    }


def metric_items(record: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """One item a metric, as lmms-eval's aggregations and clustered errors read them.

    `score` is in percent; a failure has no `score`, so that nothing can average it. Coverage also has the failures
    and their details by dimension, and the tokens of each judge call that was billed.
    """
    cluster = {"norm_id": record["norm_id"]}
    items: dict[str, dict[str, Any]] = {}
    failures, details = {}, {}
    calls: list[dict[str, Any]] = []
    for name in DIMENSIONS:
        entry = record["dimensions"][name]
        if entry["score"] is None:
            items[name] = {**cluster, "failure": entry["reason"]}
            failures[name], details[name] = entry["reason"], entry["detail"]
        else:
            items[name] = {**cluster, "score": 100.0 * entry["score"]}
        calls += _calls(entry)
    coverage: dict[str, Any] = {**cluster, "score": 100.0 * (len(DIMENSIONS) - len(failures)) / len(DIMENSIONS)}
    if failures:
        coverage |= {"failures": failures, "details": details}
    if calls:
        coverage["calls"] = calls
    return {**items, COVERAGE: coverage}


def _calls(entry: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """The tokens behind an entry, of a panel for each member with the model that was asked for."""
    for vote in entry.get("votes", ()):
        if any(vote["usage"].values()):
            yield {**vote["usage"], "judge_model": vote["judge_model"]}
    if "votes" not in entry and any(entry["usage"].values()):
        yield entry["usage"]


def mean_score(items: Sequence[Mapping[str, Any]]) -> float | None:
    """The mean in percent over the items that have a score, None if none has."""
    scores: list[float] = [item["score"] for item in items if "score" in item]
    if not scores:
        return None
    return sum(scores) / len(scores)


def group_mean(means: Sequence[float | None], sizes: Sequence[int], weight_by_size: bool) -> float | None:
    """The tasks' mean, weighted by their samples; a task without any score is left out."""
    if not weight_by_size:
        sizes = [1] * len(sizes)
    products: list[float] = []
    total = 0
    for mean, size in zip(means, sizes, strict=True):
        if mean is not None:
            products.append(mean * size)
            total += size
    if not total:
        return None
    return sum(products) / total


def _entry(outcome: Outcome) -> dict[str, Any]:
    """What the record says of one dimension; of a panel, with what each member said."""
    common: dict[str, Any] = {"model": outcome.model, "usage": fields_of(outcome.usage)}
    if outcome.quirks:
        common["quirks"] = list(outcome.quirks)
    if outcome.votes:
        common["votes"] = [_vote_entry(vote) for vote in outcome.votes]
    if isinstance(outcome, JudgeFailure):
        return {
            "score": None,
            "reason": outcome.reason,
            "detail": outcome.detail,
            "rationale": outcome.reply,
            **common,
        }
    return {"score": outcome.score, "reason": None, "detail": None, "rationale": outcome.rationale, **common}


def _vote_entry(vote: Vote) -> dict[str, Any]:
    """The same of a member's."""
    return {"judge_id": vote.judge_id, "judge_model": vote.judge_model, **_entry(vote.outcome)}
