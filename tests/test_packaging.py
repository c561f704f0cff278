"""What is installed is whole, and is what runs, wherever lmms-eval is started."""

import shutil
import subprocess
import sys
import sysconfig
import venv
import zipfile
from pathlib import Path

import pytest

from lmms_eval_cross.benchmark.release import FILES
from lmms_eval_cross.benchmark.splits import DEMO, GROUPS, SPLITS, TASKS
from lmms_eval_cross.harness.plugin import with_our_folder
from tests.conftest import GUARD, ROOT, Run
from tests.runs import read_samples

pytestmark = pytest.mark.long

PARTS = {"lmms_eval_cross": "lmms_eval_cross", "tasks": "lmms_eval_cross/tasks", "utils": "lmms_eval_cross/utils"}
NOT_SHIPPED = {".pyc"}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel of a copy of this clone."""
    folder = tmp_path_factory.mktemp("build")
    for part in PARTS:
        shutil.copytree(ROOT / part, folder / part, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("setup.cfg", "pyproject.toml", "README.md"):
        shutil.copy(ROOT / name, folder / name)
    pip = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation"]
    subprocess.run([*pip, "--wheel-dir", str(folder / "dist"), str(folder)], check=True)
    (built,) = (folder / "dist").glob("*.whl")
    return built


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A virtual environment with the wheel; what it depends on comes from the one that runs the tests."""
    folder = tmp_path_factory.mktemp("installed")
    venv.create(folder, with_pip=True)
    python = folder / "bin" / "python"
    subprocess.run([python, "-m", "pip", "install", "--quiet", "--no-deps", str(wheel)], check=True)
    (site,) = folder.glob("lib/python*/site-packages")
    (site / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return python


def shipped_files() -> set[str]:
    """Every file of the three folders, as the wheel names it."""
    return {
        f"{target}/{file.relative_to(ROOT / part)}"
        for part, target in PARTS.items()
        for file in (ROOT / part).rglob("*")
        if file.is_file() and file.suffix not in NOT_SHIPPED
    }


def test_the_wheel_has_every_module_yaml_and_data_file(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = {name for name in archive.namelist() if ".dist-info/" not in name}
    assert names == shipped_files()


@pytest.mark.parametrize("place", ["clone", "elsewhere"])
def test_lmms_eval_with_the_wheel_runs_from_the_clone_and_from_elsewhere(
    place: str, installed: Path, run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PYTHONPATH", str(GUARD))
    monkeypatch.setenv("CROSS_JUDGE", "offline")
    options = ["-m", "lmms_eval", "--model", "dummy", "--tasks", "cross_demo", "--limit", "2"]
    written = ["--output_path", str(tmp_path / "out"), "--log_samples"]
    done = run(str(installed), *options, *written, cwd=ROOT if place == "clone" else None)
    assert done.returncode == 0, done.stderr
    assert [sample["cross"]["response"] for sample in read_samples(tmp_path / "out")] == ["A", "A"]


@pytest.mark.parametrize(("place", "port"), [("clone", "29615"), ("elsewhere", "29616")])
def test_torchrun_with_the_wheel_runs_from_the_clone_and_from_elsewhere(
    place: str, port: str, installed: Path, run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PYTHONPATH", str(GUARD))
    monkeypatch.setenv("CROSS_JUDGE", "offline")
    answers = run(str(installed), "-m", "lmms_eval_cross", "demo-responses", "careful").stdout.strip()
    torchrun = ["-m", "torch.distributed.run", "--nproc_per_node", "2", "--master_port", port]
    options = ["--model", "cross_replay", "--model_args", f"responses={answers}", "--tasks", "cross_demo"]
    written = ["--output_path", str(tmp_path / "out"), "--log_samples"]
    where = ROOT if place == "clone" else None
    done = run(str(installed), *torchrun, "-m", "lmms_eval", *options, *written, cwd=where)
    assert done.returncode == 0, done.stderr
    assert len({sample["cross"]["sample_id"] for sample in read_samples(tmp_path / "out")}) == 12


def test_our_folder_is_searched_last_and_once(tmp_path: Path) -> None:
    ours = with_our_folder(None)
    assert with_our_folder(str(tmp_path)) == [str(tmp_path), *ours]
    assert with_our_folder(ours) == ours
    assert with_our_folder(f"{ours[0]}/") == [f"{ours[0]}/"]


def test_the_groups_of_the_plugin_are_those_of_the_yamls() -> None:
    for group, tasks in GROUPS.items():
        lines = (ROOT / "tasks" / f"{group}.yaml").read_text(encoding="utf-8").splitlines()
        assert [line.removeprefix("  - ") for line in lines if line.startswith("  - cross")] == list(tasks)
        assert set(tasks) <= set(SPLITS)


def test_no_module_is_found_a_second_time_below_the_package(run: Run) -> None:
    code = "import lmms_eval_cross.utils.docs, lmms_eval_cross.tasks; import lmms_eval_cross.lmms_eval_cross"
    done = run(sys.executable, "-c", code, cwd=ROOT)
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1] == "ModuleNotFoundError: No module named 'lmms_eval_cross.lmms_eval_cross'"


def test_help_is_quick_and_loads_no_heavy_package(run: Run) -> None:
    code = """
import sys
from lmms_eval_cross.cli import main
main(["--help"], standalone_mode=False)
print([name for name in ("torch", "numpy", "pydantic", "openai", "datasets", "lmms_eval") if name in sys.modules])
"""
    done = run(sys.executable, "-c", code)
    assert done.stdout.splitlines()[-1] == "[]", done.stderr


def test_every_split_of_the_table_has_a_task_and_the_release_files_that_fill_it() -> None:
    released = {file.name for file in FILES}
    assert released == set(SPLITS.values()) - {DEMO}
    assert {task: split for split, task in TASKS.items()} == SPLITS
    assert {f"{task}.yaml" for task in SPLITS} <= {file.name for file in (ROOT / "tasks").glob("*.yaml")}
