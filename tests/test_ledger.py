"""The ledger: a real SQLite file, with two processes, crashes and damage."""

import os
import sqlite3
import stat
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lmms_eval_cross.benchmark.records import FailureReason, JudgeFailure, Usage, Verdict
from lmms_eval_cross.errors import LedgerError
from lmms_eval_cross.ledger import sqlite_file as module
from lmms_eval_cross.ledger.address import Address, Server
from lmms_eval_cross.ledger.contents import verify
from lmms_eval_cross.ledger.schema import STEPS
from lmms_eval_cross.ledger.store import Entry, Ledger
from lmms_eval_cross.text import storable

HERE = Entry("k", "http://a:1", "judge", "casa/english/Japan_1/1")
THERE = Entry("k", "http://b:2", "judge", "casa/english/Japan_1/1")
GOOD = Verdict("awareness", 1, "It warns.\nScore: 1", "m", Usage(5, 4, 3, 2))
BAD = Verdict("awareness", 0, "Score: 0", "m")


def failure(reason: FailureReason) -> JudgeFailure:
    return JudgeFailure("awareness", reason, f"It is {reason}.", "what it said", "m", Usage(1, 0, 1, 0))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "folder" / "ledger.sqlite"


@pytest.fixture
def ledger(address: Address) -> Iterator[Ledger]:
    with closing(Ledger(address)) as ledger:
        yield ledger


def test_a_folder_that_is_a_file_ends_in_a_sentence_without_its_path(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(
        LedgerError, match=r"ledger.sqlite can't be opened .*set CROSS_HOME to another folder"
    ) as caught:
        Ledger(tmp_path / "file" / "ledger.sqlite")
    assert str(tmp_path) not in str(caught.value)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write to read-only folders")
def test_a_read_only_folder_ends_in_a_sentence(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(LedgerError, match="can't be opened"):
        Ledger(tmp_path / "ledger.sqlite")


def test_a_file_that_is_no_ledger_ends_in_a_sentence_and_stays_as_it_is(path: Path) -> None:
    path.parent.mkdir()
    path.write_bytes(b"this is my thesis, not a ledger" * 100)
    before = path.read_bytes()
    with pytest.raises(LedgerError, match=r"not a database.*move it away"):
        Ledger(path)
    assert path.read_bytes() == before


def test_damage_inside_the_file_ends_in_a_sentence(path: Path) -> None:
    with closing(Ledger(path)) as ledger:
        for number in range(300):
            ledger.record_verdict(Entry(f"{number:064}", "h", "j", "s"), GOOD)
    data = bytearray(path.read_bytes())
    data[4096:] = b"\xff" * (len(data) - 4096)
    path.write_bytes(data)
    with (
        closing(Ledger(path)) as damaged,
        pytest.raises(LedgerError, match=r"can't be read .*malformed.*; move it away"),
    ):
        damaged.find(f"{7:064}", "h")


def test_a_newer_schema_is_refused_and_not_touched(path: Path) -> None:
    Ledger(path).close()
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(f"PRAGMA user_version = {len(STEPS) + 1}")
    with pytest.raises(LedgerError, match=f"has schema {len(STEPS) + 1}, this release knows {len(STEPS)}; upgrade"):
        Ledger(path)
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA user_version").fetchone() == (len(STEPS) + 1,)


def test_an_empty_file_gets_every_schema_step(path: Path) -> None:
    path.parent.mkdir()
    path.touch()
    with closing(Ledger(path)) as ledger:
        assert ledger.count("verdict") == ledger.count("response") == 0
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA user_version").fetchone() == (len(STEPS),)
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)


def test_a_step_that_fails_leaves_the_old_schema(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def half(connection: sqlite3.Connection) -> None:
        connection.execute("CREATE TABLE half_done (x)")
        raise sqlite3.OperationalError("disk full")

    with closing(Ledger(path)) as ledger:
        ledger.record_verdict(HERE, GOOD)
    monkeypatch.setattr(module, "STEPS", (*STEPS, half))
    with pytest.raises(LedgerError, match="disk full"):
        Ledger(path)
    monkeypatch.undo()
    with closing(Ledger(path)) as ledger:
        assert ledger.find("k", HERE.host) == GOOD
        with closing(sqlite3.connect(path)) as connection:
            assert connection.execute("SELECT count(*) FROM sqlite_master WHERE name = 'half_done'").fetchone() == (0,)


def test_a_ledger_file_is_its_owners_alone(path: Path) -> None:
    with closing(Ledger(path)) as ledger:
        ledger.record_verdict(HERE, GOOD)
    files = list(path.parent.iterdir())
    assert {stat.S_IMODE(file.stat().st_mode) for file in files} == {0o600}


def test_outcomes_come_back_whole(ledger: Ledger) -> None:
    ledger.record_verdict(HERE, GOOD)
    ledger.record_verdict(THERE, failure("off_menu"))
    assert ledger.find("k", HERE.host) == GOOD
    assert ledger.find("k", THERE.host) == failure("off_menu")
    assert ledger.find("other", None) is None


def test_a_failure_never_replaces_a_verdict_and_a_verdict_replaces_a_failure(ledger: Ledger) -> None:
    ledger.record_verdict(HERE, failure("unavailable"))
    ledger.record_verdict(HERE, GOOD)
    ledger.record_verdict(HERE, failure("unparsable"))
    assert ledger.find("k", HERE.host) == GOOD


def test_the_first_verdict_stays_so_that_a_rerun_reads_what_the_first_run_read(ledger: Ledger) -> None:
    ledger.record_verdict(HERE, GOOD)
    ledger.record_verdict(HERE, BAD)
    assert ledger.find("k", HERE.host) == GOOD


def test_a_later_failure_replaces_an_earlier_one_so_that_it_is_not_asked_for_ever(ledger: Ledger) -> None:
    ledger.record_verdict(HERE, failure("unavailable"))
    ledger.record_verdict(HERE, failure("refused"))
    assert ledger.find("k", HERE.host) == failure("refused")
    assert ledger.count("verdict") == 1


def test_from_any_host_a_verdict_goes_before_a_failure(ledger: Ledger) -> None:
    ledger.record_verdict(HERE, failure("unavailable"))
    ledger.record_verdict(THERE, BAD)
    assert ledger.find("k", None) == BAD
    assert ledger.find("k", HERE.host) == failure("unavailable")
    assert ledger.find("k", "http://c:3") is None


def test_a_response_is_written_once_a_run(ledger: Ledger) -> None:
    for run, response in [("r", "a"), ("r", "a"), ("r", "b"), ("r2", "a")]:
        ledger.record_response(run, "s", response, {"schema": "x"})
    assert ledger.count("response") == 3


def test_a_row_that_breaks_a_rule_is_an_error_not_a_silence(ledger: Ledger) -> None:
    with pytest.raises(LedgerError, match=r"(?i)check constraint"):
        ledger.record_verdict(HERE, Verdict("awareness", 2, "", "m"))  # type: ignore[arg-type]


@given(st.text(st.characters(codec=None)))
@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_text_is_stored_and_read_back(ledger: Ledger, text: str) -> None:
    entry = Entry(f"key of {text!r}", "h", "j", "s")
    ledger.record_verdict(entry, Verdict("awareness", 1, text, "m"))
    ledger.record_response("r", "s", text, {"response": text})
    found = ledger.find(entry.key, "h")
    assert isinstance(found, Verdict)
    assert found.rationale == storable(text)


def test_nul_and_lone_surrogates_are_kept_readable(ledger: Ledger) -> None:
    ledger.record_verdict(HERE, Verdict("awareness", 1, "a\0b\ud800c", "m"))
    found = ledger.find("k", None)
    assert isinstance(found, Verdict)
    assert found.rationale == "a\0b\\ud800c"


WRITER = """
import sys
from pathlib import Path
from lmms_eval_cross.ledger.address import Server
from lmms_eval_cross.ledger.contents import verify
from lmms_eval_cross.ledger.store import Entry, Ledger
from lmms_eval_cross.benchmark.records import Verdict
name, kind, place = sys.argv[1:]
ledger = Ledger(Server(place) if kind == "Server" else Path(place))
for number in range(150):
    ledger.record_verdict(Entry(f"{name}{number}", "h", "j", "s"), Verdict("awareness", 1, "Score: 1", name))
    ledger.record_verdict(Entry(f"shared{number}", "h", "j", "s"), Verdict("awareness", number % 2, "x", name))
    ledger.record_response(name, "s", str(number), {})
"""


def writing(code: str, name: str, address: Address) -> list[str]:
    """A command that writes to a ledger under a name."""
    kind, place = ("Server", address.url) if isinstance(address, Server) else ("Path", str(address))
    return [sys.executable, "-c", code, name, kind, place]


def test_processes_that_open_and_write_at_once_lose_nothing(address: Address) -> None:
    writers = [subprocess.Popen(writing(WRITER, name, address)) for name in ("a", "b", "c")]
    assert [writer.wait() for writer in writers] == [0, 0, 0]
    with closing(Ledger(address)) as ledger:
        assert (ledger.count("verdict"), ledger.count("response")) == (4 * 150, 3 * 150)
        rows = ledger.select("SELECT key, model, reply FROM verdict WHERE sample_id = 's' AND key LIKE 'shared%'")
        assert all(row["reply"] == "x" for row in rows), "each is one writer's whole row"


def test_what_was_written_outlives_a_killed_process(address: Address) -> None:
    killed = WRITER + "import os, signal; os.kill(os.getpid(), signal.SIGKILL)"
    assert subprocess.run(writing(killed, "a", address), check=False).returncode == -9
    with closing(Ledger(address)) as ledger:
        assert ledger.count("verdict") == 300


def test_threads_share_one_ledger(ledger: Ledger) -> None:
    def write(name: int) -> None:
        for number in range(50):
            ledger.record_verdict(Entry(f"{name}-{number}", "h", "j", "s"), GOOD)
            assert ledger.find(f"{name}-{number}", "h") == GOOD

    threads = [threading.Thread(target=write, args=(name,)) for name in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert ledger.count("verdict") == 200


def test_a_ledger_that_was_verified_is_still_seen_to_be_open_by_other_processes(path: Path) -> None:
    with closing(Ledger(path)) as ledger:
        ledger.record_verdict(HERE, GOOD)
        verify(ledger)
        count = "print(sqlite3.connect(sys.argv[1]).execute('SELECT count(*) FROM verdict').fetchone())"
        command = [sys.executable, "-c", f"import sqlite3, sys; {count}", str(path)]
        for written in (1, 2):
            told = subprocess.run(command, capture_output=True, text=True, check=True)
            assert told.stdout == f"({written},)\n", "the other process took the log for left over, and deleted it"
            ledger.record_verdict(THERE, GOOD)
