"""Run folders as lmms-eval leaves them, written without lmms-eval: made-up samples, scores by a rule."""

import hashlib
import json
from collections.abc import Callable, Sequence
from pathlib import Path

from lmms_eval_cross.records import DIMENSIONS, Dimension, JudgeFailure, Outcome, Sample, Verdict
from lmms_eval_cross.runs import Run
from lmms_eval_cross.sample_record import RECORD, Provenance, build_record
from lmms_eval_cross.trust.anchor import anchor_of_run, draw
from lmms_eval_cross.trust.labels import Annotation, LabelSet

COUNTRIES = ("Japan", "Iran", "Brazil", "Nigeria")
SECRET_NORM, SECRET_QUERY = "the-norm-of-the-benchmark", "the-query-of-the-benchmark"

Rule = Callable[[Sample, Dimension], int | None]
"""The score of a sample and dimension; None is a failed verdict."""


def sample(number: int, samples_per_norm: int = 4) -> Sample:
    """A made-up sample; four of them share a norm."""
    country = COUNTRIES[number // samples_per_norm % len(COUNTRIES)]
    norm = f"{SECRET_NORM} {number // samples_per_norm}"
    return Sample(
        sample_id=f"casa/english/{country}_{number}/1",
        subset="casa",
        setting="english",
        item=f"{country}_{number}",
        wording=1,
        country=country,
        language="English",
        language_label="English",
        norm_id=hashlib.sha256(norm.encode()).hexdigest()[:16],
        norm=norm,
        query=f"{SECRET_QUERY} {number}",
        image_sha256=hashlib.sha256(str(number).encode()).hexdigest(),
        image_name=f"{number}.png",
        original_query=None,
    )


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


def provenance(judge_id: str = "old-judge", rubric_sha256: str = "a" * 64) -> Provenance:
    return Provenance(
        judge="openai",
        judge_id=judge_id,
        judge_model=judge_id,
        rubric="official",
        rubric_sha256=rubric_sha256,
        profile="official",
        request={"temperature": 0},
        data_sha256="d" * 64,
        partial=False,
        versions={"lmms_eval_cross": "0.1.0"},
    )


def outcome(dimension: Dimension, score: int | None, model: str = "m") -> Outcome:
    if score is None:
        return JudgeFailure(dimension, "unparsable", "No number.", "It depends.", model)
    return Verdict(dimension, score, f"By {SECRET_NORM}, {dimension}. Score: {score}", model)


def write_run(
    folder: Path,
    samples: Sequence[Sample],
    rule: Rule,
    told: Provenance | None = None,
    answer: Callable[[Sample], str] = lambda each: f"An answer to {each.item}.",
) -> Path:
    """Write the results and samples of a run; returns its folder."""
    folder.mkdir(parents=True)
    rows, origin = [], told or provenance()
    for number, each in enumerate(samples):
        outcomes = {name: outcome(name, rule(each, name), origin.judge_model) for name in DIMENSIONS}
        record = build_record(each, answer(each), origin, outcomes)
        rows.append(json.dumps({"doc_id": number, RECORD: record}))
    results = {"config": {"model": "a-model"}, "date": "20260101_000000", "results": {}, "configs": {}}
    (folder / "20260101_000000_results.json").write_text(json.dumps(results))
    (folder / "20260101_000000_samples_cross_casa.jsonl").write_text("\n".join(rows) + "\n")
    return folder


def label_set(
    run: Run, samples: Sequence[Sample], rule: Rule, n: int = 200, annotators: Sequence[str] = ("ann",)
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
