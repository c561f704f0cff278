"""What a run's model was tuned on: the mark of training data that may hold the test stays with its results."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from lmms_eval_cross.outside import parse_json, read_text

RECORD: Final = "tune.json"
"""What `align tune` leaves in the folder of a model."""


def read_record(folder: Path) -> dict[str, Any]:
    """What `align tune` left in a model's folder.

    Raises:
        OSError: there is nothing that can be read.
        ValueError: it left something else.
    """
    record = parse_json(read_text(folder / RECORD))
    try:
        for tuning in tunings(record):
            is_clean(tuning)
        return dict(record)
    except (KeyError, TypeError):
        raise ValueError(f"it is no {RECORD} of `align tune`") from None


def tunings(record: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The stage and data of every `align tune` behind a record, the first one first."""
    return [*record["before"], {"stage": record["stage"], "data": record["data"]}]


def is_clean(tuning: Mapping[str, Any]) -> bool:
    """Whether its data were known to be free of the benchmark."""
    return str(tuning["data"]["leak_check"]).startswith("clean")


def doubtful_tunings(results: Mapping[str, Any]) -> list[str]:
    """What the leak checks say that did not end clean, a sentence part for each stage of tuning.

    Told from the model's folder, as long as it lies where the run found it; empty for any other model.

    Args:
        results: lmms-eval's results.json.
    """
    folder = _model_folder(results.get("config", {}).get("model_args"))
    if folder is None:
        return []
    try:
        record = read_record(folder)
    except (OSError, ValueError):
        return []
    doubtful = [tuning for tuning in tunings(record) if not is_clean(tuning)]
    return [f"{tuning['stage']}: {tuning['data']['leak_check']}" for tuning in doubtful]


def _model_folder(arguments: object) -> Path | None:
    """The folder in `pretrained=FOLDER,...`, however lmms-eval wrote the arguments down."""
    if isinstance(arguments, str):
        pairs = [part.partition("=") for part in arguments.split(",")]
        arguments = {name: value for name, _, value in pairs}
    if not isinstance(arguments, Mapping):
        return None
    name = arguments.get("pretrained")
    if not isinstance(name, str) or not Path(name).is_dir():
        return None
    return Path(name)
