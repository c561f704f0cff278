"""Every way to the judge keeps the same rules: budget, patience, key, model, and what other hosts know already."""

import io
import json
from collections.abc import Callable, Iterator
from contextlib import redirect_stderr
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pytest
from lmms_eval_cross.utils.judging import mean, process_results

from lmms_eval_cross import judge_answers, session
from lmms_eval_cross.benchmark.records import Sample, Usage
from lmms_eval_cross.benchmark.splits import SPLITS
from lmms_eval_cross.data.prepared import Prepared
from lmms_eval_cross.errors import ending_with_a_sentence
from lmms_eval_cross.harness.preflight import check
from lmms_eval_cross.judge.prices import load_prices
from lmms_eval_cross.settings import load_settings
from tests.batch_server import BatchServer
from tests.command import compare, cross
from tests.judge_server import Answer
from tests.made_runs import write_run
from tests.run_folders import STAMP, predicted_rows, samples_file, write_rows
from tests.runs import answer_for, samples_in

TASK = "cross_safeworld"
SPLIT = SPLITS[TASK]
ONE_CALL = Usage(prompt_tokens=100, completion_tokens=20)
"""What the loopback judge bills."""


@dataclass(frozen=True)
class Place:
    """Where a path is taken, and what it starts from."""

    folder: Path
    prepared: Prepared

    @property
    def samples(self) -> list[Sample]:
        """Of the one task."""
        return samples_in(self.prepared, SPLIT)


@dataclass(frozen=True)
class Done:
    """What came of it."""

    exit_code: int
    output: str


def by_run(place: Place, name: str) -> Done:
    """The hooks that lmms-eval calls in a run; tests/test_end_to_end.py runs lmms-eval itself."""
    screen = io.StringIO()
    with redirect_stderr(screen):
        try:
            with ending_with_a_sentence():
                check({SPLIT})
        except SystemExit as end:
            return Done(int(str(end.code)), screen.getvalue())
        items = [process_results(each.to_row(), [answer_for(each.sample_id)])["coverage"] for each in place.samples]
        mean(items)
        session._judging(load_settings()).close()
        session._one_judging.cache_clear()
    return Done(0, screen.getvalue())


def by_judge(place: Place, name: str, *more: str) -> Done:
    predicted = place.folder / "predicted"
    predicted.mkdir(exist_ok=True)
    rows = predicted_rows((each, answer_for(each.sample_id)) for each in place.samples)
    write_rows(samples_file(predicted, TASK), rows)
    results = {"results": {TASK: {"alias": TASK}}}
    (predicted / f"{STAMP}_results.json").write_text(json.dumps(results), encoding="utf-8")
    result = cross("judge", predicted, "-o", place.folder / name, *more)
    return Done(result.exit_code, result.output)


def by_batch(place: Place, name: str) -> Done:
    return by_judge(place, name, "--batch")


def write_judged(place: Place, name: str, score: int) -> Path:
    """A run that another judge judged: of two splits, so that `compare` can decide; two samples are always good."""
    for split in ("casa_english", SPLIT):
        samples = [each for each in samples_in(place.prepared, split) if each.wording == 1]
        told = session.provenance_for(split)
        write_run(
            place.folder / name,
            samples,
            {each.sample_id: (1 if number < 2 else score,) * 4 for number, each in enumerate(samples)},
            responses={each.sample_id: answer_for(f"{name} {each.sample_id}") for each in samples},
            judge_id="before",
            judge_model="before",
            rubric_sha256=told.rubric_sha256,
            data_sha256=told.data_sha256,
        )
    return place.folder / name


def by_confirm(place: Place, name: str) -> Done:
    sides = [write_judged(place, side, score) for side, score in (("kind", 1), ("rude", 0))]
    result = compare(*sides, "--confirm", 1, "--second-judge")
    return Done(result.exit_code, result.output)


def by_anchor(place: Place, name: str) -> Done:
    anchor = place.folder / "anchor.json"
    cross("anchor", "build", write_judged(place, "drawn-from", 1), "-o", anchor)
    result = cross("anchor", "judge", anchor, "-o", place.folder / f"{name}.json")
    return Done(result.exit_code, result.output)


def by_api(place: Place, name: str) -> Done:
    screen = io.StringIO()
    with redirect_stderr(screen):
        try:
            with ending_with_a_sentence():
                judge_answers(place.samples, [answer_for(each.sample_id) for each in place.samples])
        except SystemExit as end:
            return Done(int(str(end.code)), screen.getvalue())
    return Done(0, screen.getvalue())


Way = Callable[[Place, str], Done]
FINISHES: Final[dict[Way, str]] = {
    by_run: "`lmms-eval-cross judge RUN`",
    by_judge: "`lmms-eval-cross judge RUN`",
    by_batch: "`lmms-eval-cross judge RUN`",
    by_confirm: "The same `compare ... --confirm` asks for the rest later.",
    by_anchor: "The same `anchor judge` asks for the rest later.",
    by_api: "judge_answers, called again, asks for the rest.",
}
"""What to type for the rest, where the budget is spent."""
EVERY_PATH = pytest.mark.parametrize(
    "judge",
    [
        pytest.param(by_run, id="run"),
        pytest.param(by_judge, id="judge"),
        pytest.param(by_batch, id="judge --batch"),
        pytest.param(by_confirm, id="compare --confirm"),
        pytest.param(by_anchor, id="anchor judge"),
        pytest.param(by_api, id="judge_answers"),
    ],
)


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[BatchServer]:
    """A judge with a Batch API, in force."""
    monkeypatch.setattr("lmms_eval_cross.judge.batch_api.POLL_SECONDS", 0.01)
    monkeypatch.setenv("CROSS_JUDGE_API_KEY", "sk-test")
    with BatchServer() as started:
        monkeypatch.setenv("CROSS_JUDGE_BASE_URL", started.url)
        yield started


@pytest.fixture
def place(prepared: Prepared, tmp_path: Path) -> Place:
    return Place(tmp_path, prepared)


@pytest.mark.long
@EVERY_PATH
def test_no_path_spends_more_than_the_budget(
    judge: Way, server: BatchServer, place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CROSS_JUDGE_BUDGET_USD", "0.01")
    done = judge(place, "out")
    assert "The budget of $0.01 (CROSS_JUDGE_BUDGET_USD) is spent" in done.output
    assert FINISHES[judge] in done.output
    assert sum(way in done.output for way in set(FINISHES.values())) == 1, "its own way alone"
    prices = load_prices()
    price = prices.find("gpt-4o-2024-08-06")
    assert price is not None
    paid = price.usd(ONE_CALL) * (len(server.judged) + prices.batch * len(server.paid))
    assert 0 < paid <= 0.01
    assert len(server.judged) + len(server.paid) < 4 * len(place.samples)


@pytest.mark.long
@EVERY_PATH
def test_no_path_asks_on_when_patience_is_over(
    judge: Way, server: BatchServer, place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CROSS_JUDGE_PATIENCE", "0.5")
    server.script = lambda _: Answer(status=503)
    server.expires = lambda _: True
    done = judge(place, "out")
    assert "The judge has not answered for 0.5 s (CROSS_JUDGE_PATIENCE); nothing more is asked." in done.output


@pytest.mark.long
@EVERY_PATH
def test_a_model_that_the_endpoint_lacks_is_named_before_anything_is_judged(
    judge: Way, server: BatchServer, place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CROSS_JUDGE_MODEL", "nobody")
    done = judge(place, "out")
    assert done.exit_code == 2
    assert "has no model 'nobody'" in done.output
    assert not server.judged
    assert not server.batches


@pytest.mark.long
@EVERY_PATH
def test_a_refused_key_is_named_before_anything_is_judged(judge: Way, server: BatchServer, place: Place) -> None:
    server.keys = {"sk-another"}
    done = judge(place, "out")
    assert done.exit_code == 2
    assert "refuses the key in CROSS_JUDGE_API_KEY" in done.output
    assert not server.judged
    assert not server.batches


@pytest.mark.long
@EVERY_PATH
def test_a_budget_without_a_price_is_refused_before_anything_is_judged(
    judge: Way, server: BatchServer, place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.models = ("unpriced",)
    monkeypatch.setenv("CROSS_JUDGE_MODEL", "unpriced")
    monkeypatch.setenv("CROSS_JUDGE_BUDGET_USD", "1")
    done = judge(place, "out")
    assert done.exit_code == 2
    assert "unpriced has no price" in done.output
    assert not server.judged
    assert not server.batches


@pytest.mark.long
@EVERY_PATH
def test_what_another_host_had_judged_is_paid_by_no_path_again(
    judge: Way, server: BatchServer, place: Place, bare_environment: Path
) -> None:
    judge(place, "first")
    paid = len(server.judged) + len(server.paid)
    assert paid >= 4 * len(place.samples)
    (bare_environment / "ledger.sqlite").rename(bare_environment / "ledger-other.sqlite")
    judge(place, "second")
    assert len(server.judged) + len(server.paid) == paid
