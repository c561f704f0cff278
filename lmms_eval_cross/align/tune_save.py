"""The result on disk: a model folder that lmms-eval loads, checkpoints on the way, and what a resumed run compares."""

import json
import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from peft import PeftModel
from transformers import AutoConfig, AutoModelForImageTextToText, AutoProcessor

from lmms_eval_cross.align.card import CARD
from lmms_eval_cross.align.tune_checks import ADAPTER
from lmms_eval_cross.errors import SettingsError
from lmms_eval_cross.files import file_sha256, write_text
from lmms_eval_cross.runs.tuned_on import RECORD, read_record, tunings

CHECKPOINTS: Final = "checkpoints"
_STATE: Final = "trainer_state.json"
"""Written last in a checkpoint: one without it was cut off."""


def base_record(model: str) -> dict[str, Any]:
    """What a base is called, and for a folder the hash of its configuration; no path of a machine."""
    folder = Path(model)
    if not folder.is_dir():
        return {"name": model, "config_sha256": None}
    return {"name": folder.resolve().name, "config_sha256": file_sha256(folder / "config.json")}


def tunings_before(model: str) -> list[dict[str, Any]]:
    """The stage and data of every `align tune` that made the base: their marks stay."""
    if not (Path(model) / RECORD).exists():
        return []
    return tunings(_record(Path(model)))


def _record(folder: Path) -> dict[str, Any]:
    try:
        return read_record(folder)
    except (OSError, ValueError) as error:
        raise SettingsError(f"{folder / RECORD} can't be read ({error}); name another folder.") from None


def begin(output: Path, begun: Mapping[str, Any]) -> None:
    """Write down what is run, or see that the run in `output` is the same.

    Raises:
        SettingsError: `output` holds a finished model, a run with other settings, or files that are not ours.
    """
    if (output / CARD).is_file():
        raise SettingsError(f"{output} already holds a tuned model: name another -o.")
    record = output / RECORD
    if not record.is_file():
        if output.is_dir() and any(output.iterdir()):
            raise SettingsError(f"{output} is not empty and was not begun by `align tune`: name another -o.")
        write_text(record, json.dumps(begun, indent=2, ensure_ascii=False) + "\n")
        return
    there = _identity(_record(output))
    changed = [name for name, value in _identity(begun).items() if value != there[name]]
    if changed:
        raise SettingsError(f"{output} was begun with another {' and '.join(changed)}: name another -o, or remove it.")


def _identity(begun: Mapping[str, Any]) -> dict[str, Any]:
    """What must be the same for a killed run to go on."""
    return {
        "stage": begun["stage"],
        "model": begun.get("base"),
        "dataset": begun["data"].get("sha256"),
        "preset": begun.get("preset"),
    }


def last_checkpoint(output: Path) -> str | None:
    """The newest checkpoint that was written whole."""
    whole = [state.parent for state in (output / CHECKPOINTS).glob(f"checkpoint-*/{_STATE}")]
    if not whole:
        return None
    return str(max(whole, key=lambda folder: int(folder.name.rpartition("-")[2])))


def save_trained(trainer: Any, output: Path) -> Path:
    """What was trained (all weights or the adapter), gathered from all ranks; every rank must call it."""
    folder = output / CHECKPOINTS / "trained"
    if trainer.is_fsdp_enabled:
        trainer.accelerator.state.fsdp_plugin.set_state_dict_type("FULL_STATE_DICT")
    trainer.save_model(str(folder))
    return folder


def save_model(trained: Path, base: str, output: Path) -> None:
    """Put the model into `output`: an adapter merged, in the base's type, with its processor."""
    folder = output / ".saving"
    shutil.rmtree(folder, ignore_errors=True)
    if (trained / ADAPTER).is_file():
        model = AutoModelForImageTextToText.from_pretrained(base, dtype="auto")
        model = PeftModel.from_pretrained(model, str(trained)).merge_and_unload()
    else:
        model = AutoModelForImageTextToText.from_pretrained(trained, dtype=_dtype(base))
    model.save_pretrained(folder)
    AutoProcessor.from_pretrained(base).save_pretrained(folder)
    for file in folder.iterdir():
        os.replace(file, output / file.name)
    folder.rmdir()


def _dtype(base: str) -> Any:
    return AutoConfig.from_pretrained(base).dtype or "auto"
