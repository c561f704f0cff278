"""The result on disk: a model folder that lmms-eval loads, checkpoints on the way, and what a resumed run compares."""

import json
import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from lmms_eval_cross.align.tune_checks import ADAPTER
from lmms_eval_cross.data.source import write_text
from lmms_eval_cross.errors import SettingsError

CHECKPOINTS: Final = "checkpoints"
BEGUN: Final = "tune.json"
CARD: Final = "README.md"
"""Written last: a folder that has it is whole."""
_STATE: Final = "trainer_state.json"
"""Written last in a checkpoint: one without it was cut off."""


def begin(output: Path, identity: Mapping[str, Any]) -> None:
    """Write down what is run, or see that a begun run is the same.

    Raises:
        SettingsError: `output` holds a finished model, a run with other settings, or files that are not ours.
    """
    if (output / CARD).is_file():
        raise SettingsError(f"{output} already holds a tuned model: name another -o.")
    record = output / BEGUN
    if not record.is_file():
        if output.is_dir() and any(output.iterdir()):
            raise SettingsError(f"{output} is not empty and was not begun by `align tune`: name another -o.")
        write_text(record, json.dumps(identity, indent=2, ensure_ascii=False) + "\n")
        return
    begun = json.loads(record.read_text(encoding="utf-8"))
    changed = sorted(key for key in identity if begun.get(key) != identity[key])
    if changed:
        raise SettingsError(f"{output} was begun with another {', '.join(changed)}: name another -o, or remove it.")


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
    """Put the model into `output`: an adapter is merged, the type is the base's, the base's processor lies beside it."""
    from transformers import AutoModelForImageTextToText, AutoProcessor

    folder = output / ".saving"
    shutil.rmtree(folder, ignore_errors=True)
    if (trained / ADAPTER).is_file():
        from peft import PeftModel

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
    from transformers import AutoConfig

    return AutoConfig.from_pretrained(base).dtype or "auto"
