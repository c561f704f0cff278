"""What lmms-eval is asked for is checked before it makes a model, by its own arguments and by the hooks in use."""

import argparse
import inspect
import json
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from lmms_eval_cross.benchmark.splits import CAPABILITY, tasks_folder
from lmms_eval_cross.errors import JudgeSetupError, SettingsError
from lmms_eval_cross.harness import run_checks
from lmms_eval_cross.harness.cache_hook import hook_cache
from lmms_eval_cross.harness.selection import read_selection
from lmms_eval_cross.harness.sharing import refuse_sharing
from tests.conftest import Run
from tests.runs import read_results, read_samples

OURS = tasks_folder()


def index_of(folder: Path) -> dict[str, dict[str, Any]]:
    """As lmms-eval's TaskManager indexes it: our folder and another."""
    from lmms_eval.tasks import TaskManager

    manager = TaskManager.__new__(TaskManager)
    manager.logger = SimpleNamespace(debug=print, warning=print)  # type: ignore[assignment]
    return {**manager._get_task_and_group(str(OURS)), **manager._get_task_and_group(str(folder))}


def write_renamed(folder: Path, name: str = "my_scenes") -> Path:
    """A task that includes one of ours under another name."""
    folder.mkdir(exist_ok=True)
    file = folder / f"{name}.yaml"
    file.write_text(f"include: {OURS / 'cross_demo.yaml'}\ntask: {name}\ntask_alias: {name}\n", encoding="utf-8")
    return file


def asked(index: dict[str, Any], **arguments: Any) -> dict[str, Any]:
    """The arguments of lmms-eval's simple_evaluate that are read."""
    typed = argparse.Namespace(reasoning_tags=arguments.pop("reasoning_tags", None))
    defaults = {"apply_chat_template": False, "use_cache": None, "predict_only": False, "cli_args": typed, "repeats": 1}
    seeds = {"random_seed": 0, "numpy_random_seed": 1, "torch_random_seed": None}
    return {**defaults, **seeds, "task_manager": SimpleNamespace(task_index=index), **arguments}


# ---- what needs us ------------------------------------------------------------------------------------------------


@pytest.mark.long
def test_a_task_is_ours_by_its_hooks_whatever_its_name(tmp_path: Path) -> None:
    from lmms_eval.utils import load_yaml_config

    file = write_renamed(tmp_path)
    (tmp_path / "set.yaml").write_text("group: set\ntask: [my_scenes, {task: cross_casa, num_fewshot: 0}]\n")
    (tmp_path / "other.yaml").write_text("task: other\ndataset_path: x\noutput_type: generate_until\n")
    index = index_of(tmp_path)
    for selected, tasks, splits in (
        (["my_scenes"], {"my_scenes"}, {"demo"}),
        (["set"], {"my_scenes", "cross_casa"}, {"demo", "casa_english"}),
        (["other", "nonesuch"], set(), set()),
        (["cultural_safety"], None, {f"{s}_{w}" for s in ("casa", "safeworld") for w in ("english", "multilingual")}),
    ):
        selection = read_selection(index, selected)
        assert tasks is None or selection.tasks == tasks
        assert selection.splits == splits
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CROSS_JUDGE", "offline")
        loaded = load_yaml_config(str(file))
    assert read_selection({}, [loaded]).tasks == {"my_scenes"}


@pytest.mark.long
def test_a_renamed_task_without_a_key_is_refused_and_a_run_that_only_collects_is_not(tmp_path: Path) -> None:
    index = index_of(write_renamed(tmp_path).parent)
    with pytest.raises(JudgeSetupError, match="CROSS_JUDGE_API_KEY"):
        run_checks.check_command_line(asked(index, tasks=["my_scenes"]))
    run_checks.check_command_line(asked(index, tasks=["my_scenes"], predict_only=True))
    with pytest.raises(JudgeSetupError):
        run_checks.check_command_line(asked(index, tasks=["my_scenes"]))


@pytest.mark.long
def test_a_chat_template_is_refused_for_our_tasks_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CROSS_JUDGE", "offline")
    index = index_of(tmp_path)
    with pytest.raises(SettingsError, match="--apply_chat_template is for text models"):
        run_checks.check_command_line(asked(index, tasks=["cross_demo"], apply_chat_template=True))
    run_checks.check_command_line(asked(index, tasks=["nonesuch"], apply_chat_template=True))


@pytest.mark.long
def test_repeats_are_refused_where_one_answer_alone_would_be_judged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("CROSS_JUDGE", "offline")
    old = "filter_list: [{name: none, filter: [{function: take_first}]}]\n"
    file = write_renamed(tmp_path)
    index = index_of(tmp_path)
    run_checks.check_command_line(asked(index, tasks=["cross_demo", "my_scenes"], repeats=3))
    assert "seeds all rounds once (0, 1, None for random, NumPy and torch)" in capsys.readouterr().err
    file.write_text(file.read_text(encoding="utf-8") + old, encoding="utf-8")
    with pytest.raises(SettingsError, match=r"--repeats is 3, and the filters of my_scenes .* run --rounds 3"):
        run_checks.check_command_line(asked(index, tasks=["cross_demo", "my_scenes"], repeats=3))
    monkeypatch.setenv("CROSS_RUN_ROUND", "2")
    with pytest.raises(SettingsError, match="--rounds and --repeats both make rounds"):
        run_checks.check_command_line(asked(index, tasks=["cross_demo"], repeats=3))


@pytest.mark.parametrize(
    "typed", [{"wandb_log_samples": True}, {"hf_hub_log_args": "hub_results_org=us,push_samples_to_hub=True"}]
)
@pytest.mark.long
def test_samples_of_cross_are_uploaded_only_where_that_was_allowed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, typed: dict[str, Any]
) -> None:
    monkeypatch.setenv("CROSS_JUDGE", "offline")
    arguments = argparse.Namespace(**typed)
    with pytest.raises(SettingsError, match=r"uploads every sample, and CROSS, which has no licence"):
        refuse_sharing(arguments, {"demo", "casa_english"})
    refuse_sharing(arguments, {"demo"})
    refuse_sharing(argparse.Namespace(hf_hub_log_args="push_samples_to_hub=False"), {"casa_english"})
    monkeypatch.setenv("CROSS_SHARE_SAMPLES", "yes")
    refuse_sharing(arguments, {"casa_english"})


def test_a_pattern_that_selects_groups_beside_their_tasks_is_refused() -> None:
    selected = ["cross_capability", "cross_casa", "cross_english"]
    with pytest.raises(SettingsError, match=r"--tasks cross_\* selects groups .*cross_capability, cross_english"):
        run_checks.refuse_groups_by_pattern(["cross_*"], selected)
    run_checks.refuse_groups_by_pattern(["*casa*"], ["cross_casa", "cross_casa_multilingual"])
    run_checks.refuse_groups_by_pattern(["cross_english", CAPABILITY], ["cross_english", CAPABILITY])


# ---- what lmms-eval would do otherwise ----------------------------------------------------------------------------


def test_failures_are_neither_stored_nor_replayed_by_use_cache(tmp_path: Path) -> None:
    from lmms_eval.caching.response_cache import ResponseCache

    failure = "[LMMS_EVAL_REQUEST_FAILED after 5 retries] timeout"
    cache = ResponseCache(str(tmp_path / "old.db"), str(tmp_path / "old.jsonl"))
    cache._store("failed", "generate_until", "cross_demo", 0, 0, {}, failure)
    cache._store("answered", "generate_until", "cross_demo", 1, 0, {}, "Take the plain one.")
    hook_cache()
    assert cache._lookup("failed") is None, "an earlier release's cache may hold it"
    assert cache._lookup("answered") == "Take the plain one."
    assert not cache._is_valid_response(failure, "generate_until")
    assert cache._is_valid_response("Take the plain one.", "generate_until")
    cache.close()


@pytest.mark.long
def test_results_go_into_the_table_of_weights_and_biases() -> None:
    wandb_logger = pytest.importorskip("lmms_eval.loggers.wandb_logger")
    logged: list[Any] = []
    logger = wandb_logger.WandbLogger.__new__(wandb_logger.WandbLogger)
    logger.run, logger.group_names = SimpleNamespace(log=logged.append), []
    entry = {"compliance,none": 50.0, "compliance_stderr,none": "N/A", "cross,none": [], "cross_stderr,none": []}
    logger.results = {"results": {"cross_demo": entry}, "versions": {}, "n-shot": {}}
    with pytest.raises(TypeError, match="must be real number, not list"):
        logger._log_results_as_table()
    run_checks.without_empty_record(logger.results)
    logger._log_results_as_table()
    (table,) = logged[0].values()
    assert table.data == [["cross_demo", None, "none", None, "compliance", "50.0", "N/A"]]


# ---- and all of it on the real command line -----------------------------------------------------------------------

SEVERAL_RUNS = """
import json, sys
from lmms_eval.__main__ import cli_evaluate
for arguments in json.loads(sys.argv[1]):
    sys.argv = ["lmms-eval", *arguments]
    try:
        cli_evaluate()
        print("ENDED", flush=True)
    except SystemExit as ended:
        print("EXIT", ended.code, flush=True)
"""


def test_arguments_are_those_that_lmms_eval_parsed(
    run: Run, cross: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CROSS_JUDGE_BASE_URL", "http://127.0.0.1:9/v1")
    folder = write_renamed(tmp_path / "tasks").parent
    responses = cross("demo-responses", "careful").stdout.strip()
    model = ["--model", "cross_replay", "--model_args", f"responses={responses}", "--include_path", str(folder)]
    short = [*model, "--tasks", "my_scenes", "-x", "--output_path", str(tmp_path / "short")]
    config = tmp_path / "config.yml"
    config.write_text(json.dumps({"predict_only": True, "tasks": "cross_demo", "num_fewshot": 2}), encoding="utf-8")
    configured = [*model, "--config", str(config), "--output_path", str(tmp_path / "configured")]
    judged = [*model, "--tasks", "my_scenes", "--output_path", str(tmp_path / "judged")]
    pattern = [*model, "--tasks", "cross_*", "-x", "--output_path", str(tmp_path / "pattern")]
    done = run(sys.executable, "-c", SEVERAL_RUNS, json.dumps([short, configured, judged, pattern]))
    lines = [line for line in done.stdout.splitlines() if line.startswith(("ENDED", "EXIT"))]
    assert lines == ["ENDED", "ENDED", "EXIT 2", "EXIT 2"], done.stderr
    assert len(read_samples(tmp_path / "short")) == 12
    assert read_results(tmp_path / "configured")["n-shot"] == {"cross_demo": 0}
    assert "set CROSS_JUDGE_API_KEY" in done.stderr
    assert "type `--tasks cross` for all of CROSS" in done.stderr


@pytest.mark.long
def test_the_parser_of_lmms_eval_has_what_is_read_of_it() -> None:
    from lmms_eval.evaluator import simple_evaluate

    names = set(inspect.signature(simple_evaluate).parameters)
    assert {"tasks", "task_manager", "predict_only", "use_cache", "apply_chat_template", "cli_args", "repeats"} <= names
