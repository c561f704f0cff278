"""`--repeats`: every answer is judged, and what reads runs takes a sample's answers for rounds."""

import json
from pathlib import Path
from typing import Any

import pytest
from lmms_eval_cross.utils.answers import AllRounds
from lmms_eval_cross.utils.judging import coverage, mean

import lmms_eval_cross
from lmms_eval_cross import session
from lmms_eval_cross.benchmark.records import DIMENSIONS
from lmms_eval_cross.benchmark.splits import DEMO
from lmms_eval_cross.compare.inputs import load_side
from lmms_eval_cross.errors import RunError
from lmms_eval_cross.harness.answers_of_run import ledger_answers
from lmms_eval_cross.ledger.store import Ledger
from lmms_eval_cross.report.build import build_report
from lmms_eval_cross.runs.record_rounds import each_round, items_over_rounds, on_one_line, records_of
from lmms_eval_cross.runs.response import Response
from lmms_eval_cross.runs.run_rounds import load_as_one, load_rounds
from lmms_eval_cross.runs.sample_record import METRICS, RECORD, metric_items, read_record
from tests.command import cross as here
from tests.conftest import Run
from tests.runs import read_results, read_samples, samples_in

ANSWERS = Path(lmms_eval_cross.__file__).parent / "demo" / "responses"
ROUNDS = {1: "careful", 2: "careless", 3: "careless"}


@pytest.fixture(autouse=True)
def _offline(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CROSS_JUDGE", "offline")


def answers_of(name: str) -> dict[str, str]:
    rows = map(json.loads, (ANSWERS / f"{name}.jsonl").read_text(encoding="utf-8").splitlines())
    return {row["sample_id"]: row["response"] for row in rows}


@pytest.fixture
def responses(tmp_path: Path) -> Path:
    """One answer for every round, and one for the first alone."""
    rows = [{"sample_id": name, "response": text} for name, text in answers_of("careless").items()]
    rows += [{"sample_id": name, "response": text, "round": 1} for name, text in answers_of("careful").items()]
    file = tmp_path / "responses.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return file


def repeated(responses: Path, output: Path, *more: str) -> list[str]:
    model = ["--model", "cross_replay", "--model_args", f"responses={responses}", "--tasks", "cross_demo"]
    return [*model, "--repeats", "3", "--log_samples", "--output_path", str(output), *more]


def test_all_answers_are_judged_and_metrics_are_means_over_rounds(
    lmms_eval: Run, responses: Path, tmp_path: Path
) -> None:
    done = lmms_eval(*repeated(responses, tmp_path / "out"))
    assert done.returncode == 0, done.stderr
    assert "lmms-eval seeds all rounds once (0, 1234, 1234 for random, NumPy and torch)" in done.stderr
    results, lines = read_results(tmp_path / "out"), read_samples(tmp_path / "out")
    assert len(lines) == 12
    for line in lines:
        records = records_of(line[RECORD])
        assert [record["round"] for record in records] == [1, 2, 3]
        sample = line[RECORD]["sample_id"]
        assert [record["response"] for record in records] == [answers_of(ROUNDS[n])[sample] for n in ROUNDS]
        for name in DIMENSIONS:
            scores = [record["dimensions"][name]["score"] for record in records]
            assert line[name]["score"] == pytest.approx(100 * sum(scores) / 3)
    for name in METRICS:
        shown = [line[name]["score"] for line in lines]
        assert results["results"]["cross_demo"][f"{name},none"] == pytest.approx(sum(shown) / 12)
    assert results["configs"]["cross_demo"]["repeats"] == 3
    assert results["config"]["torch_seed"] == 1234

    one = load_as_one(tmp_path / "out")
    (model,) = build_report([one], min_coverage=90).models
    assert model.rounds == 3
    assert model.dimensions["awareness"].mean == pytest.approx(results["results"]["cross_demo"]["awareness,none"])
    side = load_side([tmp_path / "out"])
    assert len(side.rounds) == 3
    assert len(side.same_rounds) == 1, "rounds 2 and 3"


def test_kept_answers_go_on_with_the_round_that_is_missing(cross: Run, responses: Path, tmp_path: Path) -> None:
    """A chunk ends within the rounds of a sample."""
    done = cross("run", "--chunk", "5", "--", *repeated(responses, tmp_path / "out"))
    assert done.returncode == 0, done.stderr
    rounds = load_rounds(tmp_path / "out")
    for number, one in enumerate(rounds, start=1):
        said = {answer.sample.sample_id: answer.response for answer in one.answers}
        assert said == answers_of(ROUNDS[number])


def test_a_run_that_only_collected_answers_is_judged_round_by_round(
    lmms_eval: Run, responses: Path, tmp_path: Path
) -> None:
    done = lmms_eval(*repeated(responses, tmp_path / "out", "--predict_only"))
    assert done.returncode == 0, done.stderr
    result = here("judge", tmp_path / "out")
    assert result.exit_code == 0, result.output
    run = lmms_eval_cross.load_run(tmp_path / "out")
    assert [answer.round for answer in run.answers] == [1, 2, 3] * 12
    assert here("judge", tmp_path / "out").output.endswith("Nothing is new, so nothing was written.\n")


def test_rounds_of_run_are_made_by_one_process_with_a_seed_a_round(cross: Run, responses: Path, tmp_path: Path) -> None:
    arguments = [word for word in repeated(responses, tmp_path / "out") if word not in ("--repeats", "3")]
    done = cross("run", "--rounds", "2", "--chunk", "5", "--", *arguments, "--gen_kwargs", "temperature=1")
    assert done.returncode == 0, done.stderr
    rounds = load_rounds(tmp_path / "out")
    assert [run.name for run in rounds] == ["out/round-1", "out/round-2"]
    for number, run in enumerate(rounds, start=1):
        assert {answer.sample.sample_id: answer.response for answer in run.answers} == answers_of(ROUNDS[number])
        assert {answer.round for answer in run.answers} == {number}
        assert run.results["config"]["torch_seed"] == number
    assert done.stdout.count("Verbosity set to") == 1, "one process"
    again = cross("run", "--rounds", "2", "--", *arguments, "--gen_kwargs", "temperature=1")
    assert again.returncode == 0, again.stderr
    assert "Verbosity" not in again.stdout, "nothing is run again"


# ---- without lmms-eval ----------------------------------------------------------------------------------------------


def three_rounds(run: str | None = None) -> list[dict[str, session.PendingItem]]:
    items = []
    for sample in samples_in(session.data_for(DEMO)):
        texts = [answers_of(name)[sample.sample_id] for name in ROUNDS.values()]
        responses = [Response(text, round=number) for number, text in enumerate(texts, start=1)]
        items.append(session.submit_rounds(sample, responses, run=run))
    return items


def test_the_same_answer_in_two_rounds_is_two_answers_of_a_crashed_run(bare_environment: Path) -> None:
    for items in three_rounds("crashed"):
        items["coverage"].settle()
    with pytest.raises(RunError, match="no answers of run crash;"):
        ledger_answers(Ledger(bare_environment / "ledger.sqlite"), ["crash"])
    (answers,) = ledger_answers(Ledger(bare_environment / "ledger.sqlite"), ["crashed"]).values()
    assert [answer.response.round for answer in answers] == [1, 2, 3] * 12
    result = here("judge", "--run", "crashed", "-o", bare_environment / "judged")
    assert result.exit_code == 0, result.output
    assert [len(run.answers) for run in load_rounds(bare_environment / "judged")] == [12, 12, 12]


@pytest.mark.long
def test_a_failed_round_has_no_part_in_the_mean(capsys: pytest.CaptureFixture[str]) -> None:
    sample = samples_in(session.data_for(DEMO))[0]
    text = answers_of("careful")[sample.sample_id]
    items = session.submit_rounds(sample, [Response(text, round=1), Response("", round=2)])
    assert mean([items["awareness"]]) == metric_items(records_of(dict(items[RECORD]))[0])["awareness"]["score"]
    assert coverage([items["coverage"]]) == 50
    assert "Of 2 answers some have no verdict" in capsys.readouterr().err
    both_failed = items_over_rounds([records_of(items[RECORD])[1]] * 2)
    assert both_failed["awareness"]["failure"] == "no_response"
    assert len(list(each_round([both_failed["awareness"]]))) == 2


def test_one_round_is_written_as_ever_and_read_as_the_first() -> None:
    sample = samples_in(session.data_for(DEMO))[0]
    items = session.submit(sample, answers_of("careful")[sample.sample_id])
    items["coverage"].settle()
    record: dict[str, Any] = items[RECORD]
    assert "round" not in record
    assert on_one_line([record]) == record
    assert read_record(record).round == 1
    with pytest.raises(RunError, match="round is 0"):
        read_record(record | {"round": 0})
    assert AllRounds().apply([["a"], ["b", "c"]], None) == ["a", ["b", "c"]]
