"""Tiny models and the demo's data, to tune in a few steps."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
import yaml

from lmms_eval_cross.align.dataset import open_dataset
from lmms_eval_cross.align.demo import write_demo
from lmms_eval_cross.align.examples import Kind
from lmms_eval_cross.align.importing import import_release
from lmms_eval_cross.align.pictures import Pictures
from lmms_eval_cross.align.preset import load_preset
from lmms_eval_cross.align.tune import TuneJob
from lmms_eval_cross.align.tune_rows import load_training_data

torch.set_num_threads(1)  # tiny models are slower in many threads, on a busy machine by far
FEW: dict[str, Any] = {
    "max_steps": 3,
    "per_device_train_batch_size": 2,
    "logging_steps": 1,
    "save_steps": 100,
    "dataloader_pin_memory": False,
    "use_cpu": True,
    "disable_tqdm": True,
}
LORA = ("lora.r=4", "lora.lora_alpha=8")


def write_start(folder: Path, family: str) -> Path:
    """A folder with `sft` and `dpo` data and a random `base` of a family."""
    write_demo(folder, family)
    import_release(folder / "source", folder, Pictures(folder / "source"), repair=False)
    return folder


def changes(*more: str, **trl: Any) -> tuple[str, ...]:
    """What `--set` is given for few steps."""
    settings = [f"trl.{name}={yaml.safe_dump(value).splitlines()[0]}" for name, value in (FEW | trl).items()]
    return ("batch_size=2", *settings, *more)


def make_job(start: Path, kind: Kind, output: Path, *more: str, **trl: Any) -> TuneJob:
    """A job of few steps on the data and base of `write_start`."""
    preset = load_preset("demo", kind, changes(*more, **trl))
    data = load_training_data(open_dataset(start / kind), kind)
    return TuneJob(kind, str(start / "base"), data, preset, output, f"lmms-eval-cross align tune {kind} ...")


def with_base(job: TuneJob, base: Path) -> TuneJob:
    """The same job on another model."""
    return replace(job, model=str(base))


def as_options(*settings: str) -> list[str]:
    """Settings as the command line takes them."""
    return [word for setting in settings for word in ("--set", setting)]
