"""Find the answers of a run and the sample that each belongs to."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from lmms_eval_cross import session
from lmms_eval_cross.benchmark.records import Sample
from lmms_eval_cross.benchmark.splits import SPLITS, TASKS, split_of
from lmms_eval_cross.data.prepared import read_samples
from lmms_eval_cross.errors import RunError, listing
from lmms_eval_cross.harness.reasoning_tags import OURS
from lmms_eval_cross.ledger.responses import responses_of
from lmms_eval_cross.ledger.rows import read_texts
from lmms_eval_cross.ledger.store import Ledger
from lmms_eval_cross.outside import parse_json
from lmms_eval_cross.runs.reasoning import split_reasoning
from lmms_eval_cross.runs.run_files import LoggedRun, has_records
from lmms_eval_cross.runs.sample_record import RECORD, JudgedAnswer, read_record


@dataclass(frozen=True)
class Answer:
    """What a model answered to a sample, and the line that lmms-eval logged of it."""

    sample: Sample
    response: str
    row: Mapping[str, Any]
    judged: JudgedAnswer | None
    """The verdicts that it has already."""
    reasoning: str = ""
    """What was taken out of the model's text before; of a run that only collected answers, by our tags alone."""
    generation: Mapping[str, Any] | None = None
    """How it was made, where its record tells."""


def run_answers(run: LoggedRun) -> dict[str, list[Answer]]:
    """Task -> answers of the CROSS tasks of a run, judged or not.

    Raises:
        RunError: the run has no CROSS task, or was made from other data than are prepared here.
    """
    answers: dict[str, list[Answer]] = {}
    for task, rows in run.samples.items():
        if task in SPLITS or has_records(rows):
            answers[task] = [_answer(task, row) for row in rows]
    if not answers:
        raise RunError(f"{run.name} has no samples of a CROSS task; its tasks are {', '.join(run.samples) or 'none'}.")
    return answers


def _answer(task: str, row: Mapping[str, Any]) -> Answer:
    if RECORD in row:
        judged = read_record(row[RECORD])
        sample = _same_sample(judged.sample)
        return Answer(sample, judged.response, row, judged, judged.reasoning, judged.generation)
    sample = _sample_of_doc(task, row)
    return Answer(sample, _response(row), row, None, _reasoning(row))


def _sample_of_doc(task: str, row: Mapping[str, Any]) -> Sample:
    """The sample of a line without a record: by its place, checked by the norm and the query that lmms-eval logged."""
    samples = prepared_samples(SPLITS[task])
    place = int(row["doc_id"])
    if place >= len(samples) or not _is_logged(samples[place], row):
        raise RunError(
            f"Sample {place} of {task} is not the one in the data prepared here; "
            "prepare the copy of CROSS that the run was made from."
        )
    return samples[place]


def _is_logged(sample: Sample, row: Mapping[str, Any]) -> bool:
    """Whether a line is of this sample; lmms-eval logs the query only in some versions."""
    return sample.norm == row.get("target") and sample.query == row.get("input", sample.query)


def _same_sample(sample: Sample) -> Sample:
    """The sample as prepared here; the record's own must show the model and the judge the same."""
    known = _by_id(_parquet(split_of(sample))).get(sample.sample_id)
    if known is None or _shown(known) != _shown(sample):
        raise RunError(
            f"{sample.sample_id} differs from the data prepared here; "
            "prepare the copy of CROSS that the run was made from."
        )
    return known


def _shown(sample: Sample) -> tuple[str, str, str]:
    return sample.norm, sample.query, sample.image_sha256


def prepared_samples(split: str) -> list[Sample]:
    """The samples of a split, in the order of lmms-eval's doc ids."""
    return list(_by_id(_parquet(split)).values())


def _parquet(split: str) -> Path:
    return session.data_for(split).parquet(split)


@lru_cache(maxsize=len(SPLITS))
def _by_id(parquet: Path) -> dict[str, Sample]:
    return {sample.sample_id: sample for sample in read_samples(parquet)}


def _response(row: Mapping[str, Any]) -> str:
    """The answer after lmms-eval's filters, as `process_results` would get it."""
    response = _first(row.get("filtered_resps"))
    if not isinstance(response, str):
        raise RunError(f"Sample {row['doc_id']} has no answer under `filtered_resps`; it is no samples file.")
    return response


def _reasoning(row: Mapping[str, Any]) -> str:
    """What the model's whole text has between our tags."""
    text = _first(row.get("resps"))
    if not isinstance(text, str):
        return ""
    return split_reasoning(text, OURS)[1]


def _first(responses: Any) -> Any:
    """The first text in lmms-eval's lists of lists."""
    while isinstance(responses, list) and responses:
        responses = responses[0]
    return responses


def ledger_answers(ledger: Ledger, runs: Sequence[str]) -> dict[str, list[Answer]]:
    """Task -> answers that runs (one a rank, without `lmms-eval-cross run`) left; of two for one sample, the later.

    Raises:
        RunError: the ledger lacks one of the runs.
    """
    missing = set(runs)
    latest: dict[str, dict[str, Any]] = {}
    for row in responses_of(ledger, runs):  # the earliest first, so that the later answer stays
        missing.discard(row["run"])
        latest[row["sample_id"]] = _record(row)
    if missing:
        raise RunError(
            f"The ledger has no answers of run {listing(sorted(missing))}; "
            "`lmms-eval-cross ledger show` lists its runs."
        )
    splits = {split_of(Sample.from_row(record)) for record in latest.values()}
    return {TASKS[split]: list(_of_split(split, latest)) for split in sorted(splits)}


def _record(row: Mapping[str, Any]) -> dict[str, Any]:
    """The open record of an answer in the ledger; RunError where it was damaged."""
    try:
        read_texts(row)
        record: dict[str, Any] = parse_json(row["record"])
        split_of(Sample.from_row(record))
    except (ValueError, KeyError, TypeError) as error:
        name, why = str(row["sample_id"])[:80], str(error)[:80]
        raise RunError(f"The ledger's answer to {name!r} of run {row['run']} can't be read ({why}).") from None
    return record


def _of_split(split: str, records: Mapping[str, Mapping[str, Any]]) -> Iterator[Answer]:
    for doc_id, sample in enumerate(prepared_samples(split)):
        record = records.get(sample.sample_id)
        if record is not None:
            _same_sample(Sample.from_row(record))
            line = _line(doc_id, sample, record["response"])
            reasoning, generation = record.get("reasoning", ""), record.get("generation")
            yield Answer(sample, record["response"], line, None, reasoning, generation)


def _line(doc_id: int, sample: Sample, response: str) -> dict[str, Any]:
    """The line that lmms-eval would have logged, as far as the ledger knows."""
    return {"doc_id": doc_id, "target": sample.norm, "filtered_resps": response, "input": sample.query}
