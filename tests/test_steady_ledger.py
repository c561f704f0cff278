"""Troubles of the ledger: a sentence each, no score changed, nothing lost."""

import re
import resource
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from lmms_eval_cross import session
from lmms_eval_cross.benchmark.records import JudgeFailure, Sample, Verdict
from lmms_eval_cross.data.demo_split import prepare_demo
from lmms_eval_cross.errors import LedgerError
from lmms_eval_cross.judge.job import Job
from lmms_eval_cross.judging import JudgeSession, run_id
from lmms_eval_cross.ledger import hosts
from lmms_eval_cross.ledger.address import Address
from lmms_eval_cross.ledger.contents import verify
from lmms_eval_cross.ledger.hosts import ledger_file, ledger_paths, merge, merge_other_hosts
from lmms_eval_cross.ledger.schema import STEPS
from lmms_eval_cross.ledger.steady import SteadyLedger, open_ledger
from lmms_eval_cross.ledger.store import Entry, Given, Ledger
from lmms_eval_cross.runs.sample_record import METRICS, RECORD
from lmms_eval_cross.settings import load_settings
from tests import filed
from tests.conftest import Run
from tests.filed import entry_of, file_verdict
from tests.judge_server import Answer, JudgeServer
from tests.run_folders import predicted_rows, write_rows
from tests.runs import samples_in
from utils import judging

GOOD = Verdict("awareness", 1, "Score: 1", "m")


@pytest.fixture
def samples(bare_environment: Path, monkeypatch: pytest.MonkeyPatch) -> list[Sample]:
    monkeypatch.setenv("CROSS_JUDGE", "offline")
    return samples_in(prepare_demo(bare_environment))


@pytest.fixture
def full(tmp_path: Path) -> Iterator[SteadyLedger]:
    """A ledger on a full disk: SQLite may not make the file larger."""
    ledger = SteadyLedger(tmp_path / "ledger.sqlite")
    pages = ledger.select("PRAGMA page_count")[0]["page_count"]
    ledger.select(f"PRAGMA max_page_count = {pages}")
    yield ledger
    ledger.close()


def fill(ledger: SteadyLedger, number: int) -> None:
    ledger.record_response("run", f"sample {number}", "answer " * 3000, {"number": number})


def test_a_full_disk_is_said_once_and_what_waits_is_written_when_there_is_room(
    full: SteadyLedger, capsys: pytest.CaptureFixture[str]
) -> None:
    for number in range(5):
        fill(full, number)
    full.record_verdict(Entry("key", "host", "judge", "sample"), GOOD)
    assert capsys.readouterr().err.count("can't be written (database or disk is full)") == 1
    assert full.count("response") < 5
    assert full.find("key", "host") == GOOD, "held in memory"

    full.select("PRAGMA max_page_count = 100000")
    fill(full, 5)
    assert full.count("response") == 6
    assert full.count("verdict") == 1


def test_a_run_on_a_full_disk_ends_with_all_scores(
    samples: list[Sample], full: SteadyLedger, capsys: pytest.CaptureFixture[str]
) -> None:
    judging = JudgeSession(load_settings(), full)
    items = [session.submit(sample, f"It is considered rude. {'x' * 9000}", judging) for sample in samples]
    judging.drain(show_progress=False)
    judging.close()
    assert [item["coverage"]["score"] for item in items] == [100.0] * len(samples)
    assert "The run goes on" in capsys.readouterr().err


def test_an_entry_that_no_ledger_takes_is_set_aside_and_in_nobodys_way(
    bare_environment: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ledger = SteadyLedger(bare_environment / "ledger.sqlite")
    odd = Verdict("awareness", 1, "Score: 1", ["m"])  # type: ignore[arg-type]
    for key, verdict in (("odd", odd), ("good", Verdict("awareness", 1, "Score: 1", "m"))):
        ledger.record_verdict(Entry(key, "http://host", "judge", "sample"), verdict)
    assert ledger.find("odd", None) == odd, "it is in memory"
    ledger.close()
    kept = Ledger(bare_environment / "ledger.sqlite")
    assert (kept.find("odd", None), kept.find("good", None)) == (None, Verdict("awareness", 1, "Score: 1", "m"))
    kept.close()
    assert capsys.readouterr().err.count("can't hold an entry") == 1


def test_of_responses_that_come_together_the_one_that_no_ledger_takes_is_set_aside_alone(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    too_large: Any = 2**70
    entries = [Given("run", sample_id, "answer", {}) for sample_id in ("first", too_large, "last")]
    with closing(SteadyLedger(tmp_path / "ledger.sqlite")) as ledger:
        ledger.record_responses(entries)
        assert [row["sample_id"] for row in ledger.select("SELECT sample_id FROM response")] == ["first", "last"]
    assert capsys.readouterr().err.count("can't hold an entry") == 1


def test_a_read_only_ledger_refuses_to_start_and_a_ledger_made_so_later_stops_nothing(
    samples: list[Sample], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ledger = SteadyLedger(tmp_path / "ledger.sqlite")
    ledger.select("PRAGMA query_only = 1")
    judging = JudgeSession(load_settings(), ledger)
    items = session.submit(samples[0], "Take tulips.", judging)
    judging.drain(show_progress=False)
    judging.close()
    assert items["coverage"]["score"] == 100
    assert "readonly" in capsys.readouterr().err
    with pytest.raises(LedgerError, match="can't be opened"):
        SteadyLedger(tmp_path / "ledger.sqlite" / "below")


def test_a_ledger_damaged_in_the_middle_of_a_run_stops_nothing(
    samples: list[Sample], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ledger = SteadyLedger(tmp_path / "ledger.sqlite", "TRUNCATE")
    with (tmp_path / "ledger.sqlite").open("r+b") as file:
        file.write(b"\xff" * 40_000)
    judging = JudgeSession(load_settings(), ledger)
    items = session.submit(samples[0], "Take tulips.", judging)
    judging.drain(show_progress=False)
    judging.close()
    assert items["coverage"]["score"] == 100
    assert "lmms-eval-cross: The ledger ledger.sqlite can't be" in capsys.readouterr().err


def test_threads_that_judge_first_at_once_share_one_engine_and_a_refused_key_costs_one_request(
    samples: list[Sample], judged_by: JudgeServer, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("CROSS_JUDGE", "openai")
    judged_by.script = lambda _: Answer(status=401, error={"message": "expired"})
    together = threading.Barrier(4)

    def judge(sample: Sample) -> session.PendingItem:
        together.wait()
        return session.submit(sample, "Take tulips.")["coverage"]

    with ThreadPoolExecutor(4) as threads:
        items = list(threads.map(judge, samples[:4]))
    for item in items:
        item.settle()
    assert len({item.judging for item in items}) == 1
    assert len(judged_by.judged) == 1
    assert capsys.readouterr().err.count("The endpoint answered 401: expired") == 1


@pytest.mark.long
def test_a_missing_image_is_a_failure_of_its_sample_alone(
    samples: list[Sample], judged_by: JudgeServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CROSS_JUDGE", "openai")
    judged_by.script = lambda _: Answer("Score: 1")
    rows = [sample.to_row() for sample in samples[:2]]
    rows[0]["image_sha256"] = "0" * 64
    bad, good = (judging.process_results(row, ["Take tulips."]) for row in rows)
    assert judging.coverage([bad["coverage"], good["coverage"]]) == 50
    assert bad[RECORD]["dimensions"]["awareness"]["reason"] == "unavailable"
    assert "is not among the prepared data" in bad[RECORD]["dimensions"]["awareness"]["detail"]


@pytest.mark.long
def test_the_line_after_settling_counts_failures_and_names_the_command(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    from argparse import Namespace

    failures = {"awareness": "unparsable", "education": "unavailable"}
    details = {"awareness": "No number.", "education": "The endpoint answered 500: boom."}
    bad = {"norm_id": "a", "score": 50.0, "failures": failures, "details": details}
    worse = {**bad, "failures": {"awareness": "unavailable"}, "details": {"awareness": details["education"]}}
    judging.coverage([bad, worse])
    assert "Most often: The endpoint answered 500: boom. `lmms-eval-cross judge" in capsys.readouterr().err
    items = [{"norm_id": "a", "score": 50.0, "failures": failures}, *[{"norm_id": "b", "score": 100.0}] * 3]
    assert judging.coverage(items, Namespace(output_path="runs/a")) == 87.5
    told = capsys.readouterr().err
    assert "Of 4 answers some have no verdict and no part in the means" in told
    assert "awareness (unparsable 1), education (unavailable 1)" in told
    assert "incomplete (CROSS_MIN_COVERAGE is 99)" in told
    assert "`lmms-eval-cross judge runs/a`" in told
    for reason, step in (("refused", "judge RUN --retry-failed`"), ("no_response", "only a new run can")):
        judging.coverage([{"norm_id": "a", "score": 75.0, "failures": {"awareness": reason}}])
        assert step in capsys.readouterr().err
    judging.coverage([{"norm_id": "b", "score": 100.0}])
    assert not capsys.readouterr().err


def test_on_a_network_file_system_each_host_has_a_file_and_reads_the_others(
    bare_environment: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(hosts.platform, "node", lambda: "node-1.cluster")
    assert ledger_file(bare_environment, "auto") == (bare_environment / "ledger.sqlite", "WAL")
    path, journal = ledger_file(bare_environment, "host")
    assert path.name == "ledger-node-1-cluster.sqlite"
    one = Ledger(path, journal)
    key = file_verdict(one, "a").key
    monkeypatch.setattr(hosts.platform, "node", lambda: "node-2")
    two = Ledger(*ledger_file(bare_environment, "host"))
    (bare_environment / "ledger-broken.sqlite").write_bytes(b"no ledger at all" * 100)
    merge_other_hosts(two)
    assert two.find(key, "h") == filed.GOOD
    assert "ledger-broken.sqlite can't be read" in capsys.readouterr().err
    assert len(ledger_paths(bare_environment)) == 3


@pytest.mark.parametrize(("kind", "network"), [("nfs4", True), ("ext4", False), ("fuse.sshfs", True), ("tmpfs", False)])
def test_network_file_systems_are_known_by_their_mount(
    tmp_path: Path, kind: str, network: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    mounts = tmp_path / "mountinfo"
    shared = tmp_path / "the home"
    point = str(shared).replace(" ", "\\040")
    lines = ["22 1 8:1 / / rw - ext4 /dev/sda rw", f"30 22 0:5 / {point} rw shared:1 - {kind} server:/x rw"]
    mounts.write_text("\n".join(lines) + "\n", encoding="utf-8")
    monkeypatch.setattr(hosts, "_MOUNTS", mounts)
    assert hosts.on_network(shared / "below") is network
    assert not hosts.on_network(tmp_path / "the other")


def test_merging_takes_verdicts_over_failures_and_keeps_its_own(tmp_path: Path, address: Address) -> None:
    ours, theirs = Ledger(address), Ledger(tmp_path / "theirs.sqlite")
    failure = JudgeFailure("awareness", "unavailable", "down")
    ours.record_verdict(entry_of("a"), failure)
    file_verdict(theirs, "a")
    file_verdict(ours, "b")
    file_verdict(theirs, "b", failure)
    file_verdict(theirs, "c", failure)
    assert merge(ours, theirs.address) == {"response": 2, "verdict": 1, "run": 0}
    assert [ours.find(entry_of(name).key, "h") for name in "abc"] == [filed.GOOD, filed.GOOD, failure]
    assert merge(ours, theirs.address) == {"response": 0, "verdict": 0, "run": 0}


def test_files_that_are_no_ledger_or_a_newer_one_are_refused_and_cost_nothing(tmp_path: Path) -> None:
    ours, newer = Ledger(tmp_path / "ours.sqlite"), Ledger(tmp_path / "newer.sqlite")
    newer.select(f"PRAGMA user_version = {len(STEPS) + 1}")
    (tmp_path / "text.sqlite").write_text("no ledger at all " * 100)
    with sqlite3.connect(tmp_path / "empty.sqlite") as empty:
        empty.execute("CREATE TABLE other (x)")
    told = {
        "newer": "upgrade lmms-eval-cross",
        "text": "not a database.*; move it away, or give one that is whole",
        "empty": "no such table",
        "-": "is not a file",
    }
    for name, sentence in told.items():
        with pytest.raises(LedgerError, match=sentence):
            merge(ours, tmp_path / f"{name}.sqlite")
    assert ours.count("verdict") == 0


@pytest.mark.parametrize("journal", ["WAL", "TRUNCATE"])
def test_a_ledger_that_is_merged_is_left_alone_and_one_in_use_is_read_with_its_log(
    tmp_path: Path, journal: str
) -> None:
    ours, theirs = Ledger(tmp_path / "ours.sqlite"), Ledger(tmp_path / "other" / "theirs.sqlite", journal)
    for name in "ab":
        file_verdict(theirs, name)
        assert merge(ours, theirs.address) == {"response": 1, "verdict": 1, "run": 0}
    file_verdict(theirs, "c")
    theirs.close()
    before = {file: file.read_bytes() for file in theirs.address.parent.iterdir()}
    assert merge(ours, theirs.address)["verdict"] == 1
    assert {file: file.read_bytes() for file in theirs.address.parent.iterdir()} == before


def test_the_ledger_commands_show_export_verify_and_find_a_wrong_key(
    samples: list[Sample], cross: Run, ledger_in_force: Address, tmp_path: Path
) -> None:
    import pyarrow.parquet as pq

    for sample in samples:
        session.submit(sample, f"Answer to {sample.item} \ud83d")["coverage"].settle()
    ledger = open_ledger(load_settings())
    assert verify(ledger).right == 4 * len(samples)
    shown = cross("ledger", "show")
    assert "judge offline-rules-1 at offline: 48 verdicts, 0 failures" in shown.stdout
    date = r"\d{4}-\d\d-\d\d \d\d:\d\dZ"
    cells = rf"{run_id()} \| {date} \| {date} \| – \| – \| – \| 12 \| 48 \| 0 \| "
    assert re.search(cells, shown.stdout)
    exported = cross("ledger", "export", str(tmp_path / "out"))
    assert exported.returncode == 0, exported.stderr
    assert pq.read_table(tmp_path / "out" / "verdict.parquet").num_rows == 48
    again = cross("ledger", "export", str(tmp_path / "out"))
    assert again.returncode == 2
    assert "is there already" in again.stderr
    ledger.change(
        "UPDATE verdict SET dimension = 'education' WHERE dimension = 'awareness' AND sample_id LIKE '%Russia%'"
    )
    wrong = cross("ledger", "verify")
    assert wrong.returncode == 3
    assert "demo/english/Russia_1/1" in wrong.stdout


def test_a_ledger_is_right_after_an_anchor_was_judged_again_by_its_judge_and_by_another(
    samples: list[Sample], cross: Run, tmp_path: Path, judged_by: JudgeServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    judged_by.script = lambda _: Answer("Score: 1")
    file = write_predictions(tmp_path / "20250101_000000_samples_cross_demo.jsonl", samples, "a")
    anchor = str(tmp_path / "anchor.json")
    assert cross("judge", str(file), "-o", str(tmp_path / "out")).returncode == 0
    assert cross("anchor", "build", str(tmp_path / "out"), "--output", anchor).returncode == 0
    again = cross("anchor", "judge", anchor, "--repeats", "2", "--output", str(tmp_path / "again.json"))
    assert again.returncode == 0, again.stderr
    monkeypatch.setenv("CROSS_JUDGE", "openai")
    monkeypatch.setenv("CROSS_JUDGE_PROFILE", "cached")
    other = cross("anchor", "judge", anchor, "--output", str(tmp_path / "other.json"))
    assert other.returncode == 0, other.stderr
    done = cross("ledger", "verify")
    assert done.stdout == "144 keys are right, 0 wrong, 0 have nothing to derive them from.\n"
    assert done.returncode == 0

    ledger = open_ledger(load_settings())
    where = "WHERE outline LIKE '%\"repeat\":1%' AND dimension = 'awareness' AND sample_id = 'demo/english/Russia_1/1'"
    assert ledger.change(f"UPDATE verdict SET key = substr(key, 2) {where}") == 1
    assert set(verify(ledger).wrong) == {"demo/english/Russia_1/1"}


@pytest.mark.long
@pytest.mark.parametrize(
    ("edit", "wrong", "unknown"),
    [
        ("UPDATE verdict SET judge_id = 'another'", 4, 0),
        ("UPDATE verdict SET sample_id = 'another'", 4, 0),
        ("UPDATE verdict SET outline = replace(outline, '\"repeat\":0', '\"repeat\":1')", 4, 0),
        ("UPDATE verdict SET outline = NULL", 0, 4),
        ("DELETE FROM response", 0, 4),
    ],
)
def test_what_was_edited_is_wrong_and_what_can_not_be_derived_is_counted_apart(
    samples: list[Sample], ledger_in_force: Address, edit: str, wrong: int, unknown: int
) -> None:
    session.submit(samples[0], "Take tulips.")["coverage"].settle()
    ledger = open_ledger(load_settings())
    ledger.change(edit)
    told = verify(ledger)
    assert (len(told.wrong), told.unknown) == (wrong, unknown)


def test_a_verdict_on_an_answer_of_elsewhere_is_not_wrong(samples: list[Sample], ledger_in_force: Address) -> None:
    session.submit(samples[0], "Take tulips.")["coverage"].settle()
    settings = load_settings()
    ledger = open_ledger(settings)
    judging = JudgeSession(settings, ledger)
    rubric, read = session.rubric_for("demo", settings), session.data_for("demo", settings).images.read
    judging.submit(Job(samples[0], "An answer of elsewhere.", rubric, read), lambda _: None)
    judging.drain(show_progress=False)
    told = verify(ledger)
    judging.close()
    assert (told.right, told.wrong, told.unknown) == (4, [], 4)


LIMITED = """
import resource, sys
from lmms_eval_cross.cli import main
resource.setrlimit(resource.RLIMIT_FSIZE, ({limit}, {limit}))
main(sys.argv[1:])
"""


def test_a_disk_that_fills_up_under_the_command_costs_no_verdict(
    samples: list[Sample], run: Run, tmp_path: Path, bare_environment: Path
) -> None:
    open_ledger(load_settings()).close()
    file = write_predictions(tmp_path / "20250101_000000_samples_cross_demo.jsonl", samples, "a")
    code = LIMITED.format(limit=80_000)
    assert resource.getrlimit(resource.RLIMIT_FSIZE)[0] == resource.RLIM_INFINITY
    done = run(sys.executable, "-c", code, "judge", str(file), "-o", str(tmp_path / "out"))
    assert done.returncode == 0, done.stderr
    assert "The run goes on; its verdicts are in memory" in done.stderr
    assert "Traceback" not in done.stderr
    assert all(metric in done.stdout for metric in METRICS[:4])


def test_two_processes_on_one_ledger_lose_nothing_and_wait_for_each_other(
    samples: list[Sample], ledger_in_force: Address, tmp_path: Path
) -> None:
    files = [write_predictions(tmp_path / f"{name}_samples_cross_demo.jsonl", samples, name) for name in "ab"]
    command = [sys.executable, "-m", "lmms_eval_cross", "judge"]
    started = [
        subprocess.Popen([*command, str(file), "-o", str(tmp_path / file.stem)], stderr=subprocess.PIPE, text=True)
        for file in files
    ]
    said = [process.communicate()[1] for process in started]
    assert [process.returncode for process in started] == [0, 0], said
    assert not [line for text in said for line in text.splitlines() if "ledger" in line]
    assert open_ledger(load_settings()).count("verdict") == 2 * 4 * len(samples)


def test_results_that_do_not_fit_the_disk_leave_no_half_of_them(
    samples: list[Sample], run: Run, tmp_path: Path
) -> None:
    file = write_predictions(tmp_path / "20250101_000000_samples_cross_demo.jsonl", samples, "a" * 4000)
    open_ledger(load_settings()).close()
    done = run(sys.executable, "-c", LIMITED.format(limit=60_000), "judge", str(file), "-o", str(tmp_path / "out"))
    assert done.returncode == 2
    assert f"lmms-eval-cross: {tmp_path / 'out'} can't be written (File too large)" in done.stderr
    assert not list((tmp_path / "out").iterdir())


def write_predictions(file: Path, samples: list[Sample], name: str) -> Path:
    return write_rows(file, predicted_rows((each, f"Answer {name} {number}") for number, each in enumerate(samples)))
