"""The error that lmms-eval ended with: recorded in its processes, said by `lmms-eval-cross run`."""

import os
import sys
from pathlib import Path

import pytest

from lmms_eval_cross.harness.last_error import error_line, first_error
from tests.conftest import Run


def test_a_message_of_many_lines_gives_its_first_and_a_long_one_is_cut() -> None:
    assert error_line(ModuleNotFoundError("No module named 'filelock._api'")) == (
        "ModuleNotFoundError: No module named 'filelock._api'"
    )
    assert error_line(OSError("no such model\nIf this is private, ...")) == "OSError: no such model"
    assert len(error_line(ValueError("x" * 5000))) < 600


def test_of_several_ranks_the_first_to_die_is_named(tmp_path: Path) -> None:
    folder = tmp_path / "errors"
    folder.mkdir()
    assert first_error(folder) is None
    for number, name in enumerate(("1-20", "0-10")):
        (folder / name).write_text(f"rank {name}")
        os.utime(folder / name, (number, number))
    assert first_error(folder) == "rank 1-20"


def test_a_traceback_before_lmms_eval_is_there_is_named(
    cross: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "path").mkdir()
    (tmp_path / "path" / "torch.py").write_text("raise OSError('libcudart.so.12: cannot open shared object file')")
    monkeypatch.setenv("PYTHONPATH", f"{tmp_path / 'path'}{os.pathsep}{os.environ['PYTHONPATH']}")
    done = cross("run", "--", "--model", "dummy", "--tasks", "cross_demo", "--output_path", "out")
    assert done.returncode == 3
    assert "Traceback" in done.stderr
    last = done.stderr.strip().splitlines()[-1]
    assert last.endswith("; its last error: OSError: libcudart.so.12: cannot open shared object file")


def test_a_ranks_error_is_named_though_its_launcher_ends_in_a_banner(
    cross: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CROSS_JUDGE", "offline")
    launcher = [sys.executable, "-m", "torch.distributed.run", "--nproc_per_node", "2", "-m", "lmms_eval"]
    done = cross("run", "--", *launcher, "--model", "cross_replay", "--tasks", "nonesuch", "--output_path", "out")
    assert done.returncode == 3, done.stderr
    assert "; its last error: ValueError: Tasks not found: nonesuch." in done.stderr.strip().splitlines()[-1]


PTY = """
import os, pty, sys
code = os.waitstatus_to_exitcode(pty.spawn([sys.executable, "-m", "lmms_eval_cross", "run", "--", sys.executable, "-c",
    "import sys; print('terminal', sys.stdout.isatty(), sys.stderr.isatty()); sys.exit(2)"]))
sys.exit(code)
"""


def test_the_terminal_stays_lmms_evals(run: Run) -> None:
    done = run(sys.executable, "-c", PTY)
    assert done.returncode == 2
    assert "terminal True True" in done.stdout


@pytest.mark.parametrize(
    ("option", "value", "said"),
    [
        ("--model_args", "pretrained=/data/a,b/model,device=cpu", "--model_args has 'b/model'"),
        ("--model_args", "responses=/tmp/a,", None),
        ("--model_args", "pretrained=x,limits={'image': 1, 'video': 2},device=cpu", None),
        ("--output_path", "runs/a,b", "--output_path is runs/a,b"),
    ],
)
def test_a_comma_in_a_path_is_told_before_anything_starts(
    cross: Run, tmp_path: Path, option: str, value: str, said: str | None
) -> None:
    done = cross("run", "--", sys.executable, "-c", "raise SystemExit(2)", option, value)
    assert done.returncode == 2
    assert (said or "Nothing was run; the reason stands above.") in done.stderr
    assert done.stderr.count("\n") == 1
