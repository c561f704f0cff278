"""`view`: the real server, asked over the loopback and shown in Chromium."""

import json
import re
import shutil
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Literal

import pytest
from playwright.sync_api import Browser, expect
from starlette.testclient import TestClient

from lmms_eval_cross import session
from lmms_eval_cross.data.prepared import Prepared
from lmms_eval_cross.report.page_options import PageOptions
from lmms_eval_cross.report.write import Extras
from lmms_eval_cross.settings import load_settings
from lmms_eval_cross.view.app import make_app
from lmms_eval_cross.view.being_judged import BeingJudged, describe, judging_now
from lmms_eval_cross.view.watched import Watched
from tests.accessibility import serious_issues
from tests.command import cross, said
from tests.judge_server import Answer, Asked, JudgeServer, judge_by_answer
from tests.made_runs import cross_samples, draw, write_run
from tests.runs import samples_in

pytestmark = pytest.mark.long

SAMPLES = cross_samples()[:60]
TOKEN = "a-token"


def make_side(folder: Path, seed: int) -> Path:
    return write_run(folder, SAMPLES, draw(SAMPLES, 0.7, seed))


@contextmanager
def viewing(*arguments: object) -> Iterator[str]:
    """The address at which the command serves, for as long as the block lasts."""
    command = [sys.executable, "-m", "lmms_eval_cross", "view", "--port", "0", *map(str, arguments)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        found = re.match(r"(http://\S+)  \(Ctrl-C ends it\)", server.stdout.readline())
        try:
            assert found is not None, server.communicate(timeout=30)[1]
            yield found[1]
        finally:
            server.terminate()


def get(address: str, **headers: str) -> str:
    request = urllib.request.Request(address, headers=headers)
    with urllib.request.urlopen(request, timeout=120) as answer:
        return str(answer.read().decode())


def eventually(fact: Callable[[], bool], seconds: float = 60) -> None:
    """Wait until it holds."""
    end = time.monotonic() + seconds
    while not fact():
        assert time.monotonic() < end, "it never came true"
        time.sleep(0.05)


def client_of(path: Path, token: str | None = None) -> TestClient:
    watched = Watched([path], PageOptions(images=False), Extras())
    app = make_app(watched, ["127.0.0.1", "localhost"], token)
    return TestClient(app, base_url="http://127.0.0.1:8765", follow_redirects=False)


# ---- the server -----------------------------------------------------------------------------------------------------


def test_the_page_follows_runs_that_land(tmp_path: Path, browser: Browser) -> None:
    make_side(tmp_path / "runs" / "before", 1)
    with viewing(tmp_path / "runs") as address:
        page = browser.new_page()
        complaints: list[str] = []
        page.on("console", lambda message: complaints.append(message.text))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.goto(address)
        assert page.locator("table.scores tbody tr").count() == 1
        page.goto(f"{address}#outcome=0")
        make_side(tmp_path / "runs" / "after", 2)
        expect(page.locator("table.scores tbody tr")).to_have_count(2, timeout=60_000)
        assert page.locator("#filter-outcome").input_value() == "0"  # what was looked at is looked at still
        assert complaints == []
        page.close()


def test_a_folder_without_a_run_is_waited_for(tmp_path: Path) -> None:
    (tmp_path / "runs").mkdir()
    client = client_of(tmp_path / "runs")
    assert "No judged run yet" in client.get("/").text
    waiting = client.get("/state").json()["version"]
    make_side(tmp_path / "runs" / "first", 1)
    assert client.get("/state").json()["version"] != waiting
    assert "first" in client.get("/").text


def test_a_run_that_is_not_whole_hides_no_other(tmp_path: Path) -> None:
    whole, broken = make_side(tmp_path / "runs" / "whole", 1), make_side(tmp_path / "runs" / "broken", 2)
    for file in broken.rglob("*_results.json"):
        file.write_text(file.read_text()[:100])
    page = client_of(tmp_path / "runs").get("/").text
    assert "Not shown yet" in page
    assert whole.name in page


def test_the_page_is_that_of_report_but_for_what_follows_the_runs(tmp_path: Path) -> None:
    run = make_side(tmp_path / "run", 1)
    cross("report", run, "--redact-images", "-o", tmp_path / "page.html")
    live, file = client_of(run).get("/").text, (tmp_path / "page.html").read_text()
    policy = re.compile(r'<meta http-equiv="Content-Security-Policy"[^>]*>')
    live = re.sub(
        r'<aside id="live".*?</aside>\n|<script>"use strict";\n// A page that `view`.*?</script>\n',
        "",
        live,
        flags=re.DOTALL,
    )
    assert policy.sub("", live).split() == policy.sub("", file).split()
    assert "connect-src" not in file


def test_an_address_that_is_taken_is_one_sentence(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        result = cross("view", make_side(tmp_path / "run", 1), "--port", port)
    assert result.exit_code == 2
    assert f"127.0.0.1:{port} can't be served" in said(result)


# ---- who may read it ------------------------------------------------------------------------------------------------


def test_another_site_that_has_its_name_point_here_is_refused(tmp_path: Path) -> None:
    with viewing(tmp_path) as address:
        for path in ("", "state"):
            with pytest.raises(urllib.error.HTTPError, match="400"):
                get(address + path, Host="attacker.example")
        assert json.loads(get(f"{address}state"))["judging"] == []


def test_beyond_the_loopback_a_token_is_asked_for(tmp_path: Path) -> None:
    with viewing(tmp_path, "--host", "0.0.0.0") as shown:
        port, token = re.findall(r":(\d+)/\?token=(\S+)", shown)[0]
        here = f"http://127.0.0.1:{port}"
        for path in ("/", "/state", "/?token=wrong"):
            with pytest.raises(urllib.error.HTTPError, match="403"):
                get(here + path)
        assert "version" in get(f"{here}/state", Cookie=f"cross-view={token}")


def test_by_default_nobody_else_reaches_it(tmp_path: Path) -> None:
    with viewing(tmp_path) as address:
        assert address.startswith("http://127.0.0.1:")
        port = int(address.rsplit(":", 1)[1].strip("/"))
        with pytest.raises(OSError, match=r"refused|unreachable"):
            socket.create_connection(("127.0.0.2", port), timeout=10)  # another address of this machine


def test_the_token_leaves_the_address_and_stays_in_a_cookie_of_this_site(tmp_path: Path) -> None:
    client = client_of(tmp_path, TOKEN)
    assert client.get("/").status_code == 403
    answer = client.get("/", params={"token": TOKEN})
    assert (answer.status_code, answer.headers["location"]) == (303, "/")
    cookie = answer.headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=strict" in cookie
    assert client.get("/").status_code == 200
    assert client.get("/").headers["cache-control"] == "no-store"


# ---- what is being judged -------------------------------------------------------------------------------------------


def now() -> datetime:
    return datetime.now(timezone.utc)


def the_run() -> BeingJudged:
    (run,) = judging_now(load_settings(), now())
    return run


def test_a_run_that_is_judged_is_told_with_partial_means_calls_failures_and_dollars(
    prepared: Prepared, judged_by: JudgeServer
) -> None:
    held = threading.Event()

    def script(asked: Asked) -> Answer:
        if asked.dimension in ("Violation", "Helpfulness"):
            held.wait(60)
        return Answer("I can't say.") if asked.dimension == "Education" else judge_by_answer(asked)

    judged_by.script = script
    assert judging_now(load_settings(), now()) == []
    items = [session.submit(sample, "Take tulips.")["coverage"] for sample in samples_in(prepared, "casa_english")[:3]]
    eventually(lambda: [run.there for run in judging_now(load_settings(), now())] == [6])
    run = the_run()
    assert (run.wanted, run.missing, run.calls) == (12, 6, 6)
    assert run.cards["education"].failed == {"unparsable": 3}
    assert run.cards["awareness"].scored == 3
    assert run.usd is not None
    assert run.usd > 0
    assert run.seconds_left == 60.0
    assert describe(run)[0].startswith("6 of 12 verdicts, 3 failures; 6 calls, $")
    assert "1 minute left" in describe(run)[0]
    held.set()
    for item in items:
        item.settle()
    eventually(lambda: the_run().missing == 0)
    assert judging_now(load_settings(), now() + timedelta(minutes=5)) == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_no_serious_issue_while_a_run_is_judged(
    scheme: Literal["light", "dark"], prepared: Prepared, judged_by: JudgeServer, tmp_path: Path, browser: Browser
) -> None:
    for sample in samples_in(prepared, "casa_english")[:3]:
        session.submit(sample, "Take tulips.")["coverage"].settle()
    (tmp_path / "runs").mkdir()
    with viewing(tmp_path / "runs") as address:
        for heading in ("No judged run yet", "Summary"):
            page = browser.new_page(color_scheme=scheme)
            page.goto(address)
            expect(page.locator("#live progress")).to_be_visible(timeout=60_000)
            assert heading in (page.text_content("body") or "")
            assert serious_issues(page) == []
            page.close()
            make_side(tmp_path / "runs" / "a", 1)


def test_a_ledger_that_cannot_be_read_is_told_and_ends_nothing(tmp_path: Path) -> None:
    home = load_settings().home
    home.mkdir()
    (home / "ledger.sqlite").write_text("no ledger")
    state = client_of(tmp_path).get("/state").json()
    assert state["judging"] == []
    assert "can't be read" in state["trouble"]
    shutil.rmtree(home)
