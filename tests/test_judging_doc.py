"""docs/judging.md: its settings are all there are, and what it tells people to type works."""

import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from platformdirs import user_cache_path

from lmms_eval_cross.settings import Settings, variable
from tests.conftest import Run
from tests.judge_server import Answer, Asked, JudgeServer, read_native, score_of

PAGE = (Path(__file__).parent.parent / "docs" / "judging.md").read_text(encoding="utf-8")


def section(title: str) -> str:
    return PAGE.partition(f"## {title}\n")[2].partition("\n## ")[0]


def blocks(title: str) -> list[str]:
    """What a section shows indented."""
    found = re.findall(r"(?:^    .*\n)+", section(title) + "\n", re.MULTILINE)
    return [re.sub("^    ", "", block, flags=re.MULTILINE) for block in found]


# ---- settings ----------------------------------------------------------------------------------------------------


def test_the_table_has_every_setting_with_its_default(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CROSS_HOME")
    monkeypatch.delenv("XDG_CACHE_HOME")
    rows = re.findall(r"^\| `(CROSS_\w+)` \|([^|]*)\|", section("Settings"), re.MULTILINE)
    rows = [(name, told.strip(" `")) for name, told in rows]
    assert [name for name, _ in rows] == [variable(field) for field in Settings.model_fields]
    defaults = Settings()
    for field, (name, told) in zip(Settings.model_fields, rows, strict=True):
        default = getattr(defaults, field)
        if field == "home":
            assert Path(told).expanduser() == user_cache_path("lmms-eval-cross") or sys.platform != "linux"
        elif isinstance(default, int | float):
            assert float(told) == default, name
        else:
            assert told == (default or ""), name


# ---- a second judge ----------------------------------------------------------------------------------------------


def judge(asked: Asked) -> Answer:
    """Scores by the answer, and the new judge the other way round."""
    dimension, response = read_native(asked.text)
    score = score_of(response, dimension)
    return Answer(f"Score: {1 - score if asked.body['model'] == 'new-judge' else score}")


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[JudgeServer]:
    with JudgeServer(judge, ("gpt-4o-2024-08-06", "new-judge")) as server:
        monkeypatch.setenv("CROSS_JUDGE_BASE_URL", server.url)
        monkeypatch.setenv("CROSS_JUDGE_API_KEY", "none")
        monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
        yield server


def test_both_ways_to_a_second_judge_work_as_printed(run: Run, server: JudgeServer, tmp_path: Path) -> None:
    judging_twice, anew = blocks("A second judge on the same answers")
    for script in (judging_twice, anew.replace("runs/a-other-judge", "runs/anew")):
        done = run("bash", "-euc", script)
        assert done.returncode == 0, done.stderr
        table = done.stdout[done.stdout.index("A: a, gpt-4o-2024-08-06") :]
        assert "new-judge" in table.splitlines()[1]
        assert table.count("| 12 | 0.0% |") == 4
        assert len(server.judged) == 96, "the ledger knows the new judge's verdicts"


@pytest.mark.long
def test_the_printed_line_of_an_answer_is_one_that_replays(tmp_path: Path) -> None:
    from lmms_eval_cross.models.cross_replay import read_responses

    (line,) = blocks("Answers from a file")
    file = tmp_path / "answers.jsonl"
    file.write_text(line, encoding="utf-8")
    assert len(read_responses(file)) == 1


def test_another_judge_may_not_go_on_with_a_judged_run(run: Run, server: JudgeServer) -> None:
    script = blocks("A second judge on the same answers")[0].splitlines()
    wrong = "CROSS_JUDGE_MODEL=new-judge lmms-eval-cross judge runs/a -o runs/wrong"
    done = run("bash", "-euc", "\n".join([*script[:3], wrong]))
    assert done.returncode == 2
    assert "verdicts of two judges are never mixed" in " ".join(done.stderr.split())
