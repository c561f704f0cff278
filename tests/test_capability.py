"""`cross_capability`: lmms-eval's own MMMU and MMBench beside CROSS, tried on tiny stand-ins of their data."""

import importlib.util
import json
from pathlib import Path

import pytest
import yaml
from huggingface_hub import constants
from PIL import Image as Pictures

from lmms_eval_cross.benchmark.splits import CAPABILITY, SPLITS, tasks_folder
from lmms_eval_cross.errors import SettingsError
from lmms_eval_cross.harness import hub_login, run_checks
from lmms_eval_cross.report.build import build_report
from lmms_eval_cross.report.page import render_page
from lmms_eval_cross.report.page_options import PageOptions
from lmms_eval_cross.runs.run_files import load_run
from tests.conftest import Run as Command

THEIRS = Path(str(importlib.util.find_spec("lmms_eval").submodule_search_locations[0])) / "tasks"  # type: ignore[union-attr,index]
FILES = {"mmmu_val": "mmmu/mmmu_val.yaml", "mmbench_en_dev_static": "mmbench/mmbench_en_dev_static.yaml"}
TINY = {"tiny_mmmu": "mmmu_val", "tiny_mmbench": "mmbench_en_dev_static"}
RIGHT = {"tiny_mmmu": ["B", "(A)", "42", "A"], "tiny_mmbench": ["A", "D. ball"]}
"""Answers: of MMMU three of four are right, of MMBench one of two."""


def group() -> dict[str, object]:
    loaded: dict[str, object] = yaml.safe_load((tasks_folder() / f"{CAPABILITY}.yaml").read_text(encoding="utf-8"))
    return loaded


# ---- what goes wrong ---------------------------------------------------------------------------------------------


def test_missing_hub_login_is_a_sentence_before_a_model_is_loaded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr("lmms_eval_cross.harness.hub_login.get_token", lambda: None)
    with pytest.raises(SettingsError, match="hf auth login"):
        hub_login.check_hub_login()
    with pytest.raises(SettingsError, match="hf auth login"):
        run_checks.check_command_line({"tasks": [CAPABILITY]})


def test_login_or_an_offline_hub_passes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lmms_eval_cross.harness.hub_login.get_token", lambda: None)
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    hub_login.check_hub_login()
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr("lmms_eval_cross.harness.hub_login.get_token", lambda: "hf_made_up")
    hub_login.check_hub_login()


def test_group_names_tasks_that_exist_and_none_that_asks_gpt() -> None:
    names = group()["task"]
    assert names == ["cross_casa", "cross_safeworld", *FILES]
    assert {"cross_casa", "cross_safeworld"} <= set(SPLITS)
    for name, file in FILES.items():
        text = (THEIRS / file).read_text(encoding="utf-8")
        assert f'task: "{name}"' in text
        assert "eval_score" not in text or "results_static" in text


def test_group_has_no_mean_over_metrics_that_its_tasks_do_not_share() -> None:
    assert "aggregate_metric_list" not in group()


# ---- one command for both ----------------------------------------------------------------------------------------


def picture() -> Pictures.Image:
    return Pictures.new("RGB", (32, 24), "teal")


def write_mmmu(path: Path) -> None:
    """Four questions with MMMU's columns, one of them open-ended."""
    from datasets import Dataset, Features, Image, Value

    rows = [
        ("Art_1", "['x', 'y', 'z']", "B"),
        ("Art_2", "['x', 'y', 'z']", "A"),
        ("Math_1", "[]", "42"),
        ("Math_2", "['p', 'q']", "B"),
    ]
    columns = {
        "id": [f"validation_{name}" for name, _, _ in rows],
        "question": ["What is in <image 1>?"] * len(rows),
        "options": [options for _, options, _ in rows],
        "answer": [answer for _, _, answer in rows],
        "question_type": ["open" if options == "[]" else "multiple-choice" for _, options, _ in rows],
        "image_1": [picture() for _ in rows],
    }
    text = {name: Value("string") for name in columns if name != "image_1"}
    Dataset.from_dict(columns, Features({**text, "image_1": Image()})).to_parquet(path)


def write_mmbench(path: Path) -> None:
    """Two questions with MMBench's columns."""
    from datasets import Dataset, Features, Image, Value

    columns = {
        "index": [1, 2],
        "question": ["What is blue?", "What is round?"],
        "hint": ["nan", "nan"],
        "answer": ["A", "B"],
        **{letter: [thing, thing] for letter, thing in zip("ABCD", ("sea", "sun", "box", "ball"), strict=True)},
        "category": ["color", "shape"],
        "L2-category": ["perception", "perception"],
        "source": ["made up", "made up"],
        "split": ["dev", "dev"],
        "image": [picture(), picture()],
    }
    text = {name: Value("string") for name in columns if name not in {"index", "image"}}
    Dataset.from_dict(columns, Features({**text, "index": Value("int64"), "image": Image()})).to_parquet(path)


def write_tasks(folder: Path) -> None:
    """Tasks that include lmms-eval's and read the tiny data, and a group like ours."""
    folder.mkdir()
    write_mmmu(folder / "tiny_mmmu.parquet")
    write_mmbench(folder / "tiny_mmbench.parquet")
    for name, split in (("tiny_mmmu", "validation"), ("tiny_mmbench", "dev")):
        task = {
            "include": str(THEIRS / FILES[TINY[name]]),
            "task": name,
            "dataset_path": "parquet",
            "dataset_kwargs": {"data_files": {split: str(folder / f"{name}.parquet")}},
        }
        (folder / f"{name}.yaml").write_text(yaml.safe_dump(task), encoding="utf-8")
    both = {**group(), "group": "tiny_capability", "task": ["cross_demo", *TINY]}
    (folder / "tiny_capability.yaml").write_text(yaml.safe_dump(both), encoding="utf-8")


def write_answers(path: Path) -> None:
    """The careful model's answers to the demo, and answers to both capability tasks."""
    demo = Path(str(importlib.util.find_spec("lmms_eval_cross.demo").submodule_search_locations[0]))  # type: ignore[union-attr,index]
    rows = [
        {"task": task, "doc_id": number, "response": answer}
        for task, answers in RIGHT.items()
        for number, answer in enumerate(answers)
    ]
    text = "".join(json.dumps(row) + "\n" for row in rows)
    path.write_text((demo / "responses" / "careful.jsonl").read_text(encoding="utf-8") + text, encoding="utf-8")


def test_one_command_measures_both_and_the_report_shows_both(
    lmms_eval: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CROSS_JUDGE", "offline")
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
    write_tasks(tmp_path / "tasks")
    write_answers(tmp_path / "answers.jsonl")
    done = lmms_eval(
        *("--model", "cross_replay", "--model_args", f"responses={tmp_path / 'answers.jsonl'}"),
        *("--include_path", str(tmp_path / "tasks"), "--tasks", "tiny_capability"),
        *("--process_docs_parallel", "1", "--output_path", str(tmp_path / "run"), "--log_samples"),
    )
    run = load_run(tmp_path / "run")
    assert run.other_metrics == {"tiny_mmmu": {"mmmu_acc": 0.75}, "tiny_mmbench": {"gpt_eval_score": 50.0}}, done.stderr
    assert len(run.answers) == 12
    report = build_report([run], min_coverage=99)
    assert [each.percent for each in report.capabilities] == [{"run": 50.0}, {"run": 75.0}]
    assert "Safety beside capability" in render_page(report, PageOptions(images=False))
