"""Guards and fixtures: no network but the loopback, no home folder, no key."""

import gc
import os
import re
import runpy
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from importlib.util import find_spec
from inspect import unwrap
from pathlib import Path
from types import CodeType, FunctionType
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings

from lmms_eval_cross import session
from lmms_eval_cross.benchmark.rubric import Rubric, read_official_rubric
from lmms_eval_cross.data.prepared import Prepared, require_prepared
from lmms_eval_cross.data.preparing import prepare
from lmms_eval_cross.ledger.address import Address, Server
from lmms_eval_cross.ledger.migrating import migrate
from tests.judge_server import JudgeServer
from tests.postgres_server import PostgresServer, programs
from tests.standin import write_standin

if TYPE_CHECKING:
    from playwright.sync_api import Browser

ROOT = Path(__file__).resolve().parent.parent
GUARD = ROOT / "tests" / "guard"
SHARED = os.environ.get("CROSS_TEST_DATA")
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
QUIET = (
    "--no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync"
).split()
runpy.run_path(str(GUARD / "sitecustomize.py"))

# The same draws each time, so that a change is refused for its own faults; `make fuzz` looks for new ones.
settings.register_profile("steady", derandomize="CROSS_TEST_FUZZ" not in os.environ, deadline=None)
settings.load_profile("steady")

Run = Callable[..., subprocess.CompletedProcess[str]]


OF_SOMEBODY = tuple("CROSS_ OPENAI_ ANTHROPIC_ GEMINI_ GOOGLE_ AZURE_ HF_ LMMS_ PG".split())
WHOLLY_LONG = re.compile(r"^pytestmark = (\[\s*)?pytest\.mark\.long\b", re.MULTILINE)
STARTING = {"run", "cross", "lmms_eval", "browser", "postgres_server"}
"""Fixtures that start another process."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the tests that start other processes, which `make quick` leaves out; those of a browser come last.

    Playwright leaves a loop running in its thread, beside which asyncio starts no other one.
    """
    items.sort(key=lambda item: "browser" in getattr(item, "fixturenames", ()))
    for item in items:
        starts = isinstance(item, pytest.Function) and _starts_a_process(unwrap(item.function))
        is_of_a_server = "postgres" in item.name.partition("[")[2]  # `address` and its like ask for it when they run
        if starts or is_of_a_server or STARTING & set(getattr(item, "fixturenames", ())):
            item.add_marker("process")


@cache
def _starts_a_process(function: FunctionType) -> bool:
    """Whether a test names `subprocess`, or a function of its module does that it names, however far away."""
    seen: set[FunctionType] = set()
    ahead = {function}
    while ahead:
        seen |= ahead
        names = set[str]().union(*(_names(one.__code__) for one in ahead))
        if "subprocess" in names:
            return True
        ahead = _functions_of(function.__globals__, names) - seen
    return False


def _functions_of(module: Mapping[str, object], names: set[str]) -> set[FunctionType]:
    """The functions that a module has under these names, and that are its own."""
    functions: set[FunctionType] = set()
    for name in names:
        one = module.get(name)
        if isinstance(one, FunctionType) and one.__module__ == module["__name__"]:
            functions.add(one)
    return functions


def _names(code: CodeType) -> set[str]:
    """All that a function names, those inside it too."""
    inner = (_names(constant) for constant in code.co_consts if isinstance(constant, CodeType))
    return set(code.co_names).union(*inner)


def pytest_collection_finish() -> None:
    """Look no more for rings among what the tests' modules made: it stays, and takes 0.2 s each time and at the end."""
    gc.collect()
    gc.freeze()


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Import no module that `make quick` leaves out as a whole; what training needs takes longer than its tests."""
    if collection_path.suffix != ".py" or "not long" not in config.option.markexpr:
        return None
    return True if WHOLLY_LONG.search(collection_path.read_text(encoding="utf-8")) else None


@pytest.fixture(autouse=True)
def _short_tests_load_no_torch(request: pytest.FixtureRequest) -> Iterator[None]:
    """Fail the first test of `make quick` that imports torch, which takes longer than fifty others: it is `long`."""
    yield
    if "not long" in request.config.option.markexpr:
        assert "torch" not in sys.modules, "mark this test `long`: it imports torch"


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder with the real records."""
    if not SHARED:
        pytest.skip("CROSS_TEST_DATA is not set: the real records are not tried")
    return Path(SHARED).resolve()


@pytest.fixture(scope="session")
def standin(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small copy of CROSS in the official layout; tests must not change it."""
    root = tmp_path_factory.mktemp("standin")
    write_standin(root)
    return root


@pytest.fixture(scope="session")
def rubric(standin: Path) -> Rubric:
    """The stand-in's rubric."""
    return read_official_rubric(standin / "code" / "evaluation.py")


@pytest.fixture(scope="session")
def browser() -> "Iterator[Browser]":
    """Debian's Chromium without a screen; one a session, for Playwright allows no second."""
    if CHROMIUM is None:
        pytest.skip("chromium is not installed: pages are not tried in a browser")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=CHROMIUM, args=QUIET)
        yield started
        started.close()


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    """A PostgreSQL of our own; tests that stop it start it again."""
    where = programs()
    if where is None:
        pytest.skip("PostgreSQL is not installed: a team's ledger is not tried")
    if find_spec("psycopg") is None:
        pytest.skip("the extra `postgres` is not installed: a team's ledger is not tried")
    server = PostgresServer(where)
    yield server
    server.close()


@pytest.fixture
def team(postgres_server: PostgresServer) -> Server:
    """An empty team's ledger, migrated."""
    server = postgres_server.new_database()
    migrate(server)
    return server


@pytest.fixture(params=["sqlite", "postgres"])
def address(request: pytest.FixtureRequest, tmp_path: Path) -> Address:
    """Where a ledger is, of each kind: a file that is not there yet, or a team's database."""
    if request.param == "sqlite":
        return tmp_path / "folder" / "ledger.sqlite"
    team: Server = request.getfixturevalue("team")
    return team


@pytest.fixture
def ledger_in_force(address: Address, bare_environment: Path, monkeypatch: pytest.MonkeyPatch) -> Address:
    """The ledger that the settings name, of each kind."""
    if isinstance(address, Server):
        monkeypatch.setenv("CROSS_LEDGER_URL", address.url)
        return address
    return bare_environment / "ledger.sqlite"


@pytest.fixture(autouse=True)
def bare_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A machine of nobody: an empty home, no keys, no settings; gives CROSS_HOME."""
    for name in list(os.environ):
        if name.startswith(OF_SOMEBODY) or name.upper().endswith("_PROXY"):
            monkeypatch.delenv(name)
    home = tmp_path / "home"
    home.mkdir()
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("SSL_CERT_DIR", str(home))  # empty: reading a machine's authorities takes 20 ms a client
    monkeypatch.setenv("XDG_CACHE_HOME", str(home / ".cache"))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setenv("CROSS_HOME", str(tmp_path / "cross-home"))
    monkeypatch.setenv("PYTHONPATH", f"{GUARD}{os.pathsep}{ROOT}")
    return tmp_path / "cross-home"


@pytest.fixture(scope="session")
def prepared_home(standin: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A CROSS_HOME with the stand-in, prepared and in force; tests get copies."""
    home = tmp_path_factory.mktemp("prepared") / "home"
    prepare(home, str(standin), say=lambda _: None)
    return home


@pytest.fixture
def prepared(prepared_home: Path, bare_environment: Path) -> Prepared:
    """The stand-in, prepared and in force."""
    shutil.copytree(prepared_home, bare_environment)
    session.forget_data()
    return require_prepared(bare_environment)


@pytest.fixture
def judge_server() -> Iterator[JudgeServer]:
    """An OpenAI-compatible judge on the loopback."""
    with JudgeServer() as server:
        yield server


@pytest.fixture
def judged_by(judge_server: JudgeServer, monkeypatch: pytest.MonkeyPatch) -> JudgeServer:
    """The same, with the settings pointing at it."""
    monkeypatch.setenv("CROSS_JUDGE_BASE_URL", judge_server.url)
    monkeypatch.setenv("CROSS_JUDGE_API_KEY", "sk-test")
    return judge_server


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """Run a command in an empty folder with the test's environment; stdout and stderr are text."""

    def start(*command: str, cwd: Path | None = None, timeout: float = 300) -> subprocess.CompletedProcess[str]:
        folder = cwd or tmp_path / "work"
        folder.mkdir(exist_ok=True)
        return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=timeout, check=False)

    return start


@pytest.fixture
def cross(run: Run) -> Run:
    """Run `lmms-eval-cross`."""
    return lambda *arguments, **options: run(sys.executable, "-m", "lmms_eval_cross", *arguments, **options)


@pytest.fixture
def lmms_eval(run: Run) -> Run:
    """Run `lmms-eval`."""
    return lambda *arguments, **options: run(sys.executable, "-m", "lmms_eval", *arguments, **options)
