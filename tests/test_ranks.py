"""Several ranks: the scores of one process, every verdict on its own sample, and each paid once."""

import json
import subprocess
import sys
import threading
from collections import Counter
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from lmms_eval_cross.data.demo_split import prepare_demo
from lmms_eval_cross.data.prepared import Prepared
from lmms_eval_cross.ledger.address import Server
from lmms_eval_cross.ledger.hosts import ledger_paths
from lmms_eval_cross.ledger.spend import Budget
from lmms_eval_cross.ledger.store import Ledger
from lmms_eval_cross.runs.run_rounds import load_rounds
from tests.conftest import Run
from tests.judge_server import DIMENSIONS, Answer, Asked, JudgeServer, judge_by_answer
from tests.provider_server import Provider, Said
from tests.runs import TASKS, answer_for, read_results, read_samples, rows_of, write_responses
from tests.test_end_to_end import OFFICIAL, expected_means, expected_score

TORCHRUN = [sys.executable, "-m", "torch.distributed.run", "--nproc_per_node", "4", "--master_port", "29641"]
ACCELERATE = [sys.executable, "-m", "accelerate.commands.launch", "--multi_gpu", "--num_machines", "1"]
ACCELERATE += [
    "--num_processes",
    "2",
    "--mixed_precision",
    "no",
    "--dynamo_backend",
    "no",
    "--main_process_port",
    "29642",
]


@pytest.fixture
def arguments(prepared: Prepared, tmp_path: Path) -> list[str]:
    responses = write_responses(tmp_path / "responses.jsonl", [row["sample_id"] for row in rows_of(prepared)])
    model = ["-m", "lmms_eval", "--model", "cross_replay", "--model_args", f"responses={responses}"]
    return [*model, "--tasks", "cross", "--log_samples", "--output_path", str(tmp_path / "out")]


def assert_scored_as_in_one_process(folder: Path, prepared: Prepared) -> None:
    rows = rows_of(prepared)
    samples = read_samples(folder)
    assert Counter(row["cross"]["sample_id"] for row in samples) == Counter(row["sample_id"] for row in rows)
    for row in samples:
        record = row["cross"]
        assert record["response"] == answer_for(record["sample_id"])
        for name in OFFICIAL:
            assert record["dimensions"][name]["score"] == expected_score(name, record["sample_id"])
    results = read_results(folder)["results"]
    for task in TASKS:
        split = task.removeprefix("cross_")
        subset, _, setting = split.partition("_")
        own = [row for row in rows if row["subset"] == subset and row["setting"] == (setting or "english")]
        for name, mean in expected_means(own).items():
            assert results[task][f"{name},none"] == pytest.approx(mean)


def test_four_ranks_under_run_with_a_ledger_a_host(
    prepared: Prepared,
    arguments: list[str],
    judged_by: JudgeServer,
    cross: Run,
    tmp_path: Path,
    bare_environment: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("CROSS_LEDGER", "host")
    done = cross("run", "--chunk", "4", "--", *TORCHRUN, *arguments)
    assert done.returncode == 0, done.stderr
    assert_scored_as_in_one_process(tmp_path / "out", prepared)
    asked = Counter((asked.response, asked.dimension) for asked in judged_by.judged)
    rows = rows_of(prepared)
    assert asked == Counter((answer_for(row["sample_id"]), name) for row in rows for name in DIMENSIONS)
    (ledger,) = ledger_paths(bare_environment)
    assert ledger.name.startswith("ledger-")
    assert len(Ledger(ledger, "TRUNCATE").select("SELECT DISTINCT run FROM response")) == 1, "one id for all ranks"


def kill_rank(launcher: "subprocess.Popen[str]", rank: int) -> None:
    """Kill -9 one rank, upon which torchrun ends the others."""
    for process in psutil.Process(launcher.pid).children(recursive=True):
        if process.environ().get("RANK") == str(rank):
            process.kill()
            return
    raise AssertionError("there is no such rank")


def test_four_ranks_on_one_postgresql_pay_for_no_verdict_twice_though_one_is_killed(
    prepared: Prepared,
    arguments: list[str],
    judged_by: JudgeServer,
    cross: Run,
    tmp_path: Path,
    team: Server,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("CROSS_LEDGER_URL", team.url)
    monkeypatch.setenv("CROSS_JUDGE_CONCURRENCY", "4")
    enough = threading.Event()

    def script(asked: Asked) -> Answer:
        if len(judged_by.judged) >= 12:
            enough.set()
        return replace(judge_by_answer(asked), delay_seconds=0.2)

    judged_by.script = script
    command = [sys.executable, "-m", "lmms_eval_cross", "run", "--chunk", "4", "--", *TORCHRUN, *arguments]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, cwd=tmp_path) as launcher:
        assert enough.wait(240)
        kill_rank(launcher, 2)
        _, told = launcher.communicate(timeout=120)
    assert launcher.returncode == 3, told
    with closing(Ledger(team)) as ledger:
        kept = {row["key"] for row in ledger.select("SELECT key FROM verdict WHERE score IS NOT NULL")}
        ledger.change("UPDATE claim SET until = now()")  # as it is half a minute later
    assert len(kept) >= 12 - 4
    judged_by.script = judge_by_answer
    done = cross("run", "--chunk", "4", "--", *TORCHRUN, *arguments)
    assert done.returncode == 0, done.stderr
    assert_scored_as_in_one_process(tmp_path / "out", prepared)
    asked = Counter((asked.response, asked.dimension) for asked in judged_by.judged)
    rows = rows_of(prepared)
    assert asked.keys() == {(answer_for(row["sample_id"]), name) for row in rows for name in DIMENSIONS}
    assert asked.total() - len(asked) <= 4, "what was in flight is asked again, and nothing else"
    with closing(Ledger(team)) as ledger:
        assert len(ledger.select("SELECT key FROM verdict WHERE score IS NOT NULL")) == len(asked)
        assert not ledger.select("SELECT key FROM claim")


def test_ranks_of_two_hosts_that_nobody_gave_an_id_are_one_run_with_one_budget(
    judged_by: JudgeServer, tmp_path: Path, team: Server, bare_environment: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CROSS_LEDGER_URL", team.url)
    monkeypatch.setenv("CROSS_JUDGE_BUDGET_USD", "0.2")
    judged_by.script = lambda _: Answer("Score: 1")
    rows = rows_of(prepare_demo(bare_environment))
    responses = write_responses(tmp_path / "responses.jsonl", [row["sample_id"] for row in rows])
    model = ["--model", "cross_replay", "--model_args", f"responses={responses}"]
    written = ["--tasks", "cross_demo", "--log_samples", "--output_path", str(tmp_path / "out")]
    launcher = [*TORCHRUN[:3], "--nnodes", "2", "--nproc_per_node", "2", "--master_port", "29645", "--node_rank"]
    hosts = []
    for host in ("0", "1"):
        monkeypatch.setenv("CROSS_HOME", str(tmp_path / f"home-{host}"))
        command = [*launcher, host, "-m", "lmms_eval", *model, *written]
        hosts.append(subprocess.Popen(command, stderr=subprocess.PIPE, text=True, cwd=tmp_path))
    told = [host.communicate(timeout=240)[1] for host in hosts]
    assert [host.returncode for host in hosts] == [0, 0], told
    with closing(Ledger(team)) as ledger:
        (run,) = {row["run"] for row in ledger.select("SELECT run FROM response")}
        assert {row["run"] for row in ledger.select("SELECT run FROM run UNION SELECT run FROM spend")} == {run}
        assert Budget(ledger, 0.2, run).spent <= 0.2


def test_a_judge_that_fails_one_rank_takes_nothing_of_the_other_and_is_finished_later(
    prepared: Prepared, arguments: list[str], judged_by: JudgeServer, run: Run, cross: Run, tmp_path: Path
) -> None:
    import pyarrow.parquet as pq

    tables = [pq.read_table(prepared.parquet(split)).to_pylist() for split in prepared.manifest.rows]
    second = {answer_for(row["sample_id"]) for rows in tables for row in rows[1::2]}
    expired = Answer(status=401, error={"message": "expired"})
    judged_by.script = lambda asked: expired if asked.response in second else judge_by_answer(asked)
    done = run(*ACCELERATE, *arguments)
    assert done.returncode == 0, done.stderr
    for row in read_samples(tmp_path / "out"):
        for name, told in row["cross"]["dimensions"].items():
            lost = row["cross"]["response"] in second
            assert told["score"] == (None if lost else expected_score(name, row["cross"]["sample_id"]))
    assert done.stderr.count("incomplete (CROSS_MIN_COVERAGE is 99)") == len(TASKS), "rank 0 says it, once a task"

    judged_by.script = judge_by_answer
    judged_by.asked.clear()
    finished = cross("judge", str(tmp_path / "out"), "-o", str(tmp_path / "finished"))
    assert finished.returncode == 0, finished.stderr
    assert {asked.response for asked in judged_by.judged} == second
    assert len(judged_by.judged) == len(DIMENSIONS) * len(second)
    assert_scored_as_in_one_process(tmp_path / "finished", prepared)


def test_two_ranks_make_rounds_of_an_endpoints_answers_each_asked_once_with_the_seed_of_its_round(
    cross: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CROSS_JUDGE", "offline")
    monkeypatch.setenv("CROSS_MODEL_API_KEY", "none")
    torchrun = [*TORCHRUN[:4], "2", "--master_port", "29643", "-m", "lmms_eval", "--model", "cross_api"]
    written = ["--tasks", "cross_demo", "--output_path", str(tmp_path / "out")]
    with Provider(lambda call: Said(f"It is considered rude, says seed {call.body['seed']}.")) as provider:
        given = ["--model_args", f"model=o3,base_url={provider.url},temperature=1,reasoning_effort=low"]
        done = cross("run", "--rounds", "2", "--", *torchrun, *given, *written)
        assert done.returncode == 0, done.stderr
    assert Counter(call.body["seed"] for call in provider.calls) == {1: 12, 2: 12}
    pictures_and_words = Counter(json.dumps(call.body["messages"]) for call in provider.calls)
    assert set(pictures_and_words.values()) == {2}, "once a round"
    for number, one in enumerate(load_rounds(tmp_path / "out"), start=1):
        assert {answer.response for answer in one.answers} == {f"It is considered rude, says seed {number}."}
        assert {answer.round for answer in one.answers} == {number}
        assert len(one.answers) == 12
