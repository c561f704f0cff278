"""`lmms-eval-cross run`: exit codes that can be believed, folders that don't collide, answers that outlive a crash."""

import json
import os
import subprocess
import sys
import time
from contextlib import closing
from io import StringIO
from pathlib import Path
from typing import Any

import pytest

from lmms_eval_cross.benchmark.records import DIMENSIONS, JudgeFailure, Verdict
from lmms_eval_cross.data.demo_split import prepare_demo
from lmms_eval_cross.errors import RunError, SettingsError
from lmms_eval_cross.harness import kept_answers
from lmms_eval_cross.harness.kept_answers import KeptAnswers, claimed, generate_in_chunks, model_identity
from lmms_eval_cross.harness.lmms_eval_arguments import option
from lmms_eval_cross.harness.run_command import command, fresh_folder, judge_ending
from lmms_eval_cross.ledger.steady import open_ledger
from lmms_eval_cross.settings import load_settings
from tests.conftest import Run
from tests.run_folders import make_run, save_run
from tests.runs import rows_of, write_responses
from tests.samples import make_sample


class Request:
    """What is read of lmms-eval's Instance."""

    def __init__(self, doc_id: int, prompt: str = "Which one?", task: str = "other_task") -> None:
        self.task_name, self.doc_id, self.idx = task, doc_id, 0
        self.args = (prompt, {"temperature": 0, "until": []}, print, doc_id, task, "test")


class Model:
    """Answers, and stops working after some calls."""

    def __init__(self, calls: int = 1000) -> None:
        self.calls = calls
        self.asked: list[int] = []

    def generate_until(self, requests: list[Any]) -> list[Any]:
        if not self.calls:
            raise MemoryError
        self.calls -= 1
        self.asked += [request.doc_id for request in requests]
        return [f"Answer {request.doc_id} \ud83d" for request in requests]


REQUESTS = [Request(number) for number in range(10)]
ANSWERS = [f"Answer {number} \ud83d" for number in range(10)]


def test_a_crash_costs_one_chunk_and_the_rest_is_not_generated_again(tmp_path: Path) -> None:
    first, second = Model(calls=3), Model()
    with pytest.raises(MemoryError):
        generate_in_chunks(first.generate_until, REQUESTS, KeptAnswers(tmp_path), "m", 3)
    assert generate_in_chunks(second.generate_until, REQUESTS, KeptAnswers(tmp_path), "m", 3) == ANSWERS
    assert first.asked == list(range(9))
    assert second.asked == [9]


def test_a_bar_counts_the_answers_of_all_chunks_and_those_of_an_earlier_try(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(MemoryError):
        generate_in_chunks(Model(calls=1).generate_until, REQUESTS, KeptAnswers(tmp_path), "m", 4)
    terminal = StringIO()
    monkeypatch.setattr(terminal, "isatty", lambda: True)
    monkeypatch.setattr("sys.stderr", terminal)
    generate_in_chunks(Model().generate_until, REQUESTS, KeptAnswers(tmp_path), "m", 4)
    shown = terminal.getvalue()
    assert shown.count("\n") == 2, "the sentence about the earlier try, and one bar"
    assert "4/10" in shown
    assert "10/10" in shown


def test_half_a_line_of_a_killed_process_is_passed_over(tmp_path: Path) -> None:
    generate_in_chunks(Model().generate_until, REQUESTS, KeptAnswers(tmp_path), "m", 4)
    (file,) = tmp_path.glob("*.jsonl")
    file.write_text(file.read_text(encoding="ascii")[:-20], encoding="ascii")
    again = Model()
    assert generate_in_chunks(again.generate_until, REQUESTS, KeptAnswers(tmp_path), "m", 4) == ANSWERS
    assert again.asked == [9]
    assert generate_in_chunks(Model(calls=0).generate_until, REQUESTS, KeptAnswers(tmp_path), "m", 4) == ANSWERS


def test_other_models_prompts_and_settings_are_other_answers(tmp_path: Path) -> None:
    generate_in_chunks(Model().generate_until, REQUESTS, KeptAnswers(tmp_path), "m", 4)
    for model, requests in (("n", REQUESTS), ("m", [Request(number, "Which two?") for number in range(10)])):
        again = Model()
        generate_in_chunks(again.generate_until, requests, KeptAnswers(tmp_path), model, 4)
        assert len(again.asked) == 10


def test_a_checkpoint_that_was_trained_on_is_another_model(tmp_path: Path) -> None:
    weights = tmp_path / "model.safetensors"
    weights.write_bytes(b"1")
    before = model_identity(Model, f"pretrained={tmp_path},device=cpu")
    assert model_identity(Model, f"pretrained={tmp_path},device=cpu") == before
    weights.write_bytes(b"12")
    assert model_identity(Model, f"pretrained={tmp_path},device=cpu") != before


def test_failed_generations_are_not_kept(tmp_path: Path) -> None:
    failed = "[LMMS_EVAL_REQUEST_FAILED after 5 retries] timeout"
    generate_in_chunks(lambda requests: [failed] * len(requests), REQUESTS, KeptAnswers(tmp_path), "m", 4)
    again = Model()
    assert generate_in_chunks(again.generate_until, REQUESTS, KeptAnswers(tmp_path), "m", 4) == ANSWERS


def test_equal_requests_are_answered_each_for_itself(tmp_path: Path) -> None:
    numbers = iter(range(6))
    answers = generate_in_chunks(
        lambda requests: [str(next(numbers)) for _ in requests], [REQUESTS[0]] * 3, KeptAnswers(tmp_path), "m", 2
    )
    assert answers == ["0", "1", "2"]


def test_token_counts_come_back_as_the_model_gave_them(tmp_path: Path) -> None:
    from lmms_eval.api.instance import GenerationResult, TokenCounts

    given = GenerationResult("Yes.", TokenCounts(input_tokens=3, output_tokens=1))
    generate_in_chunks(lambda _: [given], [REQUESTS[0]], KeptAnswers(tmp_path), "m", 1)
    assert generate_in_chunks(lambda _: [], [REQUESTS[0]], KeptAnswers(tmp_path), "m", 1) == [given]


def test_a_full_disk_costs_a_sentence_and_not_the_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").touch()
    kept = KeptAnswers(tmp_path / "file" / "below")
    assert generate_in_chunks(Model().generate_until, REQUESTS, kept, "m", 10) == ANSWERS
    assert "10 answers can't be kept" in capsys.readouterr().err


def test_two_runs_of_one_command_at_once_share_no_answers_and_each_finds_its_own_again(tmp_path: Path) -> None:
    with claimed(tmp_path, "run", tmp_path / "none") as first, claimed(tmp_path, "run", tmp_path / "none") as second:
        assert first != second
        KeptAnswers(first).keep({"key": ["of the first", None]})
        KeptAnswers(second).keep({"key": ["of the second", None]})
    with claimed(tmp_path, "run", tmp_path / "none") as first, claimed(tmp_path, "run", tmp_path / "none") as second:
        kept = [KeptAnswers(folder).of_earlier_tries["key"][0] for folder in (first, second)]
    assert kept == ["of the first", "of the second"]


def test_answers_that_an_earlier_release_kept_go_to_the_first_run_that_asks(tmp_path: Path) -> None:
    earlier = tmp_path / "earlier"
    KeptAnswers(earlier).keep({"key": ["kept", None]})
    with claimed(tmp_path, "run", earlier) as first, claimed(tmp_path, "round", earlier) as second:
        assert KeptAnswers(first).of_earlier_tries == {"key": ["kept", None]}
        assert KeptAnswers(second).of_earlier_tries == {}


def test_a_run_that_wrote_all_its_answers_leaves_none_to_the_next_though_the_judge_died(tmp_path: Path) -> None:
    scored = {name: Verdict(name, 1, "Yes.", "judge-1") for name in DIMENSIONS}
    unjudged = {**scored, "awareness": JudgeFailure("awareness", "unavailable", "The judge is away.", None, "judge-1")}
    for name, outcomes, code in (("judged", scored, 0), ("unjudged", unjudged, 3)):
        save_run(make_run(name, [(make_sample("Japan_1"), "An answer.", outcomes)]), tmp_path / name)
        ending = judge_ending(0, tmp_path / name, "id", load_settings())
        assert (ending.exit_code, ending.whole) == (code, True)
    crashed = judge_ending(0, tmp_path / "nothing", "id", load_settings(), kept=True)
    assert not crashed.whole
    assert "run the same command again, which goes on from the answers that it kept" in crashed.sentence


def test_who_ends_the_run_ends_lmms_eval_with_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    child = "import os, pathlib, time; pathlib.Path('pid').write_text(str(os.getpid())); time.sleep(60)"
    arguments = [sys.executable, "-m", "lmms_eval_cross", "run", "--", sys.executable, "-c", child]
    with subprocess.Popen(arguments, stderr=subprocess.PIPE, text=True) as run:
        while not (tmp_path / "pid").is_file() or not (tmp_path / "pid").read_text(encoding="ascii"):
            assert run.poll() is None
            time.sleep(0.05)
        run.terminate()
        _, stderr = run.communicate(timeout=30)
    assert run.returncode == 3
    assert "was ended by signal 15" in stderr
    with pytest.raises(ProcessLookupError):
        os.kill(int((tmp_path / "pid").read_text(encoding="ascii")), 0)


def test_a_folder_that_is_there_gets_dated_ones_below_it(tmp_path: Path) -> None:
    folders = [fresh_folder(tmp_path / "runs" / "a") for _ in range(3)]
    assert len(set(folders)) == 3
    assert folders[0] == tmp_path / "runs" / "a"
    assert {folder.parent for folder in folders[1:]} == {folders[0]}
    (tmp_path / "taken").touch()
    with pytest.raises(RunError, match="can't be made"):
        fresh_folder(tmp_path / "taken")


def test_arguments_and_launchers_become_a_command() -> None:
    with pytest.raises(SettingsError, match="nothing to run"):
        command([], Path("o"))
    plain = command(["--model", "m", "--output_path", "there", "--tasks", "t"], Path("o"))
    assert plain == [
        sys.executable,
        "-m",
        "lmms_eval_cross.harness.lmms_eval_main",
        "--model",
        "m",
        "--tasks",
        "t",
        "--output_path",
        "o",
        "--log_samples",
    ]
    launched = command(["torchrun", "-m", "lmms_eval", "--log_samples", "--output_path=there"], Path("o"))
    assert launched == ["torchrun", "-m", "lmms_eval", "--log_samples", "--output_path", "o"]
    assert option(["--output_path", "a", "--output_path=b"], "--output_path") == "b"


@pytest.mark.parametrize(("status", "code"), [(2, 2), (0, 3), (1, 3), (-9, 3)])
def test_a_run_that_wrote_nothing_is_no_result(tmp_path: Path, status: int, code: int) -> None:
    ending = judge_ending(status, tmp_path, "id", load_settings())
    assert ending.exit_code == code
    assert "judge --run" not in ending.sentence, "there is nothing to judge"
    assert not load_settings().home.exists(), "and no ledger is made to see that"
    with closing(open_ledger(load_settings())) as ledger:
        ledger.record_response("another", "sample", "answer", {})
        assert "judge --run" not in judge_ending(status, tmp_path, "id", load_settings()).sentence
        ledger.record_response("id", "sample", "answer", {})
    ending = judge_ending(status, tmp_path, "id", load_settings())
    assert code == 2 or "lmms-eval-cross judge --run id" in ending.sentence


DYING = """
import os, sys
sys.argv = ["lmms_eval", *sys.argv[1:]]
from lmms_eval_cross.models import cross_replay
whole = cross_replay.CrossReplay.generate_until
calls = []
def dies(self, requests):
    calls.append(requests)
    if len(calls) == 4:
        os.kill(os.getpid(), 9)
    return whole(self, requests)
cross_replay.CrossReplay.generate_until = dies
from lmms_eval.__main__ import cli_evaluate
cli_evaluate()
"""


def test_a_killed_model_exits_with_3_and_the_next_run_ends_with_0_and_generates_the_rest(
    cross: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, bare_environment: Path
) -> None:
    monkeypatch.setenv("CROSS_JUDGE", "offline")
    rows = rows_of(prepare_demo(bare_environment))
    responses = write_responses(tmp_path / "responses.jsonl", [row["sample_id"] for row in rows])
    dying = tmp_path / "dying.py"
    dying.write_text(DYING, encoding="utf-8")
    arguments = ["--model", "cross_replay", "--model_args", f"responses={responses}", "--tasks", "cross_demo"]
    told = ["run", "--chunk", "3", "--", sys.executable, str(dying), *arguments, "--output_path", str(tmp_path / "out")]
    killed = cross(*told)
    assert killed.returncode == 3, killed.stderr
    assert "signal 9" in killed.stderr

    dying.write_text(DYING.replace("len(calls) == 4", "len(calls) == 2"), encoding="utf-8")
    whole = cross(*told)
    assert whole.returncode == 0, whole.stderr
    assert "9 of 12 answers were kept" in whole.stderr
    (results,) = (tmp_path / "out").rglob("*_results.json")
    assert results.parent == tmp_path / "out", "the killed run left no folder behind"
    assert json.loads(results.read_text(encoding="utf-8"))["results"]["cross_demo"]["coverage,none"] == 100
    assert not list((bare_environment / "answers").glob("*/*")), "a run that ends well answers no later one"


def test_a_dead_judge_exits_with_3_and_says_what_finishes_the_job(cross: Run, tmp_path: Path, judged_by: Any) -> None:
    from tests.judge_server import Answer

    judged_by.script = lambda _: Answer(status=401, error={"message": "expired"})
    responses = cross("demo-responses", "careful").stdout.strip()
    arguments = ["--model", "cross_replay", "--model_args", f"responses={responses}", "--tasks", "cross_demo"]
    done = cross("run", "--", *arguments, "--output_path", str(tmp_path / "out"))
    assert done.returncode == 3, done.stderr
    assert f"`lmms-eval-cross judge {tmp_path / 'out'}` asks for the rest" in done.stderr
    assert "awareness (unavailable 12)" in done.stderr
    assert "Most often: Nothing more is asked of the judge: The endpoint answered 401: expired." in done.stderr
    assert "12 answers" in done.stderr


def test_replies_without_a_score_are_answered_by_a_command_that_asks_for_them(
    cross: Run, tmp_path: Path, judged_by: Any
) -> None:
    from tests.judge_server import Answer

    judged_by.script = lambda _: Answer("I can't say.")
    responses = cross("demo-responses", "careful").stdout.strip()
    arguments = ["--model", "cross_replay", "--model_args", f"responses={responses}", "--tasks", "cross_demo"]
    done = cross("run", "--", *arguments, "--output_path", str(tmp_path / "out"))
    assert done.returncode == 3, done.stderr
    last = done.stderr.strip().splitlines()[-1]
    assert f"`lmms-eval-cross judge {tmp_path / 'out'} --retry-failed` asks once more." in last


@pytest.mark.parametrize("output", ["a/b/c", "there/already"])
def test_a_run_that_could_not_begin_says_so_and_leaves_no_folder(
    cross: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, output: str
) -> None:
    monkeypatch.setenv("CROSS_JUDGE", "offline")
    (tmp_path / "work" / "there" / "already").mkdir(parents=True)
    arguments = ["--model", "cross_replay", "--model_args", "responses=none.jsonl", "--tasks", "nonesuch"]
    done = cross("run", "--", *arguments, "--output_path", output)
    assert done.returncode == 3, done.stderr
    last = done.stderr.strip().splitlines()[-1]
    assert "lmms-eval ended with status 0 and wrote no whole run; it left no answers, so mend what it says" in last
    assert "; its last error: ValueError: Tasks not found: nonesuch." in last
    assert [path.relative_to(tmp_path / "work").as_posix() for path in sorted((tmp_path / "work").rglob("*"))] == [
        "there",
        "there/already",
    ]


def test_usage_exits_with_2(cross: Run) -> None:
    assert cross("run").returncode == 2
    assert kept_answers.CHUNK not in os.environ
