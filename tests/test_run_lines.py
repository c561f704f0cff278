"""`ledger show` says what each run was, what it asked for, and what that cost; in a file and on a server."""

import re
import shutil
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from lmms_eval_cross.benchmark.records import JudgeFailure, Usage, Verdict
from lmms_eval_cross.cli.run_table import aligned, as_markdown
from lmms_eval_cross.errors import LedgerError
from lmms_eval_cross.files import without_home
from lmms_eval_cross.harness.run_note import note_of_arguments
from lmms_eval_cross.judge.prices import load_prices
from lmms_eval_cross.judging import open_judging
from lmms_eval_cross.ledger.address import Address, Server
from lmms_eval_cross.ledger.copying import copy
from lmms_eval_cross.ledger.merging import merge
from lmms_eval_cross.ledger.run_lines import RunLine, runs_in
from lmms_eval_cross.ledger.steady import SteadyLedger
from lmms_eval_cross.ledger.store import Entry, Ledger, RunNote
from lmms_eval_cross.settings import load_settings
from tests.conftest import Run
from tests.postgres_server import PostgresServer
from tests.terminal import shown_on_terminal

OLD = Path(__file__).parent / "fixtures" / "release_0_1"
NOTE = RunNote("qwen2_5_vl Qwen/Qwen2.5-VL-7B-Instruct, max_pixels 12", "cross_casa", "runs/a")
WHOLE = '{"prompt_tokens": 7, "cached_tokens": 1, "completion_tokens": 2, "reasoning_tokens": 3}'
STYLES = re.compile(r"\x1b\[[\d;]*m")


def entry(key: str, run: str | None, judge: str = "gpt-4o-2024-08-06") -> Entry:
    return Entry(key, "http://host", judge, "demo/english/n/1", run=run)


def verdict(usage: Usage) -> Verdict:
    return Verdict("awareness", 1, "Score: 1", "gpt-4o-2024-08-06", usage)


def record_of(run: str, ledger: Ledger) -> None:
    """A run with a note, two answers, two verdicts at 2.50 and 10 dollars for a million tokens, and a failure."""
    ledger.record_run(run, "gpt-4o-2024-08-06", NOTE)
    for name in ("n", "m"):
        ledger.record_response(run, f"demo/english/{name}/1", "an answer", {})
    ledger.record_verdict(entry(f"{run} 1", run), verdict(Usage(1_000_000, 0, 0)))
    ledger.record_verdict(entry(f"{run} 2", run), verdict(Usage(0, 0, 100_000)))
    ledger.record_verdict(entry(f"{run} 3", run), JudgeFailure("awareness", "unavailable", "down"))


def test_a_run_has_a_line_with_what_it_is_and_what_it_asked_for(ledger_in_force: Address, cross: Run) -> None:
    with closing(Ledger(ledger_in_force)) as ledger:
        record_of("20261128-170300-0a", ledger)
    shown = cross("ledger", "show")
    assert shown.returncode == 0, shown.stderr
    (line,) = (line for line in shown.stdout.splitlines() if line.startswith("| 2026"))
    run, first, last, *cells = line.strip("| ").replace("\\", "").split(" | ")
    assert run == "20261128-170300-0a"
    assert all(re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\dZ", date) for date in (first, last))
    assert cells == [NOTE.model, "cross_casa", "runs/a", "2", "2", "1", "$3.50"]


@pytest.mark.long
@pytest.mark.parametrize("columns", [60, 80, 140])
def test_a_terminal_shows_an_aligned_table_that_is_cut_to_fit(ledger_in_force: Address, columns: int) -> None:
    with closing(Ledger(ledger_in_force)) as ledger:
        for run in ("20261128-170300-0a3b5c7d", "20261128-170400-0a3b5c7d"):
            record_of(run, ledger)
    lines = STYLES.sub("", shown_on_terminal(columns, "ledger", "show")).replace("\r", "").splitlines()
    assert max(map(len, lines)) <= max(columns, 80)
    (usd,) = {line.index("$3.50") for line in lines if "$3.50" in line}
    (head,) = (line for line in lines if line.startswith("last"))
    assert usd + len("$3.50") == head.index("USD") + len("USD"), "numbers end below the end of their name"
    assert {line.index("cross_casa") for line in lines if "cross_casa" in line} == {head.index("folder")}
    assert any("Instruct, max_pixels 12" in line for line in lines) == (columns == 140)


def test_rounds_and_several_judges_stand_on_the_line_of_their_run(address: Address) -> None:
    with closing(Ledger(address)) as ledger:
        ledger.record_run("r", "first", RunNote(folder="runs/a"))
        ledger.record_run("r", "second", RunNote("a model", "cross_demo", "runs/b"))
        for run in ("r", "r#2"):
            ledger.record_response(run, "demo/english/n/1", "an answer", {})
        ledger.record_verdict(entry("k1", "r", "first"), verdict(Usage()))
        ledger.record_verdict(entry("k2", "r", "second"), verdict(Usage()))
        (line,) = runs_in(ledger)
    assert (line.model, line.tasks, line.folder) == ("a model", "cross_demo", "runs/a")
    assert (line.samples, line.verdicts, line.failures) == (1, 2, 0)


def test_what_an_older_release_did_not_keep_is_a_dash_and_no_number(bare_environment: Path, cross: Run) -> None:
    bare_environment.mkdir()
    shutil.copy(OLD / "ledger.sqlite", bare_environment)
    (line,) = (line for line in cross("ledger", "show").stdout.splitlines() if line.startswith("| ") and "Z" in line)
    assert line.strip("| ").split(" | ")[3:] == ["–", "–", "–", "12", "–", "–", "–"]


def test_tokens_without_a_price_have_no_cost_and_no_tokens_cost_nothing() -> None:
    prices = load_prices()
    for tokens, usd in ((Usage(), "\\$0.00"), (Usage(7, 0, 7), "–"), (None, "–")):
        line = RunLine("r", verdicts=1, failures=0, tokens={("mine", "m"): tokens}, moments={"2026"})
        assert list(as_markdown([line], prices))[-1].endswith(f"| {usd} |")


@pytest.mark.parametrize(
    "usage", ["[", "{}", '{"prompt_tokens": "7"}', '{"prompt_tokens": 1e999}', WHOLE.replace("7", "9" * 40)]
)
def test_tokens_that_can_not_be_read_have_no_cost_and_stop_nothing(address: Address, usage: str) -> None:
    with closing(Ledger(address)) as ledger:
        for run in ("odd", "whole"):
            record_of(run, ledger)
        ledger.change("UPDATE verdict SET usage = ? WHERE run = 'odd'", (usage,))
        ledger.change("UPDATE verdict SET usage = ? WHERE run = 'whole'", (WHOLE,))
        tokens = {line.run: list(line.tokens.values()) for line in runs_in(ledger)}
    assert None in tokens["odd"]
    assert set(tokens["whole"]) == {Usage(14, 2, 4, 6), Usage(7, 1, 2, 3)}, "verdicts, and the failure"


def test_whoever_judges_notes_the_run_and_whose_verdicts_they_are(
    ledger_in_force: Address, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CROSS_JUDGE", "offline")
    with open_judging(load_settings(), note=NOTE, run="mine"), open_judging(load_settings(), run="mine"):
        pass
    with closing(Ledger(ledger_in_force)) as ledger:
        (line,) = runs_in(ledger)
    assert (line.run, line.model, line.verdicts) == ("mine", NOTE.model, 0)


HOSTILE = ("a\x1b[2J\nb", "| x | [y](http://z) <b>", "\u202eevil", "##[error]", "x" * 900)


@pytest.mark.parametrize("text", HOSTILE)
def test_no_name_leaves_its_cell_or_moves_a_cursor(ledger_in_force: Address, cross: Run, text: str) -> None:
    with closing(Ledger(ledger_in_force)) as ledger:
        ledger.record_run(text, text, RunNote(text, text, text))
        runs = runs_in(ledger)
    piped = cross("ledger", "show").stdout
    assert len(piped.splitlines()) == 5, piped
    table = STYLES.sub("", aligned(runs, load_prices(), 80))
    assert max(map(len, table.splitlines())) <= 100
    for shown in (piped, table):
        assert not set("\x1b\u202e") & set(shown)
        assert "##[" not in shown
    assert "http://" not in piped


def test_a_foreign_ledger_brings_its_runs_but_none_that_no_release_writes(tmp_path: Path, address: Address) -> None:
    theirs, said = Ledger(tmp_path / "theirs.sqlite"), list[str]()
    record_of("theirs", theirs)
    theirs.record_run("long", "judge", RunNote("x" * 5000))
    theirs.change("INSERT INTO run VALUES ('bytes', 'judge', x'00ff', NULL, NULL, 'then')")
    with closing(Ledger(address)) as ours:
        assert merge(ours, theirs.address, said.append)["run"] == 1
        assert [line.run for line in runs_in(ours)] == ["theirs"]
        theirs.record_run("later", "judge", NOTE)
        assert merge(ours, theirs.address)["run"] == 1
    assert "left out were 2 rows on runs that no release writes" in said[-1]


def test_a_ledger_from_before_there_were_runs_is_merged_and_copied(address: Address, tmp_path: Path) -> None:
    with closing(Ledger(address)) as ours, closing(Ledger(tmp_path / "copy.sqlite")) as other:
        assert merge(ours, OLD / "ledger.sqlite") == {"response": 12, "verdict": 48, "run": 0}
        assert copy(OLD / "ledger.sqlite", other).new == 60


def test_a_writer_without_the_right_to_runs_is_told_so_and_judges_on(
    team: Server, postgres_server: PostgresServer, capsys: pytest.CaptureFixture[str]
) -> None:
    database = re.split(r"[/?]", team.url)[3]
    rights = "GRANT INSERT, UPDATE, SELECT ON ALL TABLES IN SCHEMA lmms_eval_cross"
    postgres_server.sql(
        f"CREATE ROLE narrow LOGIN; GRANT USAGE ON SCHEMA lmms_eval_cross TO narrow; {rights} TO narrow; "
        "REVOKE ALL ON lmms_eval_cross.run FROM narrow",
        database,
    )
    with closing(SteadyLedger(Server(team.url.replace("owner@", "narrow@")))) as ledger:
        ledger.record_run("r", "judge", NOTE)
        ledger.record_verdict(entry("k", "r"), verdict(Usage()))
        with pytest.raises(LedgerError, match="permission denied for table run"):
            runs_in(ledger)
    postgres_server.sql("DROP OWNED BY narrow; DROP ROLE narrow", database)
    assert "permission denied for table run" in (told := capsys.readouterr().err)
    assert "will not name this run's model" in told
    with closing(Ledger(team)) as ledger:
        assert ledger.count("verdict") == 1


@pytest.mark.parametrize(
    ("model_args", "model"),
    [
        ("pretrained=/home/me/ckpt/step-7,api_key=sk-1", "m step-7"),
        ("model=x,hf_token=sk-1,max_new_tokens=9", "m x, hf_token ********, max_new_tokens 9"),
        ("model=x,proxy=https://me:sk-1@host/v1?key=sk-1", "m x, proxy v1?********"),
        ("model=x,proxy=https://me:sk-1@host", "m x, proxy ********@host"),
        ('model=x,extra={"a": 1,"X-Key": "sk-1"}', 'm x, extra {"a": 1'),
        ({"model": "x", "extra_headers": {"Authorization": "sk-1"}}, "m x, extra_headers ********"),
    ],
)
def test_a_run_is_noted_without_keys_and_homes(model_args: Any, model: str) -> None:
    asked = {"model": "m", "model_args": model_args, "tasks": ["cross_casa", "cross_safeworld"]}
    assert note_of_arguments(asked) == RunNote(model, "cross_casa,cross_safeworld", None)
    assert note_of_arguments({"model": object(), "tasks": None}) == RunNote("object", None, None)


def test_a_folder_is_told_without_whose_home_it_is_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home = tmp_path / "home"
    (home / "work").mkdir()
    monkeypatch.chdir(home / "work")
    places = {"runs/a": "runs/a", home / "work" / "b": "b", home / "x" / "c": "~/x/c", "~/d": "~/d", "/srv/me/e": "e"}
    assert [without_home(place) for place in places] == list(places.values())
    monkeypatch.chdir("/")
    assert without_home(home / "x" / "c") == "~/x/c"
