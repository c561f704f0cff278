"""Whether a run is what a judge left: facts that agree with their own hashes, and scores that the kept replies give."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import chain
from math import nan
from typing import Final

from lmms_eval_cross.benchmark.records import DIMENSIONS, Outcome, Sample, Verdict, data_hash, norm_id
from lmms_eval_cross.benchmark.release import FILES
from lmms_eval_cross.compare.rounds import Round, Scores, Side
from lmms_eval_cross.errors import RunError, listing
from lmms_eval_cross.judge.rescoring import WHOLE_REPLY, rescore
from lmms_eval_cross.runs.run_files import LoggedRun
from lmms_eval_cross.runs.sample_record import JudgedAnswer

_RECORDS: Final = {f"{file.subset}/{file.setting}": file.records for file in FILES}


def check_facts(run: LoggedRun) -> None:
    """Refuse a run whose records name a norm or a sample that is not theirs.

    Raises:
        RunError: a record's norm_id is not the hash of its norm, or its sample_id not made of its parts.
    """
    edited: list[str] = []
    for answer in run.judged_answers:
        sample = answer.sample
        parts = f"{sample.subset}/{sample.setting}/{sample.item}/{sample.wording}"
        if sample.norm_id != norm_id(sample.norm) or sample.sample_id != parts:
            edited.append(sample.sample_id)
    if edited:
        raise RunError(
            f"{run.name} was edited: norm_id is the hash of the norm, and sample_id is made of the sample's parts, but "
            f"not for {listing(edited, most=4)}; use the samples that the run wrote."
        )


def check_sealed(*sides: Side) -> None:
    """Refuse a side that was read from a baseline file without a seal.

    Raises:
        RunError: one was.
    """
    for one in chain.from_iterable(side.rounds for side in sides):
        if not one.is_sealed:
            raise RunError(unsealed(one))


def unsealed(one: Round) -> str:
    """What is to be said of a round in a baseline file without a seal."""
    return (
        f"The baseline file of {one.name} is of an earlier release and has no seal, so that nobody notices if it was "
        "edited; write it anew from its run with `lmms-eval-cross baseline RUN -o FILE`."
    )


def data_faults(run: LoggedRun) -> Iterator[str]:
    """A sentence for every whole split whose samples don't give the data hash that the run names."""
    for split, claimed, samples in _whole_splits(run):
        if data_hash(samples) != claimed:
            yield f"{run.name} was edited: the samples of {split} don't give their data hash {claimed[:12]}."


def _whole_splits(run: LoggedRun) -> Iterator[tuple[str, str, list[Sample]]]:
    """Splits of which the run has every sample: name, data hash, samples in the split's order."""
    by_split: dict[tuple[str, str], list[Sample]] = {}
    for answer in run.answers_in_order:
        split = f"{answer.sample.subset}/{answer.sample.setting}"
        if not answer.provenance.partial:
            by_split.setdefault((split, answer.provenance.data_sha256), []).append(answer.sample)
    for (split, claimed), samples in by_split.items():
        if len(samples) == _RECORDS.get(split):
            yield split, claimed, samples


def rederived(one: Round) -> Round:
    """The round with the scores that its kept replies give; one whose reply gives no score counts as a failure.

    Where only a rationale was kept, as earlier releases did of some profiles, and of baseline files, scores stay as
    they are.

    Raises:
        RunError: replies give other scores than the ones that stand beside them.
    """
    scores: dict[str, Scores] = dict(one.scores)
    differing: list[str] = []
    for sample_id, answer in one.answers.items():
        given = tuple(_rederived_scores(answer))
        if any(a + b == 1 for a, b in zip(given, scores[sample_id], strict=True)):
            differing.append(sample_id)
        scores[sample_id] = given
    if differing:
        raise RunError(
            f"{one.name} was edited: the judge's replies give other scores than the ones that stand beside them, in "
            f"{len(differing)} samples: {listing(sorted(differing), most=4)}; use the samples that the run wrote."
        )
    return replace(one, scores=scores)


def _rederived_scores(answer: JudgedAnswer) -> Iterator[float]:
    origin = answer.provenance
    for name in DIMENSIONS:
        outcome = answer.outcomes[name]
        if outcome.votes and isinstance(outcome, Verdict):
            profiles = [member["profile"] for member in origin.request["members"]]
            votes = zip(outcome.votes, profiles, strict=True)
            yield _majority([_rederived(vote.outcome, profile, origin.rubric_sha256) for vote, profile in votes])
        else:
            yield _rederived(outcome, origin.profile, origin.rubric_sha256)


def _rederived(outcome: Outcome, profile: str, rubric_sha256: str) -> float:
    """The score that a judge's kept reply gives, NaN for none."""
    if not isinstance(outcome, Verdict):
        return nan
    score = rescore(profile, rubric_sha256, outcome.dimension, outcome.rationale)
    if score is not None:
        return float(score)
    return nan if profile in WHOLE_REPLY else float(outcome.score)


def _majority(scores: Sequence[float]) -> float:
    """The score with more than half of a panel's members behind it, NaN for none."""
    return next((score for score in (0.0, 1.0) if 2 * scores.count(score) > len(scores)), nan)
