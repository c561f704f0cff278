"""Run lmms-eval and tell the truth about how it ended: lmms-eval itself exits with 0 on nearly everything."""

import hashlib
import os
import shutil
import subprocess
import sys
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

from lmms_eval_cross.errors import CrossError, RunError, SettingsError
from lmms_eval_cross.judge.keys import canonical_json
from lmms_eval_cross.kept_answers import CHUNK, FOLDER
from lmms_eval_cross.runs import load_run
from lmms_eval_cross.scorecard import advice, any_incomplete, build_scorecards, whys
from lmms_eval_cross.settings import load_settings

COMPLETE: Final = 0
USAGE: Final = 2
NO_VERDICT: Final = 3
OUTPUT: Final = "--output_path"
RUN_ID: Final = "CROSS_RUN_ID"


@dataclass(frozen=True, slots=True)
class Ending:
    """How a run ended."""

    exit_code: int
    sentence: str


def run_lmms_eval(arguments: Sequence[str], chunk: int) -> Ending:
    """Run lmms-eval with these arguments, or a launcher's whole command.

    Args:
        arguments: lmms-eval's (`--model ...`), or a command that starts it (`torchrun ... -m lmms_eval ...`).
        chunk: answers that a crash of the model may cost, on each rank.

    Raises:
        SettingsError: there are no arguments.
        RunError: the output folder can't be made.
    """
    settings = load_settings()
    asked = option(arguments, OUTPUT)
    output = fresh_folder(Path(asked or "runs"))
    kept = settings.home / "answers" / _name(arguments)
    run_id = f"{datetime.now():%Y%m%d-%H%M%S}-{uuid.uuid4().hex[:8]}"
    environment = {**os.environ, RUN_ID: run_id, CHUNK: str(chunk), FOLDER: str(kept)}
    status = subprocess.run(command(arguments, output), env=environment, check=False).returncode
    ending = judge_ending(status, output, run_id, settings.min_coverage)
    if ending.exit_code == COMPLETE:
        shutil.rmtree(kept, ignore_errors=True)
    return ending


def command(arguments: Sequence[str], output: Path) -> list[str]:
    """What is started: with its own output folder, and with samples logged."""
    if not arguments:
        raise SettingsError("There is nothing to run; give lmms-eval's arguments after `--`.")
    started = [*arguments] if not arguments[0].startswith("-") else [sys.executable, "-m", "lmms_eval", *arguments]
    started = _without(started, OUTPUT)
    return [*started, OUTPUT, str(output), *([] if "--log_samples" in started else ["--log_samples"])]


def option(arguments: Sequence[str], name: str) -> str | None:
    """The value of `--name value` or `--name=value`, the last one given."""
    values = [value for index, value in enumerate(arguments) if index and arguments[index - 1] == name]
    values += [argument.partition("=")[2] for argument in arguments if argument.startswith(f"{name}=")]
    return values[-1] if values else None


def _without(arguments: Sequence[str], name: str) -> list[str]:
    return [
        argument
        for index, argument in enumerate(arguments)
        if argument != name and not argument.startswith(f"{name}=") and not (index and arguments[index - 1] == name)
    ]


def fresh_folder(wanted: Path) -> Path:
    """The folder itself if this makes it, else one of its own with the date below it.

    Raises:
        RunError: it can't be made.
    """
    try:
        wanted.parent.mkdir(parents=True, exist_ok=True)
        for folder in (wanted, wanted / f"{datetime.now():%Y%m%d-%H%M%S}", wanted / f"{uuid.uuid4().hex[:12]}"):
            try:
                folder.mkdir()
            except FileExistsError:
                continue
            return folder
    except OSError as error:
        raise RunError(f"{wanted} can't be made ({error.strerror}); give another {OUTPUT}.") from None
    raise RunError(f"{wanted} can't be made anew; give another {OUTPUT}.")


def _name(arguments: Sequence[str]) -> str:
    """A name for the answers of this command, wherever its output goes."""
    return hashlib.sha256(canonical_json(_without(arguments, OUTPUT)).encode()).hexdigest()[:16]


def judge_ending(status: int, output: Path, run_id: str, min_coverage: float) -> Ending:
    """What an exit status and a folder tell.

    Args:
        status: lmms-eval's exit status; negative for a signal.
        output: the folder that it was to write into.
        run_id: what the ledger files its answers under.
        min_coverage: percent of answers that need a verdict.
    """
    again = f"run the same command again, or judge what it left with `lmms-eval-cross judge --run {run_id}`"
    if status == USAGE:
        return Ending(USAGE, "lmms-eval was not started or did not take its arguments.")
    try:
        run = load_run(output)
        cards = build_scorecards(answer.outcomes for answer in run.answers)
    except CrossError:
        how = f"was ended by signal {-status}" if status < 0 else f"ended with status {status}"
        return Ending(NO_VERDICT, f"lmms-eval {how} and wrote no whole run; {again}.")
    if status != COMPLETE:
        return Ending(NO_VERDICT, f"lmms-eval wrote {output}, but ended with status {status}; {again}.")
    if run.answers and any_incomplete(cards, min_coverage):
        told = "; ".join(map(str, cards.values()))
        missing = whys(answer.outcomes for answer in run.answers)
        return Ending(NO_VERDICT, f"{output} is incomplete: {told}. {advice(missing, str(output))}")
    return Ending(COMPLETE, f"{output} is complete.")
