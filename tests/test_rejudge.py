"""`lmms-eval-cross judge`: what has no verdict yet is judged later, elsewhere, and equals judging in the run."""

import json
import os
import random
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from lmms_eval_cross import session
from lmms_eval_cross.benchmark.splits import split_of
from lmms_eval_cross.cli import main
from lmms_eval_cross.data.prepared import Prepared
from lmms_eval_cross.data.preparing import prepare
from lmms_eval_cross.errors import RunError, SettingsError
from lmms_eval_cross.harness import results_files
from lmms_eval_cross.harness.finishing import judge_ledger_run, judge_run
from lmms_eval_cross.harness.results_files import clustered_stderr, task_results
from lmms_eval_cross.ledger.run_lines import runs_in
from lmms_eval_cross.ledger.steady import open_ledger
from lmms_eval_cross.ledger.store import RunNote
from lmms_eval_cross.report.model_names import model_name
from lmms_eval_cross.runs.run_files import load_run
from lmms_eval_cross.runs.scorecard import advice
from lmms_eval_cross.settings import load_settings
from tests.batch_server import BatchServer
from tests.conftest import Run
from tests.judge_server import Answer, Asked, JudgeServer, judge_by_answer
from tests.run_folders import predicted_rows
from tests.runs import METRICS, answer_for, read_results, read_samples, rows_of, samples_in, write_responses
from tests.terminal import new_terminal, read_terminal

pytestmark = pytest.mark.long

NO_TORCH = """
import sys
class Refuse:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {"torch", "lmms_eval", "datasets", "transformers", "accelerate"}:
            raise ImportError(f"{name} is not on this machine")
sys.meta_path.insert(0, Refuse())
from lmms_eval_cross.cli import main
main(sys.argv[1:])
"""


@pytest.fixture
def predicted(prepared: Prepared, tmp_path: Path) -> Path:
    """A run made with --predict_only, as lmms-eval writes it, but for what is never read."""
    folder, task = tmp_path / "predicted", "cross_safeworld"
    folder.mkdir()
    samples = samples_in(prepared, "safeworld_english")
    rows = predicted_rows((each, answer_for(each.sample_id)) for each in samples)
    lines = [{**row, "bypass": [[row["target"]], [row["filtered_resps"]]]} for row in rows]
    text = "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines)
    (folder / f"20250101_000000_samples_{task}.jsonl").write_text(text, encoding="utf-8")
    results = {"results": {task: {"alias": task, "bypass,none": 999}}, "group_subtasks": {task: []}}
    (folder / "20250101_000000_results.json").write_text(json.dumps(results), encoding="utf-8")
    return folder


def test_samples_of_other_data_are_refused_and_nothing_is_asked(
    predicted: Path, judged_by: JudgeServer, tmp_path: Path
) -> None:
    samples = next(predicted.glob("*.jsonl"))
    samples.write_text(samples.read_text(encoding="utf-8").replace('"target": "', '"target": "Not '), encoding="utf-8")
    with pytest.raises(RunError, match="is not the one in the data prepared here"):
        judge_run(predicted, tmp_path / "out")
    assert not judged_by.judged
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("command", ["report", "compare", "anchor build"])
def test_answers_that_are_not_judged_yet_are_to_be_judged_and_not_made_again(predicted: Path, command: str) -> None:
    runs = [str(predicted)] * (2 if command == "compare" else 1)
    result = CliRunner().invoke(main, [*command.split(), *runs])
    assert result.exit_code == 2
    told = f"The answers of predicted are not judged yet; type `lmms-eval-cross judge {predicted}` first."
    assert result.stderr == f"lmms-eval-cross: {told}\n"


def test_verdicts_of_two_judges_are_never_mixed(
    predicted: Path, judged_by: JudgeServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    judge_run(predicted)
    judged_by.models = ("gpt-4o-2024-08-06", "other")
    monkeypatch.setenv("CROSS_JUDGE_MODEL", "other")
    asked = len(judged_by.judged)
    with pytest.raises(RunError, match="judge_id 'gpt-4o-2024-08-06', and the settings in force say 'other'"):
        judge_run(predicted)
    assert len(judged_by.judged) == asked


def test_a_judged_run_is_judged_anew_by_another_judge_into_a_folder_of_its_own(
    predicted: Path, judged_by: JudgeServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    judge_run(predicted)
    before = {path: path.read_bytes() for path in predicted.iterdir()}
    asked = len(judged_by.judged)
    judged_by.models = ("gpt-4o-2024-08-06", "other")
    monkeypatch.setenv("CROSS_JUDGE_MODEL", "other")
    refused = CliRunner().invoke(main, ["judge", str(predicted), "--anew"])
    assert (refused.exit_code, "give -o" in refused.output) == (2, True)
    for _ in range(2):
        done = CliRunner().invoke(main, ["judge", str(predicted), "--anew", "-o", str(tmp_path / "other")])
        assert done.exit_code == 0, done.output
        assert len(judged_by.judged) == 2 * asked, "and what is paid for once is not asked again"
    assert {answer.provenance.judge_id for answer in load_run(tmp_path / "other").answers} == {"other"}
    assert before == {path: path.read_bytes() for path in predicted.iterdir()}
    agreed = CliRunner().invoke(main, ["agree", str(predicted), str(tmp_path / "other")])
    assert agreed.exit_code == 0, agreed.output


def test_a_judge_that_gave_no_verdict_stands_in_no_others_way(
    predicted: Path, judged_by: JudgeServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    judged_by.script = lambda _: Answer("I can't say.")
    assert judge_run(predicted).incomplete
    judged_by.script = judge_by_answer
    monkeypatch.setenv("CROSS_JUDGE_ID", "other")
    judged = judge_run(predicted)
    assert not judged.incomplete
    (told,) = {answer.provenance.judge_id for answer in load_run(predicted).answers}
    assert told == "other"


def test_a_folder_without_our_tasks_and_a_run_that_the_ledger_lacks_are_named(
    prepared: Prepared, tmp_path: Path
) -> None:
    (tmp_path / "20250101_000000_samples_mmmu_val.jsonl").write_text('{"doc_id": 0, "input": "x"}\n', encoding="utf-8")
    with pytest.raises(RunError, match="no samples of a CROSS task; its tasks are mmmu_val"):
        judge_run(tmp_path / "20250101_000000_samples_mmmu_val.jsonl")
    with pytest.raises(RunError, match="has no answers of run nobody"):
        judge_ledger_run(["nobody"], tmp_path / "out")


def test_failures_of_the_moment_are_asked_again_others_only_when_told_and_verdicts_never(
    predicted: Path, judged_by: JudgeServer
) -> None:
    def moody(asked: Asked) -> Answer:
        if asked.dimension == "Awareness":
            return Answer(status=403, error={"message": "not this one"})
        return Answer("I can't say.") if asked.dimension == "Education" else judge_by_answer(asked)

    judged_by.script = moody
    first = judge_run(predicted)
    assert first.incomplete == {"cross_safeworld"}
    cards = first.scorecards["cross_safeworld"]
    assert dict(cards["awareness"].failed) == {"unavailable": 9}
    assert cards["awareness"].mean is None
    assert (cards["awareness"].worst, cards["awareness"].best) == (0, 100)
    assert dict(cards["education"].failed) == {"unparsable": 9}
    assert (
        "(partial data; incomplete)"
        in json.loads(first.results_file.read_text())["results"]["cross_safeworld"]["alias"]
    )

    judged_by.script = judge_by_answer
    judged_by.asked.clear()
    second = judge_run(predicted)
    assert sorted({asked.dimension for asked in judged_by.judged}) == ["Awareness"]
    assert len(judged_by.judged) == 9
    assert second.results_file > first.results_file, "a later date, so that the newest is the last in order"

    judged_by.asked.clear()
    third = judge_run(predicted, retry_failed=True)
    assert [asked.dimension for asked in judged_by.judged] == ["Education"] * 9
    assert not third.incomplete
    assert first.results_file.is_file()


def test_cut_off_replies_are_asked_for_again_with_a_higher_limit_and_nothing_else_is(
    predicted: Path, judged_by: JudgeServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    def cut(asked: Asked) -> Answer:
        is_short = asked.body.get("max_tokens", 0) < 2000
        return (
            Answer("The norm", finish_reason="length")
            if is_short and asked.dimension == "Awareness"
            else judge_by_answer(asked)
        )

    judged_by.script = cut
    first = judge_run(predicted)
    assert dict(first.scorecards["cross_safeworld"]["awareness"].failed) == {"truncated": 9}
    assert "CROSS_JUDGE_MAX_TOKENS=N" in advice(first.missing, "RUN")
    judged_by.asked.clear()
    monkeypatch.setenv("CROSS_JUDGE_MAX_TOKENS", "2000")
    second = judge_run(predicted)
    assert [asked.dimension for asked in judged_by.judged] == ["Awareness"] * 9
    assert not second.incomplete
    rows = [json.loads(line) for line in sorted(predicted.glob("*_samples_*.jsonl"))[-1].read_text().splitlines()]
    assert {row["cross"]["provenance"]["request"]["max_tokens"] for row in rows} == {2000}
    monkeypatch.setenv("CROSS_JUDGE_MAX_TOKENS", "1000")
    with pytest.raises(RunError, match="verdicts of two judges are never mixed"):
        judge_run(predicted)


def test_judging_again_names_what_may_help_and_writes_nothing_where_nothing_is_new(
    predicted: Path, judged_by: JudgeServer, cross: Run
) -> None:
    judged_by.script = lambda _: Answer("I can't say.")
    first = cross("judge", str(predicted))
    asked, files = len(judged_by.judged), sorted(predicted.iterdir())
    again = cross("judge", str(predicted))
    for done in (first, again):
        assert done.returncode == 3
        assert "Most often: " in done.stdout
        assert f"`lmms-eval-cross judge {predicted} --retry-failed` asks once more." in done.stdout
    assert "Written: " in first.stdout
    assert "Nothing is new, so nothing was written." in again.stdout
    assert (len(judged_by.judged), sorted(predicted.iterdir())) == (asked, files)
    copied = cross("judge", str(predicted), "-o", str(predicted.parent / "copy"))
    assert "Written: " in copied.stdout, "a folder that is named is filled"

    judged_by.script = judge_by_answer
    assert "Written: " in cross("judge", str(predicted), "--retry-failed").stdout


def test_another_machine_judges_without_the_first_ones_ledger_and_pays_for_no_verdict_twice(
    predicted: Path, judged_by: JudgeServer, standin: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    judged_by.script = lambda asked: Answer("No idea.") if asked.dimension == "Awareness" else judge_by_answer(asked)
    judge_run(predicted)
    elsewhere = tmp_path / "elsewhere"
    prepare(elsewhere, str(standin), say=lambda _: None)
    monkeypatch.setenv("CROSS_HOME", str(elsewhere))
    judged_by.script = judge_by_answer
    judged_by.asked.clear()
    assert not judge_run(predicted, retry_failed=True).incomplete
    assert {asked.dimension for asked in judged_by.judged} == {"Awareness"}


def test_a_crashed_run_is_judged_from_what_it_left_in_the_ledger(
    prepared: Prepared, judged_by: JudgeServer, tmp_path: Path
) -> None:
    ledger = open_ledger(load_settings())
    for number, sample in enumerate(samples_in(prepared)):
        record = session.open_record(sample, "Half \ud83d of it.", session.provenance_for(split_of(sample)))
        ledger.record_response(f"rank {number % 2}", sample.sample_id, record["response"], record)
    ledger.close()
    judged = judge_ledger_run(["rank 0", "rank 1"], tmp_path / "out")
    assert not judged.incomplete
    assert {task: cards["awareness"].n for task, cards in judged.scorecards.items()} == {
        "cross_casa": 27,
        "cross_casa_multilingual": 9,
        "cross_safeworld": 9,
        "cross_safeworld_multilingual": 3,
    }
    assert len(judged_by.judged) == 4 * 48
    assert load_run(tmp_path / "out").model == "run rank 0", "nothing was noted of it"


def test_a_crashed_run_keeps_the_model_that_it_noted(
    prepared: Prepared, judged_by: JudgeServer, tmp_path: Path
) -> None:
    with closing(open_ledger(load_settings())) as ledger:
        sample = samples_in(prepared)[0]
        record = session.open_record(sample, "An answer.", session.provenance_for(split_of(sample)))
        ledger.record_response("crashed", sample.sample_id, record["response"], record)
        ledger.record_run("crashed", "judge-1", RunNote())
        ledger.record_run(
            "crashed", "judge-2", RunNote("qwen2_5_vl Qwen/Qwen2.5-VL-7B-Instruct", "cross_casa", "runs/a")
        )
    judge_ledger_run(["crashed"], tmp_path / "out")
    run = load_run(tmp_path / "out")
    assert run.model == "qwen2_5_vl Qwen/Qwen2.5-VL-7B-Instruct"
    assert model_name(run.results) == run.model, "what the report shows"


def test_two_commands_that_write_at_one_moment_are_told_apart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(results_files, "_free_stamp", lambda *_: "20260101_000000")
    first = results_files.write_run(tmp_path, {"results": {}}, {"cross_demo": []}, {})
    with pytest.raises(RunError, match=f"Another command wrote a run into {tmp_path} at this moment; judge again"):
        results_files.write_run(tmp_path, {"results": {}}, {"cross_demo": []}, {})
    assert sorted(tmp_path.glob("*_results.json")) == [first]


def test_clustered_errors_are_those_of_lmms_eval() -> None:
    from lmms_eval.api.metrics import clustered_stderr as theirs

    draw = random.Random(7)
    for size in (2, 3, 12, 300):
        scores = [100.0 * draw.randrange(2) for _ in range(size)]
        clusters = [f"norm {draw.randrange(max(2, size // 3))}" for _ in range(size)]
        clusters[:2] = ["norm 0", "norm 1"]
        assert clustered_stderr(scores, clusters) == pytest.approx(theirs(scores, clusters), rel=1e-12)
    assert clustered_stderr([100.0, 0.0], ["one", "one"]) == "N/A"


def test_without_a_single_score_there_is_no_mean_and_no_error() -> None:
    item = {"norm_id": "x", "failure": "unavailable"}
    row = {**dict.fromkeys(METRICS, item), "coverage": {"norm_id": "x", "score": 0.0}}
    entry = task_results("t", [row])
    assert entry["compliance,none"] is None
    assert entry["compliance_stderr_clustered,none"] == "N/A"
    assert entry["coverage,none"] == 0


def test_judged_later_without_torch_equals_judged_in_the_run(
    prepared: Prepared, judged_by: JudgeServer, lmms_eval: Run, run: Run, tmp_path: Path
) -> None:
    responses = write_responses(tmp_path / "responses.jsonl", [row["sample_id"] for row in rows_of(prepared)])
    text = responses.read_text(encoding="utf-8")
    responses.write_text(text.replace("the plain one", "the \\ud83d plain one", 1), encoding="utf-8")
    model = ["--model", "cross_replay", "--model_args", f"responses={responses}", "--tasks", "cross", "--log_samples"]
    for name, *more in (["within"], ["predicted", "--predict_only"]):
        done = lmms_eval(*model, "--output_path", str(tmp_path / name), *more)
        assert done.returncode == 0, done.stderr
    paid = len(judged_by.judged)
    (tmp_path / "cross-home" / "ledger.sqlite").unlink()
    later = run(sys.executable, "-c", NO_TORCH, "judge", str(tmp_path / "predicted"), "-o", str(tmp_path / "later"))
    assert later.returncode == 0, later.stdout + later.stderr
    assert len(judged_by.judged) == 2 * paid

    within, after = read_results(tmp_path / "within"), read_results(tmp_path / "later")
    for section in ("results", "groups"):
        assert set(after[section]) == set(within[section])
        for name, entry in within[section].items():
            assert rounded(after[section][name]) == rounded(entry), name
    for section in ("higher_is_better", "n-samples", "versions", "n-shot", "group_subtasks"):
        assert after[section] == within[section], section
    metadata = {task: config["metadata"] for task, config in within["configs"].items()}
    assert {task: config["metadata"] for task, config in after["configs"].items()} == metadata

    def by_id(folder: Path) -> dict[str, dict[str, Any]]:
        return {row["cross"]["sample_id"]: row for row in read_samples(folder)}

    assert by_id(tmp_path / "later") == by_id(tmp_path / "within")
    assert len(by_id(tmp_path / "within")) == 48, "the lone surrogate did not end the samples file"


def rounded(entry: dict[str, Any]) -> dict[str, Any]:
    return {name: round(value, 9) if isinstance(value, float) else value for name, value in entry.items()}


def test_a_batch_gives_the_run_that_single_calls_give(
    predicted: Path, standin: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("lmms_eval_cross.judge.batch_api.time.sleep", lambda seconds: None)
    monkeypatch.setenv("CROSS_JUDGE_API_KEY", "sk-test")
    with BatchServer() as server:
        monkeypatch.setenv("CROSS_JUDGE_BASE_URL", server.url)
        in_batch = judge_run(predicted, tmp_path / "batch", batch=True)
    with closing(open_ledger(load_settings())) as ledger:
        (line,) = runs_in(ledger)
    assert (line.verdicts, line.folder) == (len(server.paid), "batch")
    assert line.tasks is not None
    assert set(line.tasks.split(",")) == in_batch.scorecards.keys()
    assert len(server.paid) == 4 * sum(cards["compliance"].n for cards in in_batch.scorecards.values())
    monkeypatch.setenv("CROSS_HOME", str(tmp_path / "other-home"))
    prepare(tmp_path / "other-home", str(standin), say=lambda _: None)
    with JudgeServer() as judge:
        monkeypatch.setenv("CROSS_JUDGE_BASE_URL", judge.url)
        one_by_one = judge_run(predicted, tmp_path / "single")
    assert in_batch.scorecards == one_by_one.scorecards
    assert not in_batch.incomplete


def test_the_offline_judge_has_no_batch(predicted: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("CROSS_JUDGE", "offline")
    with pytest.raises(SettingsError, match="leave --batch away"):
        judge_run(predicted, tmp_path / "batch", batch=True)


def test_a_terminal_shows_one_bar_of_judging_however_many_answers_there_are(
    predicted: Path, judged_by: JudgeServer
) -> None:
    ours, theirs = new_terminal(100)
    command = [sys.executable, "-m", "lmms_eval_cross", "judge", str(predicted)]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=theirs) as judging:
        os.close(theirs)
        shown = "".join(read_terminal(ours))
    assert judging.returncode == 0, shown
    assert judged_by.judged
    closed = [bar for bar in shown.split("\n") if "Judging" in bar]
    assert len(closed) == 1, shown
