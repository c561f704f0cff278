"""Rounds: runs of one model with a seed each, in folders below one that `run --rounds` made."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from lmms_eval_cross.errors import RunError
from lmms_eval_cross.files import write_text
from lmms_eval_cross.runs.run_files import LoggedRun, load_run
from lmms_eval_cross.runs.run_places import MARK, only_run_place

SCHEMA: Final = "cross-rounds/1"
"""Of the mark, which says how many rounds there will be and what is run, as a hash of the command."""


def round_folder(folder: Path, number: int) -> Path:
    """Where a round, counted from 1, lies."""
    return folder / f"round-{number}"


def begin_rounds(folder: Path, rounds: int, command: str) -> None:
    """Make a folder of rounds, or go on with it.

    Args:
        folder: new, empty, or made by the same command.
        rounds: how many there will be.
        command: a hash of what is run.

    Raises:
        RunError: the folder holds something else.
        SettingsError: it can't be written.
    """
    told = {"schema": SCHEMA, "rounds": rounds, "command": command}
    if (folder / MARK).is_file():
        if _read_mark(folder) != told:
            raise RunError(f"{folder} holds rounds of another command; give another --output_path.")
        return
    if folder.is_dir() and any(folder.iterdir()):
        raise RunError(f"{folder} is not empty, and rounds want a folder of their own; give another --output_path.")
    write_text(folder / MARK, json.dumps(told, indent=1) + "\n")


def round_paths(path: Path) -> list[Path]:
    """The folders of the rounds in a folder that `run --rounds` made; of anything else, the path alone.

    Raises:
        RunError: a round is missing, or there are several models' runs.
    """
    path = only_run_place(path)
    if not (path / MARK).is_file():
        return [path]
    total = _read_mark(path)["rounds"]
    folders = [round_folder(path, number) for number in range(1, total + 1)]
    there = list(filter(Path.is_dir, folders))
    if len(there) < total:
        raise RunError(
            f"{path} holds {len(there)} of its {total} rounds; type the command that began them again, or name what "
            "is there one by one."
        )
    return folders


def copy_mark(path: Path, output: Path) -> None:
    """Have a folder that rounds were written to anew be a folder of rounds, as the one that they came from.

    Raises:
        SettingsError: it can't be written.
    """
    if (path / MARK).is_file():
        write_text(output / MARK, (path / MARK).read_text(encoding="utf-8"))


def load_rounds(path: Path) -> list[LoggedRun]:
    """The rounds in a folder, named after it; of anything else, the one run.

    Raises:
        RunError: a run can't be read.
    """
    paths = round_paths(path)
    if paths == [path]:
        return [load_run(path)]
    return [replace(load_run(one), name=f"{path.name}/{one.name}") for one in paths]


def load_as_one(path: Path) -> LoggedRun:
    """The run at a path; of a folder of rounds the first, named as the folder, with the others as its further rounds.

    Raises:
        RunError: a run can't be read.
    """
    first, *others = load_rounds(path)
    if not others:
        return first
    return replace(first, name=path.name, further_rounds=tuple(others))


def _read_mark(folder: Path) -> dict[str, Any]:
    try:
        told = json.loads((folder / MARK).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise RunError(f"{folder / MARK} can't be read ({error}); give the rounds one by one.") from None
    if not isinstance(told, dict) or told.get("schema") != SCHEMA or not isinstance(told.get("rounds"), int):
        raise RunError(f"{folder / MARK} is not of schema {SCHEMA!r}; give the rounds one by one.")
    return told
