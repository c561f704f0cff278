"""Picture contrast: pairs whose answers change places with the picture teach a model to look, and nothing else."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("trl", reason="trl is not installed: nothing can be tuned (extra `align`)")

import torch
from PIL import Image
from transformers import AutoModelForImageTextToText

from lmms_eval_cross.align.tune import GREY, collator, load_processor, tune
from tests.tuning import make_job, write_start

pytestmark = [
    pytest.mark.long,
    pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::UserWarning", "ignore::DeprecationWarning"),
]

STEPS = {"max_steps": 20, "learning_rate": 1e-3, "per_device_train_batch_size": 4, "logging_steps": 20}


def answer_log_probabilities(folder: str | Path, batch: Any) -> torch.Tensor:
    """Of the chosen answers, then of the rejected ones: shape (2 * pairs,), natural logarithm, summed over tokens."""
    model = AutoModelForImageTextToText.from_pretrained(folder).eval()
    inputs = {name: value for name, value in batch.items() if name != "completion_mask"}
    with torch.no_grad():
        logits = model(**inputs).logits[:, :-1]
    tokens = logits.log_softmax(-1).gather(-1, batch["input_ids"][:, 1:, None])[..., 0]
    return (tokens * batch["completion_mask"][:, 1:]).sum(1)


def reward_accuracy(tuned: Path, reference: str, batch: Any) -> float:
    """The share of pairs whose chosen answer has gained more than the rejected one."""
    gains = answer_log_probabilities(tuned, batch) - answer_log_probabilities(reference, batch)
    chosen, rejected = gains.chunk(2)
    return float((chosen > rejected).float().mean())


def test_picture_contrast_is_learnt_from_the_picture_and_from_nothing_else(tmp_path: Path) -> None:
    start = write_start(tmp_path / "start", "llava")
    job = make_job(start, "dpo", tmp_path / "out", "batch_size=4", **STEPS)
    job = replace(job, data=replace(job.data, rows=job.data.rows.select(range(4))))
    tune(job)
    rows = list(job.data.rows)
    collate = collator("dpo", load_processor(job.model))
    grey = [{**row, "images": [Image.new("RGB", picture.size, GREY) for picture in row["images"]]} for row in rows]
    accuracies = [reward_accuracy(job.output, job.model, collate(shown)) for shown in (rows, grey)]
    assert accuracies == [pytest.approx(1.0, abs=0.1), 0.5]
