"""A team's ledger: a real PostgreSQL, with several processes, roles, and schemas of other releases."""

import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest
import yaml

from lmms_eval_cross.benchmark.records import JudgeFailure, Usage, Verdict
from lmms_eval_cross.errors import LedgerError
from lmms_eval_cross.harness.needs import examine
from lmms_eval_cross.judging import open_judging
from lmms_eval_cross.ledger import migrating
from lmms_eval_cross.ledger.address import Server
from lmms_eval_cross.ledger.migrating import migrate
from lmms_eval_cross.ledger.opening import open_to_read
from lmms_eval_cross.ledger.postgres_link import connected
from lmms_eval_cross.ledger.postgres_schema import MIGRATIONS, Migration
from lmms_eval_cross.ledger.run_lines import runs_in
from lmms_eval_cross.ledger.spend import Budget
from lmms_eval_cross.ledger.steady import SteadyLedger
from lmms_eval_cross.ledger.store import Entry, Ledger, RunNote
from lmms_eval_cross.settings import load_settings
from tests.conftest import ROOT, Run
from tests.judge_server import JudgeServer
from tests.postgres_server import PostgresServer

SECRET = "postgresql://me:hunter2@127.0.0.1:1/cross?sslmode=require&password=hunter2"


def database_of(server: Server) -> str:
    return server.name.rpartition("/")[2]


@pytest.fixture
def ledger(team: Server) -> Iterator[Ledger]:
    with closing(Ledger(team)) as ledger:
        yield ledger


def test_a_database_without_our_tables_says_who_makes_them(postgres_server: PostgresServer) -> None:
    empty = postgres_server.new_database()
    with pytest.raises(LedgerError, match=f"has schema 0, this release wants {len(MIGRATIONS)}; type `lmms-eval-cross"):
        Ledger(empty)


def test_migrate_takes_the_steps_once_and_the_printed_sql_does_the_same(
    postgres_server: PostgresServer, cross: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    by_command, by_hand = postgres_server.new_database(), postgres_server.new_database()
    monkeypatch.setenv("CROSS_LEDGER_URL", by_command.url)
    first, second = cross("ledger", "migrate"), cross("ledger", "migrate")
    assert first.stdout.startswith("Step 1: answers, verdicts"), first.stderr
    assert "Step" not in second.stdout
    assert "has this release's schema" in second.stdout
    postgres_server.sql(cross("ledger", "migrate", "--sql").stdout, database_of(by_hand))
    columns = (
        "SELECT string_agg(concat_ws(' ', table_name, column_name, data_type, is_nullable), ',' ORDER BY table_name, "
        "ordinal_position) FROM information_schema.columns WHERE table_schema = 'lmms_eval_cross'"
    )
    told = [postgres_server.sql(columns, database_of(server)) for server in (by_command, by_hand)]
    assert told[0] == told[1]
    Ledger(by_hand).close()


def test_a_newer_schema_is_refused_and_an_older_one_is_brought_up_by_its_owner(
    team: Server, postgres_server: PostgresServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    newer = Migration("one more table", "CREATE TABLE one_more (x TEXT)")
    with monkeypatch.context() as later:
        for module in ("migrating", "postgres_link"):
            later.setattr(f"lmms_eval_cross.ledger.{module}.MIGRATIONS", (*MIGRATIONS, newer))
        with pytest.raises(LedgerError, match=f"has schema {len(MIGRATIONS)}, this release wants"):
            Ledger(team)
        assert migrate(team) == [f"Step {len(MIGRATIONS) + 1}: one more table."]
        Ledger(team).close()
    for use in (Ledger, migrate):
        with pytest.raises(LedgerError, match=rf"this release knows {len(MIGRATIONS)}; upgrade lmms-eval-cross"):
            use(team)


def test_a_server_from_before_there_were_runs_keeps_its_rows(
    postgres_server: PostgresServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = postgres_server.new_database()
    with monkeypatch.context() as earlier:
        earlier.setattr(migrating, "MIGRATIONS", MIGRATIONS[:2])
        migrate(server)
    row = "('r', 's', 'an answer', '{}', '2026-01-01T00:00:00+00:00')"
    postgres_server.sql(f"INSERT INTO lmms_eval_cross.response VALUES {row}", database_of(server))
    with pytest.raises(LedgerError, match="has schema 2, this release wants 3; type `lmms-eval-cross ledger migrate`"):
        Ledger(server)
    migrate(server)
    with closing(Ledger(server)) as ledger:
        (line,) = runs_in(ledger)
    assert (line.run, line.samples, line.model, line.verdicts) == ("r", 1, None, None)


def test_a_step_does_not_have_every_run_wait_behind_a_long_reader(
    postgres_server: PostgresServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = postgres_server.new_database()
    monkeypatch.setattr(migrating, "_PATIENCE", "200ms")
    with monkeypatch.context() as earlier:
        earlier.setattr(migrating, "MIGRATIONS", MIGRATIONS[:2])
        migrate(server)
    with connected(server) as reader, reader.transaction():
        reader.execute("SELECT * FROM verdict")
        with pytest.raises(LedgerError, match="have been in use for 200ms, by a dump or another long reader"):
            migrate(server)
    assert [title[:6] for title in migrate(server)] == ["Step 3"]


def test_a_step_that_fails_leaves_the_old_schema(team: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    half = Migration("half", "CREATE TABLE half_done (x TEXT); SELECT 1 / 0")
    with monkeypatch.context() as later:
        later.setattr(migrating, "MIGRATIONS", (*MIGRATIONS, half))
        with pytest.raises(LedgerError, match=r"can't be migrated .division by zero"):
            migrate(team)
    with closing(Ledger(team)) as ledger:
        assert not ledger.select("SELECT 1 FROM information_schema.tables WHERE table_name = 'half_done'")


@pytest.mark.parametrize("encoding", ["SQL_ASCII", "LATIN1"])
def test_a_database_that_can_not_hold_every_language_is_refused_before_anything_is_put_there(
    postgres_server: PostgresServer, encoding: str
) -> None:
    server = postgres_server.new_database(f"ENCODING {encoding} TEMPLATE template0")
    for use in (migrate, Ledger):
        with pytest.raises(LedgerError, match=f"has the encoding {encoding}, .*`createdb --encoding=UTF8"):
            use(server)
    with pytest.raises(LedgerError, match="has schema 0"), open_to_read(server):
        pass


def test_every_language_is_kept_and_read_whatever_encoding_and_search_path_a_client_or_a_role_has(
    team: Server, postgres_server: PostgresServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    for setting in ("client_encoding = 'LATIN1'", "search_path = 'pg_catalog'", "standard_conforming_strings = off"):
        postgres_server.sql(f"ALTER ROLE owner IN DATABASE {database_of(team)} SET {setting}", "postgres")
    monkeypatch.setenv("PGCLIENTENCODING", "LATIN1")
    monkeypatch.setenv("PGOPTIONS", "-c search_path=public")
    with closing(Ledger(Server(f"{team.url}&client_encoding=LATIN1"))) as ledger:
        ledger.record_response("run", "s", "不要脱鞋, नमस्ते", {})
        ledger.record_verdict(Entry("k", "h", "j", "s", run="run"), Verdict("awareness", 1, "好", "m"))
        assert ledger.select("SELECT response FROM response") == [{"response": "不要脱鞋, नमस्ते"}]
        assert [line.tokens for line in runs_in(ledger)] == [{("j", "m"): Usage()}]


def test_a_password_is_shown_by_no_command(cross: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    for url in (SECRET, "postgresql://me:hun@ter2/x@127.0.0.1:1/cross", "postgresql://me:%zzhunter2@127.0.0.1:1/cross"):
        monkeypatch.setenv("CROSS_LEDGER_URL", url)
        commands = (["config"], ["doctor"], ["ledger", "show"], ["ledger", "migrate"])
        for command in commands if url == SECRET else (["ledger", "show"],):
            done = cross(*command)
            assert "hunter2" not in done.stdout + done.stderr, command
            assert "ter2" not in done.stdout + done.stderr, command
            assert "Traceback" not in done.stderr
    monkeypatch.setenv("CROSS_LEDGER_URL", SECRET)
    assert "hunter2" not in repr(load_settings())
    monkeypatch.setenv("CROSS_LEDGER_URL", "mysql://me:hunter2@127.0.0.1:1/cross")
    refused = cross("config")
    assert refused.returncode == 2
    assert "CROSS_LEDGER_URL must be an address such as postgresql://user@host/database" in refused.stderr
    assert "hunter2" not in refused.stderr


def test_a_server_that_does_not_answer_ends_a_command_in_a_sentence(
    tmp_path: Path, cross: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CROSS_LEDGER_URL", f"postgresql:///cross?host={tmp_path}")
    done = cross("ledger", "show")
    assert done.returncode == 2
    assert "The ledger postgresql:///cross can't be opened" in done.stderr
    assert "Traceback" not in done.stderr


def test_without_psycopg_the_sentence_names_the_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CROSS_LEDGER_URL", "postgresql:///cross")
    (tmp_path / "without" / "psycopg").mkdir(parents=True)
    (tmp_path / "without" / "psycopg" / "__init__.py").write_text("raise ImportError('not installed')")
    done = subprocess.run(
        [sys.executable, "-c", f"import sys; sys.path.insert(0, {str(tmp_path / 'without')!r})\n"
         "from lmms_eval_cross.cli import main\nmain(['ledger', 'show'])"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 2
    assert "wants the extra `postgres`" in done.stderr
    assert "Traceback" not in done.stderr


def workflows_in_docs() -> list[str]:
    text = (ROOT / "docs" / "ledger.md").read_text(encoding="utf-8")
    return [part.partition("```")[0] for part in text.split("```yaml\n")[1:]]


@pytest.mark.parametrize("workflow", workflows_in_docs(), ids=["server", "file"])
def test_a_workflow_of_the_docs_follows_its_schema_and_its_steps_keep_the_ledger(
    workflow: str, run: Run, team: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "workflow.yml").write_text(workflow, encoding="utf-8")
    schema = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.github-workflows"]
    checked = run(*schema, str(tmp_path / "workflow.yml"))
    assert checked.returncode == 0, checked.stdout
    job = yaml.safe_load(workflow)["jobs"]["evaluate"]
    if "CROSS_LEDGER_URL" in job["env"]:
        monkeypatch.setenv("CROSS_LEDGER_URL", team.url)
    steps = [step["run"] for step in job["steps"] if step.get("run", "").startswith("lmms-eval-cross")]
    assert steps
    for step in steps:
        done = run(sys.executable, "-m", "lmms_eval_cross", *step.split()[1:])
        assert done.returncode == 0, done.stderr
        assert "0 verdicts" in done.stdout


SAME_KEY = """
import sys
from lmms_eval_cross.benchmark.records import JudgeFailure, Verdict
from lmms_eval_cross.ledger.address import Server
from lmms_eval_cross.ledger.spend import Budget
from lmms_eval_cross.ledger.steady import SteadyLedger
from lmms_eval_cross.ledger.store import Entry, Ledger
name, url = sys.argv[1:]
ledger = Ledger(Server(url))
budget = Budget(ledger, 1.0, "run")
for number in range(100):
    entry = Entry(f"{number}", "h", "j", "s")
    ledger.record_verdict(entry, JudgeFailure("awareness", "unavailable", name))
    ledger.record_verdict(entry, Verdict("awareness", number % 2, name, name))
    print(ledger.find(entry.key, None).model, budget.promise(0.009) is not None)
"""


def test_two_hosts_and_one_key_leave_one_row_the_first_verdict_and_one_budget(ledger: Ledger, team: Server) -> None:
    commands = [[sys.executable, "-c", SAME_KEY, name, team.url] for name in ("one", "two")]
    hosts = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for command in commands]
    said = [[line.split() for line in host.communicate()[0].splitlines()] for host in hosts]
    assert ledger.count("verdict") == 100
    kept = [ledger.find(str(number), None) for number in range(100)]
    for host in said:
        assert [model for model, _ in host] == [outcome.model for outcome in kept if isinstance(outcome, Verdict)]
    granted = sum(promised == "True" for host in said for _, promised in host)
    assert granted == 111, "1 USD over both hosts, 0.9 cents a call"


def test_two_writers_that_wait_for_each_other_both_write_and_nobody_is_told(
    ledger: Ledger, team: Server, capsys: pytest.CaptureFixture[str]
) -> None:
    good = Verdict("awareness", 1, "Score: 1", "m")
    one, other = Entry("one", "h", "j", "s"), Entry("other", "h", "j", "s")
    failure = JudgeFailure("awareness", "unavailable", "down")
    ledger.record_verdicts([(one, failure), (other, failure)])
    update = "UPDATE verdict SET detail = 'touched' WHERE key = %s"
    with closing(SteadyLedger(team)) as host, connected(team) as writer, ThreadPoolExecutor() as pool:
        with writer.transaction():
            writer.execute("SET LOCAL deadlock_timeout = '30s'")  # so that the host is the one that has to give way
            writer.execute(update, ("other",))
            writing = pool.submit(host.record_verdicts, [(other, good), (one, good)])
            time.sleep(0.5)
            writer.execute(update, ("one",))
        writing.result()
        assert not host.is_behind
    assert ledger.find_all([("one", "h"), ("other", "h")]) == [good, good]
    assert not capsys.readouterr().err


@pytest.mark.parametrize("isolation", ["repeatable read", "serializable"])
def test_who_waited_for_a_budget_sees_what_was_promised_meanwhile_whatever_the_roles_isolation(
    team: Server, postgres_server: PostgresServer, isolation: str
) -> None:
    default = f"ALTER DATABASE {database_of(team)} SET default_transaction_isolation = '{isolation}'"
    postgres_server.sql(default, "postgres")
    with closing(Ledger(team)) as ledger, connected(team) as other, ThreadPoolExecutor() as pool:
        with other.transaction():
            other.execute("SELECT pg_advisory_xact_lock(hashtextextended('run', 0))")
            waiting = pool.submit(Budget(ledger, 1.0, "run").promise, 0.9)
            time.sleep(0.5)
            assert not waiting.done()
            other.execute("INSERT INTO spend (usd, at, run) VALUES (0.9, 0, 'run')")
        assert waiting.result() is None
        assert Budget(ledger, 1.0, "run").spent == 0.9


@pytest.fixture
def roles(team: Server, postgres_server: PostgresServer) -> Iterator[dict[str, Server]]:
    """The ledger as each role of the docs sees it."""
    text = (ROOT / "docs" / "ledger.md").read_text(encoding="utf-8")
    postgres_server.sql(text.split("```sql\n")[1].split("```")[0], database_of(team))
    names = ("cross_writer", "cross_reader")
    yield {role: Server(team.url.replace("owner@", f"{role}@")) for role in names}
    listed = ", ".join(names)
    postgres_server.sql(f"DROP OWNED BY {listed}; DROP ROLE {listed}", database_of(team))


def test_an_owner_migrates_a_writer_writes_and_a_reader_only_reads(
    roles: dict[str, Server], monkeypatch: pytest.MonkeyPatch
) -> None:
    with closing(Ledger(roles["cross_writer"])) as writer:
        writer.record_verdict(Entry("k", "h", "j", "s"), Verdict("awareness", 1, "x", "m"))
        writer.record_run("r", "j", RunNote("a model"))
        with pytest.raises(LedgerError, match="permission denied"):
            writer.change("DELETE FROM verdict")
    with closing(Ledger(roles["cross_reader"])) as reader:
        assert [line.model for line in runs_in(reader)] == ["a model"]
        assert reader.find("k", None) == Verdict("awareness", 1, "x", "m")
        with pytest.raises(LedgerError, match=r"can't be written .permission denied"):
            reader.record_verdict(Entry("k2", "h", "j", "s"), Verdict("awareness", 1, "x", "m"))
    for role, state, words in (
        ("cross_writer", "ok", "holds 1 verdicts."),
        ("cross_reader", "note", "lacks INSERT on response, INSERT on verdict, UPDATE on verdict, INSERT on claim"),
    ):
        monkeypatch.setenv("CROSS_LEDGER_URL", roles[role].url)
        ledger = next(finding for finding in examine() if finding.name == "ledger")
        assert (ledger.state, words in ledger.sentence) == (state, True)


def test_a_role_that_may_not_write_is_told_so_before_the_judge_is_asked_or_a_verdict_is_kept(
    roles: dict[str, Server],
    postgres_server: PostgresServer,
    judged_by: JudgeServer,
    bare_environment: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("CROSS_LEDGER_URL", roles["cross_reader"].url)
    with pytest.raises(LedgerError, match=r"by this role, which lacks INSERT on response, .* in CROSS_LEDGER_URL"):
        open_judging(load_settings())
    monkeypatch.setenv("CROSS_LEDGER_URL", roles["cross_writer"].url)
    monkeypatch.setenv("CROSS_JUDGE_BUDGET_USD", "1")
    postgres_server.sql("REVOKE INSERT ON lmms_eval_cross.spend FROM cross_writer", database_of(roles["cross_writer"]))
    with pytest.raises(LedgerError, match="which lacks INSERT on spend; name"):
        open_judging(load_settings())
    monkeypatch.delenv("CROSS_JUDGE_BUDGET_USD")
    open_judging(load_settings()).close()
    assert "kept under CROSS_HOME" not in capsys.readouterr().err
    assert not list(bare_environment.glob("unsent-*"))
    assert not judged_by.judged


def test_a_server_that_only_reads_for_a_while_ends_no_run_before_it_begins(
    team: Server, roles: dict[str, Server], judged_by: JudgeServer, postgres_server: PostgresServer,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    setting = f"ALTER DATABASE {database_of(team)} SET default_transaction_read_only = on"
    postgres_server.sql(setting, "postgres")
    monkeypatch.setenv("CROSS_LEDGER_URL", roles["cross_writer"].url)
    open_judging(load_settings()).close()
    postgres_server.sql(f"ALTER DATABASE {database_of(team)} RESET default_transaction_read_only", "postgres")
    assert not judged_by.judged
