"""Find the answers of a run and the sample that each belongs to."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import chain
from pathlib import Path
from typing import Any

from lmms_eval_cross import session
from lmms_eval_cross.benchmark.records import Sample
from lmms_eval_cross.benchmark.splits import SPLITS, TASKS, split_of
from lmms_eval_cross.data.prepared import read_samples
from lmms_eval_cross.errors import RunError, listing
from lmms_eval_cross.harness.reasoning_tags import OURS
from lmms_eval_cross.ledger.responses import responses_of, run_of
from lmms_eval_cross.ledger.rows import read_texts
from lmms_eval_cross.ledger.store import Ledger
from lmms_eval_cross.outside import parse_json
from lmms_eval_cross.runs.reasoning import split_reasoning
from lmms_eval_cross.runs.record_rounds import records_of, round_of
from lmms_eval_cross.runs.response import Response
from lmms_eval_cross.runs.run_files import LoggedRun, has_records
from lmms_eval_cross.runs.sample_record import RECORD, JudgedAnswer, read_record


@dataclass(frozen=True)
class Answer:
    """What a model answered to a sample, and the line that lmms-eval logged of it."""

    sample: Sample
    response: Response
    """With reasoning that, of a run that only collected answers, was told by our tags alone."""
    row: Mapping[str, Any]
    """The same for all rounds of a sample."""
    judged: JudgedAnswer | None
    """The verdicts that it has already."""


def run_answers(run: LoggedRun, number: int | None = None) -> dict[str, list[Answer]]:
    """Task -> answers of the CROSS tasks of a run, judged or not; those of a sample's rounds stand together.

    Args:
        run: with one round, or several in its lines.
        number: of the round that the run is, where its records don't say.

    Raises:
        RunError: the run has no CROSS task, or was made from other data than are prepared here.
    """
    answers: dict[str, list[Answer]] = {}
    for task, rows in run.own_samples.items():
        if task in SPLITS or has_records(rows):
            answers[task] = list(chain.from_iterable(_answers(task, row, number) for row in rows))
    if not answers:
        raise RunError(f"{run.name} has no samples of a CROSS task; its tasks are {', '.join(run.samples) or 'none'}.")
    return answers


def _answers(task: str, row: Mapping[str, Any], number: int | None) -> Iterator[Answer]:
    """The answers on a line, one a round."""
    if RECORD not in row:
        sample = _sample_of_doc(task, row)
        yield from (Answer(sample, response, row, None) for response in _responses(row, number))
        return
    for record in records_of(row[RECORD]):
        judged = read_record(record)
        yield Answer(_same_sample(judged.sample), _response_of(record), row, judged)


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


def _responses(row: Mapping[str, Any], number: int | None) -> Iterator[Response]:
    """The answers after lmms-eval's filters, as `process_results` would get them; RunError if there is none."""
    texts, whole = _texts(row.get("filtered_resps")), _texts(row.get("resps"))
    if not texts:
        raise RunError(f"Sample {row['doc_id']} has no answer under `filtered_resps`; it is no samples file.")
    for place, text in enumerate(texts):
        reasoning = split_reasoning(whole[place], OURS)[1] if place < len(whole) else ""
        yield Response(text, reasoning, round=place + 1 if len(texts) > 1 else number)


def _texts(responses: Any) -> list[str]:
    """The texts in lmms-eval's lists of lists."""
    if isinstance(responses, list):
        return list(chain.from_iterable(map(_texts, responses)))
    return [responses] if isinstance(responses, str) else []


def ledger_answers(ledger: Ledger, runs: Sequence[str]) -> dict[str, list[Answer]]:
    """Task -> answers that runs (one a rank, without `lmms-eval-cross run`) left; of two for one sample, the later.

    Raises:
        RunError: the ledger lacks one of the runs.
    """
    missing = set(runs)
    latest: dict[str, dict[int, dict[str, Any]]] = {}
    for row in responses_of(ledger, runs):  # the earliest first, so that the later answer stays
        missing -= {row["run"], run_of(row["run"])}
        record = _record(row)
        latest.setdefault(row["sample_id"], {})[round_of(record)] = record
    if missing:
        raise RunError(
            f"The ledger has no answers of run {listing(sorted(missing))}; "
            "`lmms-eval-cross ledger show` lists its runs."
        )
    splits = {split_of(Sample.from_row(next(iter(rounds.values())))) for rounds in latest.values()}
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


def _of_split(split: str, records: Mapping[str, Mapping[int, Mapping[str, Any]]]) -> Iterator[Answer]:
    for doc_id, sample in enumerate(prepared_samples(split)):
        rounds = records.get(sample.sample_id, {})
        line = _line(doc_id, sample, [rounds[number]["response"] for number in sorted(rounds)])
        for number in sorted(rounds):
            record = rounds[number]
            _same_sample(Sample.from_row(record))
            yield Answer(sample, _response_of(record), line, None)


def _response_of(record: Mapping[str, Any]) -> Response:
    return Response(record["response"], record.get("reasoning", ""), record.get("generation"), record.get("round"))


def _line(doc_id: int, sample: Sample, responses: list[str]) -> dict[str, Any]:
    """The line that lmms-eval would have logged, as far as the ledger knows."""
    filtered = responses[0] if len(responses) == 1 else responses
    return {"doc_id": doc_id, "target": sample.norm, "filtered_resps": filtered, "input": sample.query}
