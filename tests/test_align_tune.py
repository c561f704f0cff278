"""`align tune` with TRL itself on tiny random models of three families: what it makes, and what it refuses."""

import json
import math
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("trl", reason="trl is not installed: nothing can be tuned (extra `align`)")

import torch
from transformers import AutoModelForImageTextToText, AutoProcessor, TrainerState

from lmms_eval_cross.align.dataset import open_dataset, write_dataset
from lmms_eval_cross.align.examples import ImageBlock, Kind, TextBlock, Turn
from lmms_eval_cross.align.tune import load_processor, picture_probe, training_arguments, tune
from lmms_eval_cross.align.tune_rows import load_training_data, within
from lmms_eval_cross.align.tune_save import last_checkpoint
from lmms_eval_cross.align.tune_watch import FirstSteps
from lmms_eval_cross.errors import AlignError, SettingsError, TuneError
from tests.align_data import make_example, make_image
from tests.command import cross, said
from tests.tuning import LORA, as_options, changes, make_job, with_base, write_start

pytestmark = [
    pytest.mark.long,
    pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::UserWarning", "ignore::DeprecationWarning"),
]
FAMILIES = ("qwen2_5_vl", "llava", "internvl")


@pytest.fixture(scope="module")
def starts(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Data and a base for each family; not to be changed."""
    return {family: write_start(tmp_path_factory.mktemp(family), family) for family in FAMILIES}


@pytest.fixture
def start(starts: dict[str, Path]) -> Path:
    """Of LLaVA, the quickest."""
    return starts["llava"]


@pytest.fixture
def base(start: Path, tmp_path: Path) -> Path:
    """A copy of the base, to be spoilt."""
    return Path(shutil.copytree(start / "base", tmp_path / "spoilt"))


def load(folder: Path) -> Any:
    return AutoModelForImageTextToText.from_pretrained(folder)


def moved(before: Any, after: Any) -> list[str]:
    """Names of the weights that differ."""
    others = after.state_dict()
    return [name for name, weight in before.state_dict().items() if not torch.equal(weight, others[name])]


def history(output: Path) -> list[dict[str, Any]]:
    (state,) = output.glob("checkpoints/checkpoint-*/trainer_state.json")
    rows: list[dict[str, Any]] = json.loads(state.read_text())["log_history"]
    return rows


@pytest.mark.parametrize("lora", [False, True], ids=["full", "lora"])
@pytest.mark.parametrize("kind", ["sft", "dpo"])
@pytest.mark.parametrize("family", FAMILIES)
def test_a_tuned_model_is_whole_and_is_another_one(
    family: str, kind: Kind, lora: bool, starts: dict[str, Path], tmp_path: Path
) -> None:
    job = make_job(starts[family], kind, tmp_path / "out", *(LORA if lora else ()))
    tune(job)
    assert moved(load(starts[family] / "base"), load(job.output))
    assert AutoProcessor.from_pretrained(job.output).chat_template
    losses = [float(row["loss"]) for row in history(job.output) if "loss" in row]
    assert len(losses) == 3
    if kind == "dpo":
        assert losses[0] == pytest.approx(math.log(2), abs=1e-3)
    else:
        assert losses[-1] > 0


def test_a_merged_adapter_says_what_model_and_adapter_say(start: Path, tmp_path: Path) -> None:
    from peft import PeftModel

    job = make_job(start, "sft", tmp_path / "out", *LORA, learning_rate=0.05)
    tune(job)
    shown, _ = picture_probe(job, load_processor(job.model)) or ({}, {})
    adapted = PeftModel.from_pretrained(load(start / "base"), str(job.output / "checkpoints" / "trained"))
    with torch.no_grad():
        logits = [model.eval()(**shown).logits for model in (adapted, load(job.output), load(start / "base"))]
    assert torch.allclose(logits[0], logits[1], atol=1e-4)
    assert not torch.allclose(logits[0], logits[2], atol=1e-2), "the adapter does something"


@pytest.mark.parametrize("kind", ["sft", "dpo"])
def test_an_answer_that_max_length_cuts_is_refused_before_training(kind: Kind, start: Path, tmp_path: Path) -> None:
    result = cross(*command(start, kind, tmp_path / "out"), *as_options(*changes(max_length=100)))
    assert result.exit_code == 2
    assert "max_length 100 would cut an answer in" in said(result)
    assert not list(tmp_path.glob("out/checkpoints/*"))


def test_a_run_that_ends_within_its_warm_up_is_refused(start: Path, tmp_path: Path) -> None:
    warmed_up = changes(max_steps=-1, num_train_epochs=1, warmup_steps=0.03, lr_scheduler_type="cosine")
    result = cross(*command(start, "sft", tmp_path / "out"), *as_options(*warmed_up, "batch_size=16"))
    assert result.exit_code == 2
    assert "12 example(s) in steps of 16 make 1 step(s), and 1 of warm-up" in said(result)


def test_a_picture_that_max_length_cuts_is_refused(start: Path, tmp_path: Path) -> None:
    result = cross(*command(start, "sft", tmp_path / "out"), *as_options(*changes(max_length=30)))
    assert result.exit_code == 2
    assert "max_length 30 would cut a picture in 12 example(s)" in said(result)


def test_a_template_that_writes_no_answer_leaves_nothing_to_learn(start: Path, base: Path, tmp_path: Path) -> None:
    spoil_template(base, "{% for message in messages %}", "{% for message in messages if message['role'] == 'user' %}")
    with pytest.raises(AlignError, match="completion has no token to learn"):
        tune(with_base(make_job(start, "sft", tmp_path / "out"), base))


def test_a_template_that_leaves_pictures_out_is_refused(start: Path, base: Path, tmp_path: Path) -> None:
    spoil_template(base, "<image>", "")
    with pytest.raises(SettingsError, match="leaves pictures out"):
        tune(with_base(make_job(start, "sft", tmp_path / "out"), base))


@pytest.mark.parametrize("kind", ["sft", "dpo"])
def test_a_model_that_does_not_see_is_stopped_before_the_first_step(
    kind: Kind, start: Path, base: Path, tmp_path: Path
) -> None:
    blind = load(base)
    blind.model.multi_modal_projector.linear_2.weight.data.zero_()
    blind.save_pretrained(base)
    with pytest.raises(TuneError, match="does not see"):
        tune(with_base(make_job(start, kind, tmp_path / "out"), base))
    assert last_checkpoint(tmp_path / "out") is None


def stale_trainer(start: Path, output: Path, fresh: bool, **trl: Any) -> Any:
    """TRL's own trap: a model that was changed in memory, and a reference that is loaded from its folder."""
    from trl import DPOTrainer

    job = make_job(start, "dpo", output, max_steps=1, **trl)
    model = load(start / "base")
    model.lm_head.weight.data.mul_(1.5)
    return DPOTrainer(
        model=model,
        args=training_arguments("dpo", job.preset, output / "checkpoints"),
        train_dataset=job.data.rows,
        processing_class=load_processor(job.model),
        callbacks=[FirstSteps("dpo", fresh, None)],
    )


def test_a_stale_reference_is_stopped_at_the_first_step(start: Path, tmp_path: Path) -> None:
    with pytest.raises(TuneError, match=r"must be 0\.6931"):
        stale_trainer(start, tmp_path, fresh=True).train()


@pytest.mark.parametrize(
    ("fresh", "trl"), [(False, {}), (True, {"label_smoothing": 0.1}), (True, {"loss_type": ["ipo"]})]
)
def test_only_a_fresh_sigmoid_run_must_begin_at_ln_2(
    fresh: bool, trl: dict[str, Any], start: Path, tmp_path: Path
) -> None:
    stale_trainer(start, tmp_path, fresh, **trl).train()


def test_a_run_that_diverges_is_stopped(start: Path, tmp_path: Path) -> None:
    job = make_job(start, "sft", tmp_path / "out", max_steps=20, learning_rate=1e30)
    with pytest.raises(TuneError, match=r"lower trl\.learning_rate"):
        tune(job)


def test_a_first_step_without_gradient_is_stopped() -> None:
    watch = FirstSteps("sft", True, None)
    with pytest.raises(TuneError, match="teaches nothing"):
        watch.on_log(None, TrainerState(global_step=1), None, {"loss": 7.1, "grad_norm": 0.0})
    watch.on_log(None, TrainerState(global_step=2), None, {"loss": 0.0, "grad_norm": 0.0})


def test_an_adapter_is_no_model_to_tune(start: Path, tmp_path: Path) -> None:
    tune(make_job(start, "sft", tmp_path / "out", *LORA))
    adapter = tmp_path / "adapter"
    adapter.mkdir()
    for name in ("adapter_config.json", "adapter_model.safetensors"):
        shutil.copy(tmp_path / "out" / "checkpoints" / "trained" / name, adapter)
    result = cross(*command(start, "dpo", tmp_path / "next", adapter), *as_options(*changes()))
    assert result.exit_code == 2
    assert "is an adapter and not a model, and it has no processor" in said(result)
    assert not (tmp_path / "next").exists()


def test_a_model_without_processor_is_refused(start: Path, base: Path, tmp_path: Path) -> None:
    for file in ("processor_config.json", "tokenizer_config.json", "tokenizer.json"):
        (base / file).unlink()
    with pytest.raises(SettingsError, match=r"has no processor|has a tokenizer and no processor"):
        tune(with_base(make_job(start, "sft", tmp_path / "out"), base))


def test_a_picture_before_its_text_is_put_behind_it_and_the_card_will_say_so(tmp_path: Path) -> None:
    image = make_image(1)
    turn = Turn("user", (ImageBlock(image.sha256, "a.png"), TextBlock("What is this?")))
    example = replace(make_example(1), prompt=(turn,))
    data = load_training_data(write_dataset(tmp_path / "data", "sft", [example], [image]), "sft")
    assert [block["type"] for block in data.rows[0]["prompt"][0]["content"]] == ["text", "image"]
    assert data.rows[0]["images"][0].size == (96, 64)
    assert any(note.startswith("1 example(s) changed for training") for note in data.notes)


def test_data_that_nobody_checked_are_refused(start: Path, tmp_path: Path) -> None:
    result = cross("align", "tune", "sft", start / "sft", "--model", start / "base", "-o", tmp_path / "out")
    assert result.exit_code == 2
    assert "is not known to be free of the benchmark" in said(result)
    assert not (tmp_path / "out").exists()


def test_data_of_the_other_kind_are_refused(start: Path, tmp_path: Path) -> None:
    result = cross("align", "tune", "sft", start / "dpo", "--model", "x", "--allow-unverified", "-o", tmp_path / "out")
    assert result.exit_code == 2
    assert "holds dpo data" in said(result)


def test_a_picture_is_scaled_to_the_presets_area_and_never_up() -> None:
    from PIL import Image

    assert within(Image.new("RGB", (400, 200)), 20_000).size == (200, 100)
    assert within(Image.new("RGB", (40, 20)), 20_000).size == (40, 20)


def test_the_card_says_what_was_done_and_keeps_the_marks_of_the_stage_before(start: Path, tmp_path: Path) -> None:
    first = make_job(start, "sft", tmp_path / "taught")
    tune(first)
    tune(with_base(make_job(start, "dpo", tmp_path / "tuned"), first.output))
    card = (tmp_path / "tuned" / "README.md").read_text(encoding="utf-8")
    assert "taught, tuned with preference pairs (DPO)" in card
    for dataset in (start / "sft", start / "dpo"):
        assert open_dataset(dataset).manifest.leak_check.state == "unchecked"
    assert card.count("| unchecked |") == 2, "the data of both stages"
    assert "The leak check is not clean" in card
    assert "**Disclaimer.**" in card
    assert "--model llava_hf" in card
    assert "trl 1." in card
    assert str(tmp_path) not in card
    assert (tmp_path / "tuned" / "curve.png").read_bytes().startswith(b"\x89PNG")


def test_a_finished_folder_and_one_with_other_settings_are_left_alone(start: Path, tmp_path: Path) -> None:
    tune(make_job(start, "sft", tmp_path / "out"))
    with pytest.raises(SettingsError, match="already holds a tuned model"):
        tune(make_job(start, "sft", tmp_path / "out"))
    (tmp_path / "out" / "README.md").unlink()
    with pytest.raises(SettingsError, match="begun with another preset"):
        tune(make_job(start, "sft", tmp_path / "out", learning_rate=0.5))
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "notes.txt").write_text("x")
    with pytest.raises(SettingsError, match="was not begun by"):
        tune(make_job(start, "sft", tmp_path / "mine"))


def command(start: Path, kind: Kind, output: Path, base: Path | None = None) -> list[object]:
    """`align tune` for the command line."""
    model = base or start / "base"
    return [
        "align",
        "tune",
        kind,
        start / kind,
        "--model",
        model,
        "--preset",
        "demo",
        "--allow-unverified",
        "-o",
        output,
    ]


def spoil_template(base: Path, old: str, new: str) -> None:
    file = base / "chat_template.jinja"
    template = file.read_text()
    assert old in template
    file.write_text(template.replace(old, new))
