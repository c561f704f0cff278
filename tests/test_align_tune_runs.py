"""`align tune` in processes of its own: killed and resumed, in two ranks, and loaded by lmms-eval's own classes.

tests/test_align_ten_commands.py has lmms-eval answer with what it makes.
"""

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

pytest.importorskip("trl", reason="trl is not installed: nothing can be tuned (extra `align`)")

import torch

from lmms_eval_cross.align.card import evaluator_of
from lmms_eval_cross.align.tune import tune
from lmms_eval_cross.align.tune_save import last_checkpoint
from tests.conftest import Run
from tests.test_align_tune import history, load, moved
from tests.tuning import LORA, as_options, changes, make_job, write_start

pytestmark = [
    pytest.mark.long,
    pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::UserWarning", "ignore::DeprecationWarning"),
]
ACCELERATE = [sys.executable, "-m", "accelerate.commands.launch", "--multi_gpu", "--num_machines", "1"]
ACCELERATE += ["--num_processes", "2", "--mixed_precision", "no", "--dynamo_backend", "no"]
ACCELERATE += ["--main_process_port", "29643"]


@pytest.fixture(autouse=True)
def one_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tiny models are slower in many threads."""
    monkeypatch.setenv("OMP_NUM_THREADS", "1")


@pytest.fixture(scope="module")
def start(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Data and a base of LLaVA; not to be changed."""
    return write_start(tmp_path_factory.mktemp("start"), "llava")


def typed(start: Path, output: Path, *settings: str) -> list[str]:
    """The command of `make_job`."""
    command = ["-m", "lmms_eval_cross", "align", "tune", "sft", str(start / "sft"), "--model", str(start / "base")]
    return [*command, "--preset", "demo", "--allow-unverified", "-o", str(output), *as_options(*settings)]


def losses(output: Path) -> list[tuple[int, float]]:
    """Step and loss of what was logged."""
    return [(row["step"], row["loss"]) for row in history(output) if "loss" in row]


def wait_for_checkpoint(output: Path, process: subprocess.Popen[bytes], seconds: float = 300) -> None:
    end = time.monotonic() + seconds
    while last_checkpoint(output) is None:
        assert process.poll() is None, "it ended by itself"
        assert time.monotonic() < end
        time.sleep(0.02)


def test_a_killed_run_goes_on_and_ends_as_if_it_had_not_been_killed(start: Path, tmp_path: Path) -> None:
    trl = {"max_steps": 12, "save_steps": 2, "save_total_limit": 1, "dataloader_num_workers": 0}
    settings = changes(*LORA, **trl)
    killed = tmp_path / "killed"
    process = subprocess.Popen([sys.executable, *typed(start, killed, *settings)], cwd=tmp_path)
    try:
        wait_for_checkpoint(killed, process)
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
    done = last_checkpoint(killed)
    assert done is not None
    assert int(done.rpartition("-")[2]) < 12
    tune(make_job(start, "sft", killed, *LORA, **trl))
    tune(make_job(start, "sft", tmp_path / "whole", *LORA, **trl))
    steps = [losses(tmp_path / name) for name in ("killed", "whole")]
    assert steps[0] == steps[1]
    assert not moved(load(killed), load(tmp_path / "whole"))


def test_a_checkpoint_that_was_cut_off_is_passed_over(tmp_path: Path) -> None:
    for step, files in ((2, ["trainer_state.json", "model.safetensors"]), (10, ["model.safetensors"])):
        folder = tmp_path / "checkpoints" / f"checkpoint-{step}"
        folder.mkdir(parents=True)
        for name in files:
            (folder / name).touch()
    assert last_checkpoint(tmp_path) == str(tmp_path / "checkpoints" / "checkpoint-2")
    assert last_checkpoint(tmp_path / "none") is None


def test_two_ranks_train_one_model_with_the_batch_that_was_asked_for(run: Run, start: Path, tmp_path: Path) -> None:
    settings = changes(*LORA, max_steps=2, per_device_train_batch_size=1)
    done = run(*ACCELERATE, *typed(start, tmp_path / "two", *settings))
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("now measure it") == 1
    tune(make_job(start, "sft", tmp_path / "one", *LORA, max_steps=2, per_device_train_batch_size=2))
    first = [losses(tmp_path / name)[0][1] for name in ("two", "one")]
    assert first[0] == pytest.approx(first[1], rel=1e-2), "the same two examples"
    assert (tmp_path / "two" / "README.md").is_file()


@pytest.mark.parametrize("family", ["qwen2_5_vl", "llava", "internvl"])
def test_the_class_that_the_card_names_loads_the_tuned_weights(family: str, tmp_path: Path) -> None:
    pytest.importorskip("decord", reason="decord is not installed: lmms-eval's classes need it (extra `models`)")
    from lmms_eval.models import get_model

    tune(make_job(write_start(tmp_path / "start", family), "sft", tmp_path / "tuned", *LORA, max_steps=1))
    name = evaluator_of(tmp_path / "tuned")
    loaded = get_model(name)(pretrained=str(tmp_path / "tuned"), device="cpu", device_map="cpu").model
    weights = loaded.state_dict()
    ours = {key: weight.to(weights[key].dtype) for key, weight in load(tmp_path / "tuned").state_dict().items()}
    assert all(torch.equal(weights[key], weight) for key, weight in ours.items()), "internvl_hf has them in bfloat16"
    assert name in (tmp_path / "tuned" / "README.md").read_text(encoding="utf-8")
