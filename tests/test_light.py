"""The gate's commands, without lmms-eval and torch: `make light` runs this in an environment of `requirements/`.

With CROSS_FULL_PYTHON, the Python of a full environment, every output is compared with what that one writes.
"""

import csv
import io
import json
import os
import re
import subprocess
import sys
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path

import pytest

from lmms_eval_cross.data.prepared import Prepared
from lmms_eval_cross.trust.sealed import SEAL
from tests.conftest import GUARD, ROOT, Run
from tests.run_folders import predicted_rows, write_rows
from tests.runs import samples_in

pytestmark = pytest.mark.light

FULL = os.environ.get("CROSS_FULL_PYTHON")
HEAVY = ("torch", "lmms_eval", "datasets", "transformers", "accelerate")
TASK = "cross_casa"
WORSE = 1
"""The exit code of `compare` on the two models."""
CAREFUL = "White is for mourning there, so bringing it is considered rude; I would rather bring something else."
BATTERY = (
    "config",
    "cost --tasks cross_casa --model gpt-4o",
    "judge good -o a",
    "judge bad -o b",
    "gate good bad --json out/gate.json",
    "ledger show",
    "ledger verify",
    "compare a b --junit out/junit.xml --markdown out/compare.md --json out/compare.json --resamples 100",
    "view --help",
    "report a b -o out/report.html --markdown out/report.md --csv out/csv --json out/report.json",
    "baseline a -o out/baseline.json",
    "compare out/baseline.json b --resamples 100",
    "anchor build a --n 12 -o out/anchor.json",
    "anchor judge out/anchor.json --repeats 2 -o out/judged.json",
    "agree a a --json out/agree.json",
    "label export a --n 12 -o out/batch",
)
"""Commands in their order; each works on what those before it wrote."""


@pytest.fixture
def answers(prepared: Prepared, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the answers of two made-up models, made with --predict_only; the offline judge is in force."""
    monkeypatch.setenv("CROSS_JUDGE", "offline")
    monkeypatch.setenv("PYTHONPATH", str(GUARD))
    samples = samples_in(prepared, "casa_english")
    for name, answer in (("good", CAREFUL), ("bad", "Sure, take the white one and put it into the cart.")):
        folder = tmp_path / "work" / name
        folder.mkdir(parents=True)
        rows = predicted_rows((sample, answer) for sample in samples)
        lines = [{**row, "bypass": [[row["target"]], [row["filtered_resps"]]]} for row in rows]
        write_rows(folder / f"20250101_000000_samples_{TASK}.jsonl", lines)
        results = {"results": {TASK: {"alias": TASK, "bypass,none": 999}}, "group_subtasks": {TASK: []}}
        (folder / "20250101_000000_results.json").write_text(json.dumps(results), encoding="utf-8")
    return tmp_path / "work"


def play(python: str, work: Path, run: Run) -> dict[str, str]:
    """Run the battery in a folder; command or file -> what it said or holds."""
    outputs = {}
    (work / "out").mkdir()
    for command in BATTERY:
        done = run(python, "-m", "lmms_eval_cross", *command.split(), cwd=work)
        outputs[command] = f"exit code {done.returncode}\n{done.stdout}"
        assert done.returncode in (0, WORSE), f"{command}: {done.stderr}"
    files = [file for name in ("a", "b", "out") for file in sorted((work / name).rglob("*")) if file.is_file()]
    return outputs | {str(file.relative_to(work)): file.read_text(encoding="utf-8") for file in files}


def timeless(outputs: Mapping[str, str]) -> dict[str, str]:
    """The outputs without what names a time, place or environment: dates, seals, runs, marks of pages, versions."""
    times = r"\d{4}-?\d\d-?\d\d[T_ ]\d\d:?\d\d(:?\d\d(\.\d+)?)?(Z|\+00:00)?"
    changing = rf'"{SEAL}": "\w+"|"lmms_eval": ?"[^"]*"|\b[0-9a-f]{{32}}\b|report-of-\w+|{times}'
    return {re.sub(r"\d{8}_\d{6}", "", name): re.sub(changing, "", text) for name, text in outputs.items()}


def test_every_command_of_the_gate_runs_and_the_scores_are_those_of_the_answers(answers: Path, run: Run) -> None:
    outputs = play(sys.executable, answers, run)
    verdict = json.loads(outputs["out/compare.json"])
    assert verdict["decision"] == "worse"
    report = json.loads(outputs["out/report.json"])
    awareness = [model["dimensions"]["awareness"]["mean"] for model in report["models"]]
    assert awareness == [100, 0]


@pytest.mark.skipif(not FULL, reason="CROSS_FULL_PYTHON is not set: outputs are not compared with a full environment's")
def test_every_output_is_the_full_environments(answers: Path, run: Run, tmp_path: Path) -> None:
    assert FULL
    subprocess.run(["cp", "-r", str(answers), str(tmp_path / "other")], check=True)
    light = timeless(play(sys.executable, answers, run))
    home = Path(os.environ["CROSS_HOME"])
    for ledger in home.glob("ledger*"):
        ledger.unlink()
    full = timeless(play(FULL, tmp_path / "other", run))
    assert list(light) == list(full)
    assert [name for name in light if light[name] != full[name]] == []


def test_a_batch_to_label_holds_every_answer_and_no_verdict(answers: Path, run: Run) -> None:
    def cross(*arguments: str) -> str:
        done = run(sys.executable, "-m", "lmms_eval_cross", *arguments, cwd=answers)
        assert done.returncode == 0, done.stderr
        return done.stdout

    cross("judge", "good", "-o", "a")
    cross("label", "export", "a", "--n", "12", "-o", "batch")
    rows = list(csv.DictReader(io.StringIO((answers / "batch" / "batch.csv").read_text(encoding="utf-8"))))
    assert len(rows) == 12
    assert not any("Score" in value for row in rows for value in row.values())


def test_doctor_names_what_is_missing_and_fails_nothing(answers: Path, run: Run) -> None:
    done = run(sys.executable, "-m", "lmms_eval_cross", "doctor", cwd=answers)
    assert done.returncode == 0, done.stdout
    assert ("lmms-eval is not installed" in done.stdout) == (find_spec("lmms_eval") is None)


@pytest.mark.skipif(find_spec("lmms_eval") is not None, reason="lmms-eval is installed: this is of the light one")
def test_run_without_lmms_eval_is_one_sentence_with_the_line_that_adds_it(run: Run) -> None:
    done = run(sys.executable, "-m", "lmms_eval_cross", "run", "--", "--model", "dummy", "--tasks", "cross_demo")
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert '`python -m pip install "lmms-eval>=' in done.stderr


@pytest.mark.skipif(find_spec("lmms_eval") is not None, reason="lmms-eval is installed: this is of the light one")
def test_nothing_heavy_is_installed() -> None:
    assert [name for name in HEAVY if find_spec(name)] == []


def test_the_pins_of_the_gate_are_those_of_the_full_set() -> None:
    constraints = ROOT / "constraints.txt"
    if not constraints.is_file():
        pytest.skip("there is no constraints.txt: pins are not compared")
    full = set(pins(constraints))
    for name in ("gate.txt", "light-test.txt"):
        assert pins(ROOT / "requirements" / name) <= full


def pins(file: Path) -> set[str]:
    """`name==version` of every line."""
    lines = file.read_text(encoding="utf-8").splitlines()
    return {line.split(";")[0].strip() for line in lines if "==" in line and not line.startswith("#")}
