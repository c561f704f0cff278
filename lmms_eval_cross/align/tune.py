"""`align tune`: TRL's trainers on our data, with a preset, and guard rails before and during training."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Final

from accelerate import PartialState
from accelerate.utils import gather_object
from peft import LoraConfig
from PIL import Image
from transformers import AutoConfig, AutoProcessor, ProcessorMixin
from trl import DPOConfig, DPOTrainer, SFTConfig, SFTTrainer
from trl.trainer.dpo_trainer import DataCollatorForVisionPreference
from trl.trainer.sft_trainer import DataCollatorForVisionLanguageModeling

from lmms_eval_cross.align.card import evaluator_of, write_card
from lmms_eval_cross.align.examples import Kind
from lmms_eval_cross.align.preset import Preset, Recipe, check_trl_names
from lmms_eval_cross.align.tune_checks import check_examples, check_steps, check_template, measured, refuse_adapter
from lmms_eval_cross.align.tune_rows import TrainingData
from lmms_eval_cross.align.tune_save import (
    CHECKPOINTS,
    base_record,
    begin,
    last_checkpoint,
    save_model,
    save_trained,
    tunings_before,
)
from lmms_eval_cross.align.tune_watch import FirstSteps
from lmms_eval_cross.errors import CrossError, SettingsError

GREY: Final = (128, 128, 128)


@dataclass(frozen=True, slots=True)
class TuneJob:
    """What is tuned on what, and where the result goes."""

    stage: Kind
    model: str
    """A folder or a name on the Hub."""
    data: TrainingData
    preset: Preset
    output: Path

    command: str
    """How it was begun, for the model card."""

    def record(self) -> dict[str, Any]:
        """What `tune.json` says."""
        return {
            "stage": self.stage,
            "base": base_record(self.model),
            "data": {
                "name": self.data.name,
                "sha256": self.data.sha256,
                "leak_check": self.data.leak_check,
                "notes": list(self.data.notes),
                "unsafe": self.data.unsafe,
            },
            "preset": self.preset.recipe.model_dump(mode="json", exclude_none=True),
            "command": self.command,
            "before": tunings_before(self.model),
        }


def tune(job: TuneJob) -> str | None:
    """Tune, and leave a model in `job.output` that lmms-eval loads; a run that was killed goes on.

    Under accelerate or torchrun every rank calls it.

    Returns:
        What to type next; None on all ranks but the first.

    Raises:
        SettingsError: the extra is missing, or model, preset or output can't be used.
        AlignError: an example can't be learnt from.
        TuneError: training began and teaches nothing.
    """
    refuse_adapter(job.model)
    arguments = training_arguments(job.stage, job.preset, job.output / CHECKPOINTS)
    check_steps(len(job.data.rows), job.preset.recipe.batch_size, arguments)
    state = PartialState()
    with state.main_process_first():
        begin(job.output, job.record())
    processor = load_processor(job.model)
    _rehearse(job, processor, arguments.max_length, arguments.dataloader_num_workers)
    trainer = build_trainer(job, arguments, processor)
    trainer.train(resume_from_checkpoint=last_checkpoint(job.output))
    trained = save_trained(trainer, job.output)
    if state.is_main_process:
        save_model(trained, job.model, job.output)
        write_card(job.output, job.record(), job.preset, trainer.state.log_history)
    state.wait_for_everyone()
    return next_command(job.output) if state.is_main_process else None


def next_command(output: Path) -> str:
    """What evaluates the model in `output`."""
    return (
        f"{output}: now measure it: lmms-eval --model {evaluator_of(output)} --model_args pretrained={output} "
        f"--tasks cross --output_path runs/{output.name} --log_samples"
    )


def training_arguments(stage: Kind, preset: Preset, folder: Path) -> Any:
    """TRL's SFTConfig or DPOConfig of a preset.

    Raises:
        SettingsError: TRL does not know a name or refuses a value, or the batch can't be divided.
    """
    kind = SFTConfig if stage == "sft" else DPOConfig
    recipe = preset.recipe
    check_trl_names(recipe.trl, {field.name: field.type for field in fields(kind)}, preset.name)
    given = {"per_device_train_batch_size": 1, **recipe.trl}
    given |= {
        "output_dir": str(folder),
        "gradient_accumulation_steps": _accumulated(recipe.batch_size, given["per_device_train_batch_size"]),
        "logging_first_step": True,
        "logging_nan_inf_filter": False,
        "remove_unused_columns": False,
    }
    try:
        return kind(**given)
    except (ValueError, TypeError) as error:
        raise SettingsError(f"preset {preset.name}: TRL refuses it: {' '.join(str(error).split())}") from error


def _accumulated(batch_size: int, per_device: int) -> int:
    """Batches to accumulate for a step of `batch_size` examples over all processes."""
    processes = int(os.environ.get("WORLD_SIZE", "1"))
    steps, rest = divmod(batch_size, per_device * processes)
    if rest or not steps:
        raise SettingsError(
            f"batch_size {batch_size} can't be divided by {processes} process(es) with "
            f"trl.per_device_train_batch_size {per_device}: change one of them."
        )
    return steps


def load_processor(model: str) -> Any:
    """The processor of a model.

    Raises:
        SettingsError: there is none, or it can't show pictures.
    """
    try:
        processor = AutoProcessor.from_pretrained(model)
    except (OSError, ValueError) as error:
        raise SettingsError(f"{model} has no processor that can be loaded: {' '.join(str(error).split())}") from error
    if not isinstance(processor, ProcessorMixin):
        raise SettingsError(
            f"{model} has a tokenizer and no processor: it can't be shown a picture; take another model."
        )
    return processor


def _rehearse(job: TuneJob, processor: Any, max_length: int | None, workers: int) -> None:
    """Check every example before the model is loaded; a rank takes its share, and all end with the same sentence."""
    state = PartialState()
    check_template(processor, job.data.rows, job.model)
    share = job.data.rows.select(range(state.process_index, len(job.data.rows), state.num_processes))
    fits = measured(share, collator(job.stage, processor), picture_token(job.model), workers, state.is_main_process)
    problem: CrossError | None = None
    try:
        check_examples(fits, max_length, job.stage)
    except CrossError as error:
        problem = error
    for found in gather_object([problem]):
        if found is not None:
            raise found


def collator(stage: Kind, processor: Any) -> Any:
    """TRL's collator of a stage, which cuts nothing."""
    if stage == "dpo":
        return DataCollatorForVisionPreference(processor)
    return DataCollatorForVisionLanguageModeling(processor, completion_only_loss=True)


def picture_token(model: str) -> int | None:
    """The token that stands for a part of a picture, where the model's configuration names it."""
    config = AutoConfig.from_pretrained(model)
    return getattr(config, "image_token_id", None)


def build_trainer(job: TuneJob, arguments: Any, processor: Any) -> Any:
    """TRL's trainer of the job's stage, watched."""
    kind = SFTTrainer if job.stage == "sft" else DPOTrainer
    fresh = last_checkpoint(job.output) is None
    return kind(
        model=job.model,
        args=arguments,
        train_dataset=job.data.rows,
        processing_class=processor,
        peft_config=_lora(job.preset.recipe),
        callbacks=[FirstSteps(job.stage, fresh, picture_probe(job, processor))],
    )


def _lora(recipe: Recipe) -> Any:
    if recipe.lora is None:
        return None
    return LoraConfig(task_type="CAUSAL_LM", **recipe.lora.model_dump())


def picture_probe(job: TuneJob, processor: Any) -> tuple[Mapping[str, Any], Mapping[str, Any]] | None:
    """The inputs of the first example with a picture, as it is and with a grey one; None without pictures."""
    row = next((row for row in job.data.rows if row["images"]), None)
    if row is None:
        return None
    grey = [Image.new("RGB", picture.size, GREY) for picture in row["images"]]
    collate = collator(job.stage, processor)
    batches = [collate([dict(row)]), collate([{**row, "images": grey}])]
    learnt = {"labels", "completion_mask"}
    shown, hidden = ({key: value for key, value in batch.items() if key not in learnt} for batch in batches)
    return shown, hidden
