"""Runs of made-up samples, with scores by a rule."""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from lmms_eval_cross.benchmark.records import DIMENSIONS, Dimension, Sample
from lmms_eval_cross.runs.run_files import LoggedRun
from lmms_eval_cross.runs.sample_record import Provenance
from lmms_eval_cross.trust.anchor import anchor_of_run, draw
from lmms_eval_cross.trust.human_labels import Annotation, LabelSet
from tests.run_folders import PROVENANCE, make_run, outcome, save_run
from tests.samples import make_sample

COUNTRIES = ("Japan", "Iran", "Brazil", "Nigeria")
SECRET_NORM, SECRET_QUERY = "the-norm-of-the-benchmark", "the-query-of-the-benchmark"

Rule = Callable[[Sample, Dimension], int | None]
"""The score of a sample and dimension; None is a failed verdict."""


def sample(number: int, samples_per_norm: int = 4) -> Sample:
    """A made-up sample; four of them share a norm."""
    country = COUNTRIES[number // samples_per_norm % len(COUNTRIES)]
    norm = f"{SECRET_NORM} {number // samples_per_norm}"
    return make_sample(f"{country}_{number}", norm, query=f"{SECRET_QUERY} {number}")


def chance(seed: str, rate: float = 0.5) -> Rule:
    """Scores that look random and are always the same; `rate` of them are 1."""

    def rule(each: Sample, dimension: Dimension) -> int:
        digest = hashlib.sha256(f"{seed}:{each.sample_id}:{dimension}".encode()).digest()
        return int(int.from_bytes(digest[:4], "big") / 2**32 < rate)

    return rule


def noisy(rule: Rule, seed: str, sensitivity: float = 0.8, specificity: float = 0.9) -> Rule:
    """Another judge of the same answers, who errs at these rates."""
    hits, rejections = chance(f"{seed}+", sensitivity), chance(f"{seed}-", specificity)

    def judged(each: Sample, dimension: Dimension) -> int | None:
        if rule(each, dimension) == 1:
            return hits(each, dimension)
        return 1 - int(rejections(each, dimension) or 0)

    return judged


def provenance(judge_id: str = "old-judge", rubric_sha256: str = PROVENANCE.rubric_sha256) -> Provenance:
    return replace(PROVENANCE, judge_id=judge_id, judge_model=judge_id, rubric_sha256=rubric_sha256)


def write_run(
    folder: Path,
    samples: Sequence[Sample],
    rule: Rule,
    told: Provenance | None = None,
    answer: Callable[[Sample], str] = lambda each: f"An answer to {each.item}.",
) -> Path:
    """Write the results and samples of a run; returns its folder."""
    origin, reason = told or provenance(), f"By {SECRET_NORM}."
    answers = [
        (each, answer(each), {name: outcome(name, rule(each, name), origin.judge_model, reason) for name in DIMENSIONS})
        for each in samples
    ]
    return save_run(make_run(folder.name, answers, origin), folder)


def label_set(
    run: LoggedRun, samples: Sequence[Sample], rule: Rule, n: int = 200, annotators: Sequence[str] = ("ann",)
) -> LabelSet:
    """What people who follow `rule` say of `n` answers drawn from a run."""
    batch = draw(anchor_of_run(run), n)
    by_id = {each.sample_id: each for each in samples}
    said = [
        Annotation(
            annotator=name,
            sample_id=item.sample_id,
            labels={dimension: rule(by_id[item.sample_id], dimension) for dimension in DIMENSIONS},
        )
        for name in annotators
        for item in batch.items
    ]
    return LabelSet(batch=batch.without_text(), annotations=said)
