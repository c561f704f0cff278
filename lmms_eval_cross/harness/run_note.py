"""What the ledger notes of a run when its judging begins, for `ledger show`."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from lmms_eval_cross.files import without_home
from lmms_eval_cross.ledger.store import RunNote
from lmms_eval_cross.runs.model_under_test import model_under_test


def note_of_arguments(asked: Mapping[str, Any]) -> RunNote:
    """Of a run that begins, from the arguments of lmms-eval's `simple_evaluate`."""
    model = asked.get("model")
    if model is not None and not isinstance(model, str):  # a program may hand over the model itself
        model = type(model).__name__
    config = {"model": model, "model_args": asked.get("model_args")}
    folder = getattr(asked.get("cli_args"), "output_path", None)
    return _note(config, [task for task in asked.get("tasks") or () if isinstance(task, str)], folder)


def note_of_results(results: Mapping[str, Any], tasks: Iterable[str], folder: Path) -> RunNote:
    """Of a run that is judged from its files, which are written into `folder`."""
    return _note(results.get("config", {}), tasks, folder)


def _note(config: Mapping[str, Any], tasks: Iterable[str], folder: str | Path | None) -> RunNote:
    """The model as its results will tell it, but for generation settings, which are not known as a run begins."""
    model = model_under_test({"config": config})
    return RunNote(
        model=None if model is None else str(model),
        tasks=",".join(tasks) or None,
        folder=None if folder is None else without_home(folder),
    )
