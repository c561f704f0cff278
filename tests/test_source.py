"""The official layout over HTTP: what goes wrong on the way, what is asked for, and what is kept."""

import base64
import hashlib
import json
import logging
import os
import shutil
import signal
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import tenacity

from lmms_eval_cross.benchmark.release import FILES
from lmms_eval_cross.data import source as source_module
from lmms_eval_cross.data.prepared import find_prepared, require_prepared
from lmms_eval_cross.data.preparing import prepare
from lmms_eval_cross.data.source import TRIES, open_source
from lmms_eval_cross.errors import DataError, SourceError
from lmms_eval_cross.settings import describe_settings, load_settings
from tests.conftest import Run
from tests.loopback import LoopbackServer, Reply

TEXTS = [*(file.path for file in FILES), "code/evaluation.py"]
PICTURE = "images/casa/web-japan-bowl-1.png"
COMMA = "images/safeworld/Tent_maker_in_a_street,_photo_2.jpg"
SHORT = b"x" * 10
Instead = int | bytes | str
"""A status, a whole body, or for `drop` a body that ends too early; another text is where to look instead."""


@dataclass
class Asked:
    path: str
    query: str
    authorization: str | None


class FileServer(LoopbackServer):
    """Serves a folder below `/base`; can be told to answer otherwise, once for each reply that is listed."""

    def __init__(self, root: Path) -> None:
        super().__init__()
        self.root = root
        self.replies: dict[str, list[Instead]] = {}
        self.asked: list[Asked] = []
        self.meanwhile: Callable[[str], object] = lambda path: None

    @property
    def url(self) -> str:
        return f"http://{self.host}/base"

    @property
    def counts(self) -> Counter[str]:
        """How often each path was asked for."""
        return Counter(asked.path for asked in self.asked)

    def reply(self, method: str, path: str, headers: dict[str, str], data: bytes) -> Reply:
        raw, _, query = path.partition("?")
        name = raw.removeprefix("/base/").replace("%2C", ",")
        self.asked.append(Asked(name, query, headers.get("authorization")))
        self.meanwhile(name)
        told = self.replies[name].pop(0) if self.replies.get(name) else self._file(name)
        if isinstance(told, bytes):
            return Reply(told)
        if isinstance(told, int):
            return Reply(SHORT, told)
        return Reply(SHORT, cut_off=True) if told == "drop" else Reply(SHORT, 302, {"Location": told})

    def _file(self, path: str) -> Instead:
        file = self.root / path
        return file.read_bytes() if file.is_file() else 404


@pytest.fixture
def server(standin: Path) -> Iterator[FileServer]:
    with FileServer(standin) as running:
        yield running


@pytest.fixture(autouse=True)
def never_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(source_module, "WAIT", tenacity.wait_none())


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


def silent(line: str) -> None:
    """Say nothing."""


def forget_prepared(home: Path) -> None:
    """As if the downloads were whole and the Parquet files were not written yet."""
    shutil.rmtree(home / "data")


def every_path(root: Path) -> set[str]:
    images = {path.relative_to(root).as_posix() for path in (root / "images").rglob("*.*")}
    return {*TEXTS, *images}


def manifest_of(home: Path) -> dict[str, str]:
    (path,) = (home / "downloads").glob("*/manifest.json")
    read: dict[str, str] = json.loads(path.read_text())
    return read


def test_missing_files_are_named_one_and_all(server: FileServer, home: Path) -> None:
    gone = ["images/casa/pexels-maker-7.jpg", PICTURE, COMMA]
    server.replies = {path: [404] for path in gone}
    with pytest.raises(SourceError, match=r"^3 files are missing below http://127\.0\.0\.1.*/base: ") as error:
        prepare(home, server.url, say=silent)
    assert all(str(error.value).count(path) == 1 for path in gone)
    assert "--source and --revision" in str(error.value)
    assert server.counts == Counter(every_path(server.root))


def test_an_address_with_nothing_below_names_every_text(server: FileServer, home: Path) -> None:
    with pytest.raises(SourceError, match=r"^5 files are missing") as error:
        prepare(home, f"{server.url}/other", say=silent)
    assert all(path in str(error.value) for path in TEXTS)
    assert find_prepared(home) is None


@pytest.mark.long
@pytest.mark.parametrize("reply", [500, 503, 429, "drop"])
def test_trouble_of_the_moment_is_tried_again(server: FileServer, home: Path, reply: Instead) -> None:
    server.replies = {path: [reply] * (TRIES - 1) for path in ("data/casa/english.json", PICTURE)}
    prepared = prepare(home, server.url, say=silent)
    assert prepared.manifest.images == 10
    assert server.counts[PICTURE] == server.counts["data/casa/english.json"] == TRIES


@pytest.mark.long
@pytest.mark.parametrize(
    ("reply", "said"),
    [
        (500, "answered 500; try again later"),
        (429, "answered 429; try again later"),
        (403, "answered 403; check --source and --revision"),
        (401, "answered 401; check --source and --revision"),
        ("drop", r"can't be read \(RemoteProtocolError\); try again later"),
        (f"/base/{PICTURE}", r"can't be read \(TooManyRedirects\); try again later"),
    ],
)
def test_trouble_that_stays_ends_in_a_sentence(server: FileServer, home: Path, reply: Instead, said: str) -> None:
    server.replies = {PICTURE: [reply] * 1000}
    with pytest.raises(SourceError, match=said) as error:
        prepare(home, server.url, say=silent)
    assert str(error.value).startswith(f"{server.url}/{PICTURE} ")
    assert find_prepared(home) is None


def test_server_that_is_down_ends_in_a_sentence(server: FileServer, home: Path) -> None:
    server.__exit__()
    with pytest.raises(SourceError, match=r"can't be read \(ConnectError\); try again later"):
        prepare(home, server.url, say=silent)


@pytest.mark.parametrize("url", ["http://", "https:///CROSS", "http://host:port/x", "http://a\x00b/"])
def test_url_that_is_none_is_a_sentence(home: Path, url: str) -> None:
    with pytest.raises(SourceError, match="is not valid; give https://HOST/PATH or a folder"):
        prepare(home, url, say=silent)


def test_page_of_a_login_wall_is_not_kept(server: FileServer, home: Path) -> None:
    server.replies = {path: [b"<html>log in"] for path in TEXTS}
    with pytest.raises(DataError, match="is not valid JSON"):
        prepare(home, server.url, say=silent)
    assert prepare(home, server.url, say=silent).manifest.images == 10
    assert server.counts == Counter(every_path(server.root)) + Counter(TEXTS)


def test_picture_that_came_damaged_is_asked_for_again_and_nothing_else(server: FileServer, home: Path) -> None:
    server.replies = {PICTURE: [(server.root / PICTURE).read_bytes()[:-30]]}
    with pytest.raises(DataError, match=rf"^1 images can't be used: {PICTURE} "):
        prepare(home, server.url, say=silent)
    assert prepare(home, server.url, say=silent).manifest.images == 10
    assert server.counts == Counter(every_path(server.root)) + Counter([PICTURE])


def test_web_and_folder_give_the_same_data(server: FileServer, home: Path, tmp_path: Path) -> None:
    web, folder = prepare(home, server.url, say=silent), prepare(tmp_path / "other", str(server.root), say=silent)
    assert web.manifest.sha256 == folder.manifest.sha256
    assert web.images_path.read_bytes() == folder.images_path.read_bytes()
    assert server.counts == Counter(every_path(server.root))


def test_files_are_fetched_in_parallel(server: FileServer, home: Path) -> None:
    together = threading.Barrier(len(TEXTS), timeout=20)
    server.meanwhile = lambda path: together.wait() if path in TEXTS else None
    prepare(home, server.url, say=silent)
    assert not together.broken


def test_checksums_are_written_last(server: FileServer, home: Path) -> None:
    seen: list[Path] = []
    server.meanwhile = lambda path: seen.extend((home / "downloads").glob("*/manifest.json"))
    prepare(home, server.url, say=silent)
    assert seen == []
    assert manifest_of(home) == {
        path: hashlib.sha256((server.root / path).read_bytes()).hexdigest() for path in every_path(server.root)
    }


def test_second_time_asks_for_nothing(server: FileServer, home: Path) -> None:
    prepare(home, server.url, say=silent)
    server.asked.clear()
    said: list[str] = []
    prepare(home, server.url, say=said.append)
    assert (server.asked, said[0].split(":")[0]) == ([], "Prepared already")


@pytest.mark.long
def test_force_fetches_everything_anew(server: FileServer, home: Path) -> None:
    prepare(home, server.url, say=silent)
    prepare(home, server.url, force=True, say=silent)
    assert set(server.counts.values()) == {2}


@pytest.mark.long
def test_finished_download_that_was_damaged_is_fetched_anew(server: FileServer, home: Path) -> None:
    prepare(home, server.url, say=silent)
    (damaged,) = (home / "downloads").glob(f"*/{PICTURE}")
    damaged.write_bytes(damaged.read_bytes()[:-1] + b"x")
    forget_prepared(home)
    server.asked.clear()
    prepare(home, server.url, say=silent)
    assert server.counts == Counter([PICTURE])


def test_killed_run_is_continued(server: FileServer, home: Path) -> None:
    command = [sys.executable, "-m", "lmms_eval_cross", "prepare", "--source", server.url]
    running: list[subprocess.Popen[bytes]] = []
    started = threading.Event()

    def kill_at_the_last_picture(path: str) -> None:
        if len(server.asked) == len(every_path(server.root)):
            started.wait(20)
            os.kill(running[0].pid, signal.SIGKILL)
            running[0].wait()

    server.meanwhile = kill_at_the_last_picture
    running.append(subprocess.Popen(command, env={**os.environ, "CROSS_HOME": str(home)}))
    started.set()
    assert running[0].wait() == -signal.SIGKILL
    finished = {
        path for path in every_path(server.root) for file in (home / "downloads").glob("*") if (file / path).is_file()
    }
    assert len(finished) >= len(TEXTS)
    server.meanwhile = lambda path: None
    server.asked.clear()
    assert prepare(home, server.url, say=silent).manifest.images == 10
    assert server.counts == Counter(every_path(server.root) - finished)


def test_revision_is_appended_to_the_address(server: FileServer, home: Path) -> None:
    prepare(home, server.url.removesuffix("/base"), revision="base", say=silent)
    assert server.counts == Counter(every_path(server.root))


def test_another_revision_is_another_source(server: FileServer, home: Path) -> None:
    prepare(home, server.url, say=silent)
    with pytest.raises(SourceError, match=r"missing below http://127\.0\.0\.1:\d+/base/v2"):
        prepare(home, server.url, revision="v2", say=silent)
    assert require_prepared(home).manifest.images == 10


def test_github_is_the_default(server: FileServer, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from lmms_eval_cross.data import preparing as module

    assert module.DEFAULT_SOURCE == "https://raw.githubusercontent.com/haoyiq114/CROSS"
    monkeypatch.setattr(module, "DEFAULT_SOURCE", server.url.removesuffix("/base"))
    monkeypatch.setattr(module, "DEFAULT_REVISION", "base")
    assert module.prepare(home, say=silent).manifest.images == 10


def test_redirects_are_followed(server: FileServer, home: Path) -> None:
    server.replies = {path: [f"{server.url}/{path}?moved"] for path in every_path(server.root)}
    assert prepare(home, server.url, say=silent).manifest.images == 10


@pytest.mark.long
def test_password_is_sent_to_its_host_alone_and_shown_nowhere(
    server: FileServer, standin: Path, home: Path, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.DEBUG)
    with FileServer(standin) as elsewhere:
        server.replies = {
            PICTURE: [500, f"http://localhost:{elsewhere.host.split(':')[1]}/base/{PICTURE}"],
            COMMA: [403],
        }
        with pytest.raises(SourceError) as error:
            prepare(home, f"http://someone:pa55w0rd@{server.host}/base", say=print)
        prepare(home, f"http://someone:pa55w0rd@{server.host}/base", say=print)
        assert {asked.authorization for asked in elsewhere.asked} == {None}
    sent = "Basic " + base64.b64encode(b"someone:pa55w0rd").decode()
    assert {asked.authorization for asked in server.asked} == {sent}
    written = b"".join(path.read_bytes() for path in home.rglob("*") if path.is_file())
    said = str(error.value) + caplog.text + "".join(capfd.readouterr())
    assert "pa55w0rd" not in said
    assert b"pa55w0rd" not in written


@pytest.mark.long
def test_query_of_the_address_goes_with_every_request_and_is_not_told(server: FileServer, home: Path) -> None:
    server.replies = {COMMA: [403]}
    with pytest.raises(SourceError, match="answered 403") as error:
        prepare(home, f"{server.url}?token=s3cret", say=silent)
    prepare(home, f"{server.url}?token=s3cret", say=silent)
    assert {asked.query for asked in server.asked} == {"token=s3cret"}
    assert "s3cret" not in str(error.value)


def test_config_hides_what_is_secret_in_the_address(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CROSS_SOURCE", "https://someone:pa55w0rd@host.example/CROSS?token=s3cret")
    told = describe_settings(load_settings())
    assert "https://********@host.example/CROSS?******** " in told
    assert ("pa55w0rd" in told, "s3cret" in told) == (False, False)


def test_odd_rubric_is_not_kept_when_answers_are_judged_with_ours(server: FileServer, home: Path) -> None:
    server.replies = {"code/evaluation.py": [b"pass"]}
    assert not prepare(home, server.url, official=False, say=silent).has_rubric
    assert "code/evaluation.py" not in manifest_of(home)
    server.asked.clear()
    assert prepare(home, server.url, say=silent).has_rubric
    assert server.counts == Counter(["code/evaluation.py"])


def test_command_prepares_from_an_address(server: FileServer, cross: Run) -> None:
    done: Any = cross("prepare", "--source", server.url.removesuffix("/base"), "--revision", "base")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines()[-1].startswith("Prepared 48 samples")


def test_folder_and_address_open_as_what_they_are(standin: Path, tmp_path: Path) -> None:
    folder, web = open_source(str(standin), None, tmp_path), open_source("https://host.example/x", None, tmp_path)
    assert [type(folder).__name__, type(web).__name__] == ["FolderSource", "WebSource"]
    assert folder.fingerprint != web.fingerprint
