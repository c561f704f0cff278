"""A key planted in the settings is found nowhere: no file, no stream, whatever the endpoint says."""

from pathlib import Path

import pytest

from lmms_eval_cross.data.demo_split import prepare_demo
from lmms_eval_cross.ledger.hosts import ledger_paths
from tests.conftest import Run
from tests.judge_server import Answer, Asked, JudgeServer
from tests.run_folders import predicted_rows, write_rows
from tests.runs import samples_in

CANARY = "sk-canary-4f1d2b9c"


@pytest.fixture
def samples_file(bare_environment: Path, tmp_path: Path) -> Path:
    samples = samples_in(prepare_demo(bare_environment))
    rows = predicted_rows((sample, f"Answer {number}") for number, sample in enumerate(samples))
    return write_rows(tmp_path / "20250101_000000_samples_cross_demo.jsonl", rows)


def quotes_the_key(asked: Asked) -> Answer:
    """An endpoint that repeats the key in its errors, in the ways that are seen."""
    key = asked.headers["authorization"].removeprefix("Bearer ")
    kinds = [
        Answer(status=401, error={"message": f"Incorrect API key provided: {key}."}),
        Answer(status=400, error={"message": f"bad header\nAuthorization: Bearer {key}"}),
        Answer(status=403, raw=f"<html>Bearer {key} is not welcome</html>".encode()),
        Answer("Score: 1"),
    ]
    return kinds[len(asked.text) % len(kinds)]


def test_a_planted_key_is_in_no_file_and_on_no_stream(
    samples_file: Path, judge_server: JudgeServer, cross: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CROSS_JUDGE_BASE_URL", judge_server.url)
    monkeypatch.setenv("CROSS_JUDGE_API_KEY", CANARY)
    monkeypatch.setenv("OPENAI_LOG", "debug")
    judge_server.script = quotes_the_key
    commands = [
        cross("judge", str(samples_file), "-o", str(tmp_path / "judged")),
        cross("config"),
        cross("ledger", "show"),
        cross("ledger", "export", str(tmp_path / "exported")),
    ]
    judge_server.keys = {"sk-other"}
    commands.append(cross("judge", str(samples_file), "-o", str(tmp_path / "refused")))
    assert [done.returncode for done in commands] == [3, 0, 0, 0, 2]
    assert {asked.headers["authorization"] for asked in judge_server.judged} == {f"Bearer {CANARY}"}
    streams = "".join(done.stdout + done.stderr for done in commands)
    assert CANARY not in streams
    files = [file for file in tmp_path.rglob("*") if file.is_file()]
    assert ledger_paths(Path(str(tmp_path / "cross-home"))), "the search sees the ledger"
    assert not [file for file in files if CANARY.encode() in file.read_bytes()]


def test_ledgers_and_kept_answers_are_private(
    samples_file: Path, cross: Run, bare_environment: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CROSS_JUDGE", "offline")
    assert cross("judge", str(samples_file), "-o", str(tmp_path / "out")).returncode == 0
    assert cross("ledger", "export", str(tmp_path / "exported")).returncode == 0
    private = [*ledger_paths(bare_environment), *(tmp_path / "exported").iterdir()]
    assert len(private) == 4
    assert {oct(file.stat().st_mode & 0o777) for file in private} == {"0o600"}
