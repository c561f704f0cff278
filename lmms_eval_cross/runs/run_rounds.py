"""Rounds of one model: runs in folders below one that `run --rounds` made, or the answers of one with --repeats."""

import json
import os
from collections.abc import Iterator
from dataclasses import replace
from itertools import chain
from pathlib import Path
from typing import Any, Final

from lmms_eval_cross.errors import RunError
from lmms_eval_cross.files import write_text
from lmms_eval_cross.outside import parse_json, read_text
from lmms_eval_cross.runs.record_rounds import records_of, round_of
from lmms_eval_cross.runs.run_files import LoggedRun, load_run
from lmms_eval_cross.runs.run_places import MARK, only_run_place
from lmms_eval_cross.runs.sample_record import RECORD
from lmms_eval_cross.say import tell

MOST_ROUNDS: Final = 1000
SCHEMA: Final = "cross-rounds/1"
"""Of the mark, which says how many rounds there will be and what is run, as a hash of the command."""


ROUND: Final = "CROSS_RUN_ROUND"
"""The round that this process makes; set by `lmms-eval-cross run --rounds`."""


def round_in_progress() -> int | None:
    """The round that `run --rounds` has this process make, counted from 1; None in any other run."""
    return int(os.environ[ROUND]) if ROUND in os.environ else None


def round_of_folder(folder: Path) -> int | None:
    """The round that a folder holds by its place and name; None of a run that stands alone."""
    name, _, number = folder.name.partition("-")
    if name == "round" and number.isdecimal() and (folder.parent / MARK).is_file():
        return int(number)
    return None


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
    """The rounds in a folder, named after it, or in the lines of a run with --repeats; of anything else, the one run.

    Raises:
        RunError: a run can't be read.
    """
    paths = round_paths(path)
    if paths == [path]:
        return rounds_in(load_run(path))
    return [replace(load_run(one), name=f"{path.name}/{one.name}") for one in paths]


def rounds_in(run: LoggedRun) -> list[LoggedRun]:
    """A run of --repeats as a run a round; any other as it is."""
    numbers: set[int] = set()
    for row in chain.from_iterable(run.own_samples.values()):
        numbers.update(map(round_of, records_of(row.get(RECORD))))
    if len(numbers) < 2:
        return [run]
    return [_only_round(run, number) for number in sorted(numbers)]


def _only_round(run: LoggedRun, number: int) -> LoggedRun:
    """One of a run's rounds; the lines of tasks that are not ours are every round's."""
    samples: dict[str, list[dict[str, Any]]] = {}
    for task, rows in run.samples.items():
        samples[task] = list(chain.from_iterable(_lines_of_round(row, number) for row in rows))
    return replace(run, name=f"{run.name}/round-{number}", samples=samples)


def _lines_of_round(row: dict[str, Any], number: int) -> Iterator[dict[str, Any]]:
    if RECORD not in row:
        yield row
    for record in records_of(row.get(RECORD)):
        if RECORD in row and round_of(record) == number:
            yield {**row, RECORD: record}


def load_first_round(path: Path) -> LoggedRun:
    """The run at a path, for what reads one answer a sample; that a run with --repeats has more is told.

    Raises:
        RunError: as for `load_run`.
    """
    first, *others = rounds_in(load_run(path))
    if others:
        tell(f"{path} holds {len(others) + 1} rounds, made with --repeats; the answers of the first are read.")
    return first


def load_as_one(path: Path) -> LoggedRun:
    """The run at a path; of several rounds the first, under the name of them all, with the others as its further ones.

    Raises:
        RunError: a run can't be read.
    """
    first, *others = load_rounds(path)
    if not others:
        return first
    return replace(first, name=first.name.rpartition("/")[0], further_rounds=tuple(others))


def _read_mark(folder: Path) -> dict[str, Any]:
    try:
        told = parse_json(read_text(folder / MARK))
    except (OSError, ValueError) as error:
        raise RunError(f"{folder / MARK} can't be read ({error}); give the rounds one by one.") from None
    if (
        not isinstance(told, dict)
        or told.get("schema") != SCHEMA
        or told.get("rounds") not in range(1, MOST_ROUNDS + 1)
    ):
        raise RunError(f"{folder / MARK} is not of schema {SCHEMA!r}; give the rounds one by one.")
    return told
