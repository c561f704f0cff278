"""Rounds are of one model under the same settings, which a comparison names."""

import json
from pathlib import Path
from typing import Any

import pytest

from lmms_eval_cross.compare import words
from lmms_eval_cross.compare.baseline_file import write_baseline
from lmms_eval_cross.compare.comparison import Rules
from lmms_eval_cross.compare.decide import compare
from lmms_eval_cross.compare.inputs import load_side
from lmms_eval_cross.errors import RunError
from lmms_eval_cross.runs.model_under_test import model_under_test
from tests.made_runs import cross_samples, draw, write_run

SAMPLES = cross_samples()[:300]
SCORES = draw(SAMPLES, 0.9, 0)
FIRST = "model=gpt-4o,base_url=http://127.0.0.1:1/v1,seed=1"


def made_by(folder: Path, model_args: Any, temperature: float = 0.0, answer: str = "Yes.", **sizes: int) -> Path:
    """A run of lmms-eval's openai class with these arguments; each answer is the sample's own."""
    responses = {sample.sample_id: f"{answer} {sample.sample_id}" for sample in SAMPLES}
    write_run(folder, SAMPLES, SCORES, responses=responses)
    (file,) = folder.glob("*_results.json")
    results = json.loads(file.read_text(encoding="utf-8"))
    results["config"] = {"model": "openai", "model_args": model_args}
    for task, config in results["configs"].items():
        config["generation_kwargs"] = {"until": [], "temperature": temperature, "max_new_tokens": 2048}
        results["n-samples"][task].update(sizes)
    file.write_text(json.dumps(results), encoding="utf-8")
    return folder


def test_a_model_is_named_with_its_settings_and_without_paths() -> None:
    config = {"model": "vllm", "model_args": "pretrained=/home/someone/ckpt-100/,tensor_parallel_size=4,top_k=5"}
    generation = {"cross_casa": {"generation_kwargs": {"temperature": 0.7, "max_new_tokens": 512}}}
    described = model_under_test({"config": config, "configs": generation})
    assert str(described) == "vllm ckpt-100, top_k 5, temperature 0.7, max_new_tokens 512"
    of_the_hub = model_under_test(
        {"config": {"model": "qwen2_5_vl", "model_args": {"pretrained": "Qwen/Qwen2.5-VL-7B"}}}
    )
    assert str(of_the_hub) == "qwen2_5_vl Qwen/Qwen2.5-VL-7B"
    assert model_under_test({}) is None


@pytest.mark.long
@pytest.mark.parametrize(
    ("model_args", "temperature"),
    [("model=gpt-4o-mini", 0.0), ("model=gpt-4o,reasoning_effort=high", 0.0), ("model=gpt-4o", 1.0)],
)
def test_a_round_of_another_model_or_setting_is_refused(tmp_path: Path, model_args: str, temperature: float) -> None:
    one, other = made_by(tmp_path / "one", FIRST), made_by(tmp_path / "other", model_args, temperature)
    with pytest.raises(RunError, match=r"other \(openai gpt-4o.*\) is given as a round of one \(openai gpt-4o, temp"):
        load_side([one, other])
    baseline = tmp_path / "baseline.json"
    baseline.write_text(write_baseline(load_side([one])), encoding="utf-8")
    with pytest.raises(RunError, match="is given as a round of one"):
        load_side([baseline, other])


def test_another_seed_address_or_speed_is_the_same_model(tmp_path: Path) -> None:
    other = "model=gpt-4o,base_url=http://127.0.0.1:2/v1,seed=2,num_concurrent=8"
    side = load_side([made_by(tmp_path / "one", FIRST), made_by(tmp_path / "two", other, answer="No.")])
    assert len(side.rounds) == 2
    assert side.same_rounds == []


def test_a_copied_folder_is_told_to_be_no_round_and_a_limit_to_be_partial(tmp_path: Path) -> None:
    sizes = {"original": 828, "effective": 100}
    one, copy = made_by(tmp_path / "one", FIRST, **sizes), made_by(tmp_path / "copy", FIRST, **sizes)
    comparison = compare(load_side([one, copy]), load_side([one]), Rules(resamples=100))
    spread, same, *on_both_sides = words.notes(comparison)
    assert spread.startswith("Over the 2 rounds of the baseline: awareness 87.7 (sd 0.0), ")
    assert same == "one and copy, rounds of the baseline, have the same answers: they are one round, not two."
    assert len(on_both_sides) == 2
    assert on_both_sides[0].startswith(
        "one of the candidate has every answer and score of one of the baseline: one run "
    )
    assert "(partial: run with --limit)" in words.judged(comparison)
    assert words.sides(comparison) == (
        "one (+1) (openai gpt-4o, temperature 0, max_new_tokens 2048, 2 rounds) -> "
        "one (openai gpt-4o, temperature 0, max_new_tokens 2048)"
    )
