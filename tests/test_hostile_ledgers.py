"""Ledgers from elsewhere, made to do harm: nothing in them is run, nothing replaces a verdict of ours."""

import json
import os
import sqlite3
import sys
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from lmms_eval_cross.cli import main
from lmms_eval_cross.errors import CrossError, LedgerError
from lmms_eval_cross.judge.rescoring import rescore
from lmms_eval_cross.ledger.address import Address
from lmms_eval_cross.ledger.contents import verify
from lmms_eval_cross.ledger.exporting import export
from lmms_eval_cross.ledger.hosts import merge, merge_other_hosts
from lmms_eval_cross.ledger.steady import SteadyLedger
from lmms_eval_cross.ledger.store import Ledger
from tests.filed import BAD, GOOD, answer, entry_of, file_verdict, key_of
from tests.hostile import FUZZED

pytestmark = pytest.mark.long

NAMES = [f"n{number}" for number in range(20)]


@pytest.fixture
def ours(address: Address) -> Ledger:
    ledger = Ledger(address)
    for name in NAMES:
        file_verdict(ledger, name, BAD)
    return ledger


def made_by(statements: str, folder: Path) -> Path:
    """A ledger of the same answers that scored well, changed by hand."""
    path = folder / "theirs.sqlite"
    with closing(Ledger(path)) as ledger:
        for name in NAMES:
            file_verdict(ledger, name, GOOD)
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.executescript(statements)
    return path


def scores(ledger: Ledger) -> set[object]:
    return {row["score"] for row in ledger.select("SELECT score FROM verdict")}


INJECTED = (
    'key", "host", "score") SELECT key, host, 1 FROM verdict; --',
    "score) SELECT 1; --",
    "created_at, quirks, outline) VALUES (1); UPDATE verdict SET score = 1; --",
)


@pytest.mark.parametrize("column", INJECTED)
def test_a_column_name_is_never_a_statement(ours: Ledger, tmp_path: Path, column: str) -> None:
    quoted = '"' + column.replace('"', '""') + '"'
    source = made_by(f"ALTER TABLE verdict ADD COLUMN {quoted}; ALTER TABLE response ADD COLUMN {quoted}", tmp_path)
    with pytest.raises(LedgerError, match="is not as this release makes it"):
        merge(ours, source)
    assert scores(ours) == {0}


ENDLESS = "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) SELECT x AS key FROM n"
ROWS = "key, host, judge_id, sample_id, dimension, score, reason, detail, reply, model, usage, written_by"
REPLACED = {
    "a view that never ends": f"DROP TABLE verdict; CREATE VIEW verdict AS {ENDLESS}",
    "a view under another case": f"DROP TABLE verdict; CREATE VIEW VERDICT AS {ENDLESS}",
    "a view of the answers": f"DROP TABLE response; CREATE VIEW response AS {ENDLESS}",
    "a virtual table": "DROP TABLE verdict; CREATE VIRTUAL TABLE verdict USING fts5(key, host)",
    "a generated column": (
        "DROP TABLE verdict; CREATE TABLE verdict (key TEXT PRIMARY KEY, host TEXT, score AS (length(zeroblob(1e9))))"
    ),
    "another table": "DROP TABLE verdict; CREATE TABLE verdict (key, host, score)",
    "no table": "DROP TABLE verdict",
    "a trigger": "CREATE TRIGGER more AFTER INSERT ON spend BEGIN DELETE FROM verdict; END",
    "a view beside": f"CREATE VIEW other AS {ENDLESS}",
    "a schema that lies": (
        "PRAGMA writable_schema = ON; "
        f"UPDATE sqlite_master SET sql = 'CREATE VIEW verdict AS {ENDLESS}' WHERE name = 'verdict'"
    ),
    "a log that is a view": f"DROP TABLE arrival; CREATE VIEW arrival AS {ENDLESS}",
    "a version below zero": "PRAGMA user_version = -1",
}


@pytest.mark.parametrize("statements", REPLACED.values(), ids=REPLACED.keys())
def test_tables_that_are_not_ours_are_refused_in_a_sentence_and_at_once(
    ours: Ledger, tmp_path: Path, statements: str
) -> None:
    source = made_by(statements, tmp_path)
    began = time.monotonic()
    for use in (lambda: merge(ours, source), lambda: export([source], tmp_path / "out"), lambda: Ledger(source)):
        with pytest.raises(LedgerError):
            use()
    assert time.monotonic() - began < 30
    assert not (tmp_path / "out").exists()
    assert scores(ours) == {0}


ROW_EDITS = {
    "keys of other answers": "UPDATE verdict SET key = 'f' || substr(key, 2)",
    "another sample": "UPDATE verdict SET sample_id = 'demo/english/other/1'",
    "another dimension": "UPDATE verdict SET dimension = 'education'",
    "another judge": "UPDATE verdict SET judge_id = 'mine'",
    "no outline": "UPDATE verdict SET outline = NULL",
    "an outline that is a list": "UPDATE verdict SET outline = '[1]'",
    "a deep outline": "UPDATE verdict SET outline = '" + "[" * 100_000 + "'",
    "an outline with a field more": "UPDATE verdict SET outline = replace(outline, '{', '{\"_fields_set\":1,')",
    "no answers": "DELETE FROM response",
    "answers that are no records": "UPDATE response SET record = '[]'",
    "deep answers": "UPDATE response SET record = '" + "[" * 100_000 + "'",
    "answers of other types": 'UPDATE response SET record = \'{"query": 1, "norm": null}\'',
    "bytes for a key": "UPDATE OR IGNORE verdict SET key = CAST(key AS BLOB)",
    "bytes that are no text": "UPDATE verdict SET outline = CAST(x'ff00ff' AS TEXT)",
    "a score beyond the menu": "PRAGMA ignore_check_constraints = ON; UPDATE verdict SET score = 7",
    "a score in words": "PRAGMA ignore_check_constraints = ON; UPDATE verdict SET score = 'good'",
    "a reason beside a score": "PRAGMA ignore_check_constraints = ON; UPDATE verdict SET reason = 'refused'",
    "a reason of its own": "PRAGMA ignore_check_constraints = ON; UPDATE verdict SET score = NULL, reason = 'x'",
    "usage that is no object": "UPDATE verdict SET usage = '[1, 2]'",
    "usage with a field more": "UPDATE verdict SET usage = '{\"__class__\": 1}'",
    "usage that is deep": "UPDATE verdict SET usage = '" + "[" * 100_000 + "'",
    "usage beyond any number": "UPDATE verdict SET usage = '{\"prompt_tokens\": 1e999}'",
    "quirks that are a number": "UPDATE verdict SET quirks = '7'",
    "a null that must not be": "PRAGMA ignore_check_constraints = ON; UPDATE verdict SET usage = '{}', quirks = 'null'",
}


@pytest.mark.parametrize("statements", ROW_EDITS.values(), ids=ROW_EDITS.keys())
def test_only_what_gives_its_own_key_is_taken_over(tmp_path: Path, statements: str) -> None:
    ours, source, told = Ledger(tmp_path / "ours.sqlite"), made_by(statements, tmp_path), []
    assert merge(ours, source, told.append)["verdict"] == 0
    assert "left out" in told[0]
    assert ours.count("verdict") == 0


@pytest.mark.parametrize("statements", ROW_EDITS.values(), ids=ROW_EDITS.keys())
def test_an_edited_ledger_of_ours_stops_no_command_with_a_traceback(
    bare_environment: Path, tmp_path: Path, statements: str
) -> None:
    bare_environment.mkdir(exist_ok=True)
    made_by(statements, tmp_path).rename(bare_environment / "ledger.sqlite")
    for command in (["verify"], ["show"], ["export", str(tmp_path / "out")]):
        result = CliRunner().invoke(main, ["ledger", *command])
        assert isinstance(result.exception, SystemExit | None), (command, result.exception)
        assert result.exit_code in {0, 2, 3}


def test_no_verdict_of_ours_is_replaced_whatever_the_other_says(ours: Ledger, tmp_path: Path) -> None:
    assert merge(ours, made_by("", tmp_path)) == {"response": 0, "verdict": 0, "run": 0}
    assert scores(ours) == {0}


def cut(path: Path) -> None:
    with path.open("r+b") as file:
        file.truncate(9000)


def fifo(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def device(path: Path) -> None:
    path.unlink()
    path.symlink_to("/dev/zero")


def dangling(path: Path) -> None:
    path.unlink()
    path.symlink_to("nowhere")


def folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


@pytest.mark.parametrize("harm", [cut, fifo, device, dangling, folder])
def test_what_is_no_whole_file_is_said_and_passed_over(
    tmp_path: Path, harm: Callable[[Path], None], capsys: pytest.CaptureFixture[str]
) -> None:
    ours, source = Ledger(tmp_path / "ledger.sqlite"), tmp_path / "ledger-x.sqlite"
    made_by("", tmp_path).rename(source)
    harm(source)
    with pytest.raises(CrossError):
        merge(ours, source)
    merge_other_hosts(ours)
    assert capsys.readouterr().err.count("The run goes on without its verdicts") == 1


@pytest.mark.fuzz
@FUZZED
@given(place=st.integers(0, 200_000), noise=st.binary(min_size=1, max_size=64))
def test_any_damage_ends_in_a_sentence_or_in_fewer_rows(
    tmp_path_factory: pytest.TempPathFactory, place: int, noise: bytes
) -> None:
    folder = tmp_path_factory.mktemp("damaged")
    source = made_by("", folder)
    data = bytearray(source.read_bytes())
    place %= len(data)
    data[place : place + len(noise)] = noise
    source.write_bytes(data)
    with closing(Ledger(folder / "ours.sqlite")) as ours:
        for name in NAMES:
            answer(ours, name)
        try:
            merge(ours, source)
        except LedgerError:
            return
        found = [ours.find(entry_of(name).key, "h") for name in NAMES]
    assert {outcome.score for outcome in found if outcome is not None} <= {0, 1}  # type: ignore[union-attr]


def test_a_merge_with_nothing_new_reads_no_rows(ours: Ledger, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    theirs = Ledger(tmp_path / "theirs.sqlite")
    file_verdict(theirs, "new")
    assert merge(ours, theirs.address)["verdict"] == 1
    file_verdict(theirs, "newer")
    looked_at = []
    monkeypatch.setattr(
        "lmms_eval_cross.ledger.merging._is_readable", lambda row: looked_at.append(row["sample_id"]) is None
    )
    assert merge(ours, theirs.address) == {"response": 1, "verdict": 1, "run": 0}
    assert looked_at == ["demo/english/newer/1"]
    monkeypatch.setattr("lmms_eval_cross.ledger.merging.open_to_read", None)
    assert merge(ours, theirs.address) == {"response": 0, "verdict": 0, "run": 0}


def test_a_file_in_another_s_place_is_read_from_its_start(ours: Ledger, tmp_path: Path) -> None:
    path = tmp_path / "theirs.sqlite"
    for names in (["p", "q", "r"], ["s", "t", "u", "v"]):
        path.unlink(missing_ok=True)
        with closing(Ledger(path)) as theirs:
            for name in names:
                file_verdict(theirs, name)
        assert merge(ours, path)["verdict"] == len(names)


def test_verify_finds_scores_that_their_replies_do_not_give(ours: Ledger) -> None:
    assert verify(ours, rescore).sentence.endswith("20 keys are right, 0 wrong, 0 have nothing to derive them from.")
    ours.change("UPDATE verdict SET score = 1 WHERE key = ?", (entry_of("n3").key,))
    told = verify(ours, rescore)
    assert told.has_faults
    assert "1 scores are not the ones that their replies give: demo/english/n3/1." in told.sentence
    assert not verify(ours).differing


def test_a_score_of_the_official_rubric_is_read_as_it_was_meant() -> None:
    assert rescore("official", "0" * 64, "compliance", "Score: 1") == 0
    assert rescore("official", "0" * 64, "awareness", "Score: 1") == 1
    assert rescore("official", key_of("a").rubric_sha256, "compliance", "Score: 1") == 1
    assert rescore("joint-1", "0" * 64, "compliance", "It breaks no norm.") is None


def test_large_ledgers_are_verified_by_several_processes_with_the_same_outcome(
    ours: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    ours.change("UPDATE verdict SET score = 1 WHERE key = ?", (entry_of("n3").key,))
    ours.change("UPDATE verdict SET key = 'zz' || key WHERE key = ?", (entry_of("n4").key,))
    alone = verify(ours, rescore)
    monkeypatch.setattr("lmms_eval_cross.ledger.verifying._SMALL", 2)
    assert verify(ours, rescore) == alone
    assert (len(alone.wrong), len(alone.differing), alone.right) == (1, 1, 19)


def test_a_verdict_that_can_not_be_read_is_asked_for_again(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    ledger = SteadyLedger(tmp_path / "ledger.sqlite")
    entry = file_verdict(ledger, "a")
    ledger.change("UPDATE verdict SET usage = ?", (json.dumps([1]),))
    assert ledger.find(entry.key, "h") is None
    assert "can't be read" in capsys.readouterr().err


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")
def test_a_ledger_of_another_owner_is_refused_and_not_merged(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ours, planted = Ledger(tmp_path / "ledger.sqlite"), tmp_path / "ledger-x.sqlite"
    made_by("", tmp_path).rename(planted)
    os.chown(planted, 12345, 12345)
    merge_other_hosts(ours)
    assert "ledger-x.sqlite belongs to another user (uid 12345)" in capsys.readouterr().err
    assert ours.count("verdict") == 0
    with pytest.raises(CrossError, match="belongs to another user"):
        Ledger(planted)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")
@pytest.mark.parametrize("ending", ["-wal", "-shm", "-journal"])
@pytest.mark.parametrize("linked", [False, True])
def test_a_log_of_another_owner_beside_a_ledger_is_refused(tmp_path: Path, ending: str, linked: bool) -> None:
    """SQLite would write what stands in it into the file: a log of another database empties a ledger."""
    (tmp_path / "disk").mkdir()
    path, file = tmp_path / "ledger.sqlite", tmp_path / "disk" / "ledger.sqlite"
    if linked:
        path.symlink_to(file)
    else:
        file = path
    Ledger(file).close()
    planted = file.with_name(f"{file.name}{ending}")
    planted.write_bytes(b"")
    os.chown(planted, 12345, 12345)
    with pytest.raises(CrossError, match=f"{planted.name} belongs to another user"):
        Ledger(path)


def test_answers_of_one_sample_in_one_run_are_told_apart(ours: Ledger) -> None:
    """As rounds of an older release are: each verdict is held against the answer that it was given on."""
    for number in range(3):
        key = replace(key_of("n1"), response=f"another answer {number}")
        record = {"sample_id": entry_of("n1").sample_id, "query": key.query, "norm": key.norm, "response": key.response}
        ours.record_response("run", entry_of("n1").sample_id, key.response, record)
        ours.record_verdict(replace(entry_of("n1"), key=key.digest, outline=key.outline), BAD)
    assert verify(ours, rescore).right == len(NAMES) + 3


WRITTEN = {
    "a trigger on what is copied": "CREATE TRIGGER more AFTER INSERT ON verdict BEGIN DELETE FROM verdict; END",
    "a column that is computed": "ALTER TABLE response ADD COLUMN more TEXT AS (upper(record))",
    "a default that is computed": "ALTER TABLE verdict ADD COLUMN more TEXT DEFAULT (char(48))",
    "an index that computes": "CREATE INDEX more ON verdict (length(hex(zeroblob(length(reply)))))",
    "an index of some rows": "CREATE INDEX more ON verdict (key) WHERE length(hex(zeroblob(9))) > 1",
}


@pytest.mark.parametrize("statements", {**REPLACED, **WRITTEN}.values(), ids={**REPLACED, **WRITTEN}.keys())
def test_nothing_of_a_source_or_of_a_target_is_run_by_a_copy(tmp_path: Path, statements: str) -> None:
    odd = made_by("", tmp_path)
    try:
        with closing(sqlite3.connect(odd, isolation_level=None)) as connection:
            connection.executescript(statements)
    except sqlite3.Error as error:
        pytest.skip(f"this SQLite does not take it ({error})")
    with closing(Ledger(tmp_path / "whole.sqlite")) as whole:
        file_verdict(whole, "n1", BAD)
    for words in ([odd, tmp_path / "new.sqlite"], [tmp_path / "whole.sqlite", odd]):
        result = CliRunner().invoke(main, ["ledger", "copy", *map(str, words)])
        assert isinstance(result.exception, SystemExit), (words, result.exception)
        assert result.exit_code == 2
    with closing(Ledger(tmp_path / "whole.sqlite")) as whole:
        assert scores(whole) == {0}


def test_an_index_of_ones_own_on_columns_is_none_of_our_business(tmp_path: Path) -> None:
    with closing(Ledger(made_by("CREATE INDEX of_sample ON verdict (sample_id)", tmp_path))) as ledger:
        assert verify(ledger).right == len(NAMES)


@pytest.mark.skipif(sys.version_info < (3, 11), reason="SQLite's limits can be set from Python 3.11 on")
def test_a_cell_beyond_the_limit_is_a_sentence(ours: Ledger, tmp_path: Path) -> None:
    source = made_by("UPDATE verdict SET reply = hex(zeroblob(9000000)) WHERE sample_id LIKE '%/n3/%'", tmp_path)
    with pytest.raises(LedgerError, match="can't be read"):
        export([source], tmp_path / "out")
    assert not list((tmp_path / "out").glob("*"))
