"""What one process works with: settings, data, rubric, judge. Made on first use, never at import."""

import atexit
import os
import shutil
import tempfile
import threading
from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from functools import cache, lru_cache, partial
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Final

from lmms_eval_cross import __version__
from lmms_eval_cross.benchmark.native_rubric import load_native_rubric
from lmms_eval_cross.benchmark.records import DIMENSIONS, Sample
from lmms_eval_cross.benchmark.rubric import Rubric
from lmms_eval_cross.benchmark.splits import DEMO, split_of
from lmms_eval_cross.data.prepared import Prepared, require_prepared
from lmms_eval_cross.errors import SettingsError
from lmms_eval_cross.judge.engine import Outcomes
from lmms_eval_cross.judge.job import Job, judge_identity
from lmms_eval_cross.judge.profiles import Dimensions
from lmms_eval_cross.judge.reply import READING
from lmms_eval_cross.judging import JudgeSession, run_id
from lmms_eval_cross.ledger.responses import name_of_round
from lmms_eval_cross.ledger.steady import open_ledger
from lmms_eval_cross.ledger.store import UNKNOWN_RUN, Given, RunNote
from lmms_eval_cross.runs.record_rounds import items_over_rounds, on_one_line
from lmms_eval_cross.runs.response import Response
from lmms_eval_cross.runs.sample_record import METRICS, RECORD, Provenance, judged, open_record
from lmms_eval_cross.settings import Settings, load_settings

_MAKING: Final = threading.Lock()
_announced: Final[list[RunNote]] = [UNKNOWN_RUN]
"""What is known of the run in progress."""


def announce(note: RunNote) -> None:
    """Say what the run is that this process judges next, before it judges."""
    _announced[0] = note


def data_for(split: str, settings: Settings | None = None) -> Prepared:
    """The prepared data that a split is read from, the same for as long as the process lives.

    Args:
        split: such as `casa_english` and `demo`.
        settings: those in force, where they are read already.

    Raises:
        NotPreparedError: nothing is prepared.
    """
    home = (settings or load_settings()).home
    if split == DEMO:
        return _demo_data(home)
    return _release_data(home)


def data_to_read(split: str) -> Prepared:
    """The same for commands that only read: the demo's data, where CROSS_HOME can't be written, for this process.

    Raises:
        NotPreparedError: nothing is prepared.
    """
    settings = load_settings()
    try:
        return data_for(split, settings)
    except SettingsError:
        if split != DEMO:
            raise
    with _MAKING:
        return _passing_demo_data()


def rubric_for(split: str, settings: Settings) -> Rubric:
    """The rubric that a split's answers are judged by.

    Raises:
        NotPreparedError: the official rubric is asked for, and nothing is prepared.
    """
    name = settings.judge_rubric
    if name == "native" or (name is None and split == DEMO):
        return load_native_rubric()
    return _release_data(settings.home).rubric


def job_for(
    sample: Sample, response: str, settings: Settings, repeat: int = 0, dimensions: Dimensions = DIMENSIONS
) -> Job:
    """An answer to be judged by the rubric and the pictures in force.

    Raises:
        NotPreparedError: the data are not prepared.
    """
    split = split_of(sample)
    rubric, images = rubric_for(split, settings), data_for(split, settings).images
    return Job(sample, response, rubric, images.read, repeat, dimensions)


def provenance_for(split: str, settings: Settings | None = None) -> Provenance:
    """What judges a split's answers, with which rubric, on which data; every result says so."""
    settings = settings or load_settings()
    data, rubric, judge = data_for(split, settings), rubric_for(split, settings), judge_identity(settings)
    return Provenance(
        judge=judge.kind,
        judge_id=judge.id,
        judge_model=judge.model,
        rubric=rubric.name,
        rubric_sha256=rubric.sha256,
        profile=judge.profile,
        request=judge.request,
        data_sha256=data.manifest.sha256[split],
        partial=data.manifest.is_partial(split),
        versions={**_versions(), **_assumed(settings)},
    )


class PendingItem(dict[str, Any]):
    """A dict that is empty until its answer is judged, and then for ever full.

    lmms-eval takes it from `process_results` before the judge has spoken. Pickling it, which is how lmms-eval
    brings ranks together, waits and gives a plain dict.
    """

    futures: "Sequence[Future[None]]"
    """One a round."""
    judging: JudgeSession

    def settle(self) -> None:
        """Wait until the item is full."""
        self.judging.drain(show_progress=os.environ.get("RANK", "0") == "0")
        for future in self.futures:
            future.result()

    def __reduce__(self) -> tuple[type, tuple[dict[str, Any]]]:
        self.settle()
        return dict, (dict(self),)


def submit(
    sample: Sample, response: str, judging: JudgeSession | None = None, run: str | None = None
) -> dict[str, PendingItem]:
    """`submit_rounds` of one answer of which nothing else is known."""
    return submit_rounds(sample, [Response(response)], judging, run)


def submit_rounds(
    sample: Sample, responses: Sequence[Response], judging: JudgeSession | None = None, run: str | None = None
) -> dict[str, PendingItem]:
    """Hand a sample's answers to the judge; the items fill when their verdicts come.

    Args:
        sample: what was asked.
        responses: what the model answered, once a round.
        judging: who is asked, by default the process's own.
        run: what the responses are filed under in the ledger, by default the run in progress.

    Returns:
        An item a metric, and the sample record under `cross`, over all rounds.
    """
    settings = load_settings()
    provenance, judging = provenance_for(split_of(sample), settings), judging or _judging(settings)
    items = {name: PendingItem() for name in (*METRICS, RECORD)}
    records: dict[int, dict[str, Any]] = {}

    def settled(place: int, record: Mapping[str, Any], outcomes: Outcomes) -> None:
        records[place] = judged(record, outcomes)
        if len(records) == len(responses):
            _fill(items, [records[number] for number in sorted(records)])

    futures: list[Future[None]] = []
    for place, response in enumerate(responses):
        record = open_record(sample, response.text, provenance, response.reasoning, response.generation, response.round)
        given = Given(name_of_round(run or run_id(), place + 1), sample.sample_id, response.text, record)
        job = job_for(sample, response.text, settings)
        futures.append(judging.submit(job, partial(settled, place, record), given))
    for item in items.values():
        item.futures, item.judging = futures, judging
    return items


def _fill(items: Mapping[str, PendingItem], records: Sequence[Mapping[str, Any]]) -> None:
    for name, item in {**items_over_rounds(records), RECORD: on_one_line(records)}.items():
        items[name].update(item)


def forget_data() -> None:
    """Look again for prepared data; for a new selection of tasks in a process that lives on."""
    _release_data.cache_clear()
    _demo_data.cache_clear()


def _judging(settings: Settings) -> JudgeSession:
    """The process's own; lmms-eval's threads ask for it all at once, and only the first may make it."""
    with _MAKING:
        return _one_judging(settings, run_id())


@cache
def _one_judging(settings: Settings, run: str) -> JudgeSession:
    """Opened without a question to the endpoint: the preflight has asked it, and the answers are made by now.

    Each of several rounds in a process is a run with a budget of its own.
    """
    return JudgeSession(settings, open_ledger(settings), note=_announced[0], run=run)


@cache
def _release_data(home: Path) -> Prepared:
    return require_prepared(home)


@cache
def _demo_data(home: Path) -> Prepared:
    # here, since it also loads what fetches data, which judging does without
    from lmms_eval_cross.data.demo_split import prepare_demo

    return prepare_demo(home)


@cache
def _passing_demo_data() -> Prepared:
    folder = tempfile.mkdtemp(prefix="cross-demo-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return _demo_data(Path(folder))


def _assumed(settings: Settings) -> dict[str, str]:
    """What nobody has looked at, and results have to say."""
    if any(judge.judge == "openai" and judge.judge_sees == "assume" for judge in settings.judges):
        return {"sight": "assumed"}
    return {}


@lru_cache(maxsize=1)
def _versions() -> dict[str, str]:
    return {
        "lmms_eval_cross": __version__,
        "reading": READING,
        "lmms_eval": _version("lmms-eval"),
        "openai": _version("openai"),
    }


def _version(distribution: str) -> str:
    try:
        return version(distribution)
    except PackageNotFoundError:
        return "unknown"
