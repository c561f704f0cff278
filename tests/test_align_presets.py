"""Presets: what is shipped is sound, and what a person writes wrongly is told in a sentence."""

from dataclasses import fields
from pathlib import Path

import pytest
import yaml

from lmms_eval_cross.align.examples import Kind
from lmms_eval_cross.align.preset import OURS, check_trl_names, load_preset, read_preset, shipped_presets
from lmms_eval_cross.errors import SettingsError
from tests.conftest import ROOT

HOSTED = "paper-gpt4o"


def write(path: Path, text: str) -> str:
    path.write_text(text, encoding="utf-8")
    return str(path)


@pytest.mark.long
@pytest.mark.parametrize("kind", ["sft", "dpo"])
@pytest.mark.parametrize("name", [name for name in shipped_presets() if name != HOSTED])
def test_trl_knows_every_name_of_a_shipped_preset(name: str, kind: Kind) -> None:
    trl = pytest.importorskip("trl", reason="trl is not installed: its names are not compared (extra `align`)")
    known = {field.name: field.type for field in fields(trl.SFTConfig if kind == "sft" else trl.DPOConfig)}
    recipe = load_preset(name, kind).recipe
    check_trl_names(recipe.trl, known, name)
    assert isinstance(recipe.trl["learning_rate"], float), "1e-4 is a number, whatever YAML 1.1 says"
    assert set(OURS) <= set(known) | {"packing", "padding_free", "precompute_ref_log_probs"}


def test_the_papers_values_are_those_of_its_table_13() -> None:
    recipe = load_preset("paper", "dpo").recipe
    assert (recipe.trl["num_train_epochs"], recipe.batch_size, recipe.trl["learning_rate"]) == (1, 8, 5e-4)
    assert recipe.trl["beta"] == 0.1
    hosted = read_preset(HOSTED).hosted
    assert (hosted["sft"].batch_size, hosted["sft"].learning_rate_multiplier, hosted["dpo"].beta) == (1, 2, 0.1)


def test_a_hosted_preset_is_not_run_here() -> None:
    with pytest.raises(SettingsError, match="describes a hosted job"):
        load_preset(HOSTED, "sft")


def test_an_unknown_preset_is_told_with_those_there_are() -> None:
    with pytest.raises(SettingsError, match="lora-8b is unknown: take one of demo, full-7b, lora-7b"):
        load_preset("lora-8b", "sft")


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("about: mine\nsft: {batch_size: 0}", r"batch_size: Input should be greater than 0, got 0"),
        ("about: mine\nsft: {batch_size: 8, lora: {rank: 8}}", r"sft: lora\.r: Field required"),
        ("about: mine\nsft: {batch_size: 8, speed: 9}", r"speed: Extra inputs are not permitted, got 9"),
        ("about: mine\nsft: {batch_size: 8, trl: {packing: true}}", r"trl\.packing can't be set, TRL can't pack"),
        ("about: mine\ndpo: {batch_size: 8}", r"has no part sft"),
        ("about: [", r"is not YAML"),
        ("- a list", r"the file: Input should be"),
    ],
)
def test_a_preset_that_is_wrong_is_told_in_a_sentence(text: str, sentence: str, tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=sentence):
        load_preset(write(tmp_path / "mine.yml", text), "sft")


def test_a_name_that_trl_does_not_have_is_told_with_the_nearest() -> None:
    with pytest.raises(SettingsError, match="no setting leaning_rate; did you mean learning_rate"):
        check_trl_names({"leaning_rate": 1}, {"learning_rate": float, "beta": float}, "mine")


@pytest.mark.parametrize("word", ["no", "yes", "off", "on"])
def test_a_word_of_trl_is_no_truth_value_and_none_where_one_is_taken(word: str) -> None:
    trl = load_preset("demo", "sft", [f"trl.save_strategy={word}", "trl.bf16=False"]).recipe.trl
    assert (trl["save_strategy"], trl["bf16"]) == (word, False)
    with pytest.raises(SettingsError, match=rf"trl\.bf16 takes true or false, got '{word}'"):
        check_trl_names({"bf16": word}, {"bf16": bool | None}, "mine")


def test_a_change_goes_over_the_preset_and_leaves_the_rest() -> None:
    recipe = load_preset("lora-7b", "sft", ["trl.learning_rate=3e-5", "lora.r=8"]).recipe
    assert recipe.trl["learning_rate"] == 3e-5
    assert recipe.trl["max_length"] == 4096
    assert recipe.lora is not None
    assert (recipe.lora.r, recipe.lora.lora_alpha) == (8, 64)
    with pytest.raises(SettingsError, match="--set takes KEY=VALUE"):
        load_preset("lora-7b", "sft", ["trl.learning_rate"])


@pytest.mark.long
def test_a_batch_that_can_not_be_divided_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    pytest.importorskip("trl", reason="trl is not installed (extra `align`)")
    from lmms_eval_cross.align.tune import training_arguments

    monkeypatch.setenv("WORLD_SIZE", "3")
    with pytest.raises(SettingsError, match="batch_size 16 can't be divided by 3"):
        training_arguments("sft", load_preset("lora-7b", "sft"), tmp_path)


@pytest.mark.long
@pytest.mark.parametrize("name", ["fsdp", "zero3"])
def test_accelerate_reads_the_examples_configuration(name: str) -> None:
    from accelerate.commands.config.config_args import load_config_from_file

    path = ROOT / "examples" / "align" / f"{name}.yaml"
    config = load_config_from_file(str(path))
    assert config.num_processes == 8
    written = yaml.safe_load(path.read_text(encoding="utf-8"))
    assert written["distributed_type"] in {"FSDP", "DEEPSPEED"}
