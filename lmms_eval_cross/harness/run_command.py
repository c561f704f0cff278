"""Run lmms-eval and tell the truth about how it ended: lmms-eval itself exits with 0 on nearly everything."""

import hashlib
import os
import shutil
import subprocess
import sys
import uuid
from collections.abc import Iterable, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

from lmms_eval_cross.errors import CrossError, LedgerError, RunError, SettingsError
from lmms_eval_cross.harness.kept_answers import CHUNK, FOLDER
from lmms_eval_cross.ledger.hosts import ledger_file
from lmms_eval_cross.ledger.responses import has_responses
from lmms_eval_cross.ledger.store import Ledger
from lmms_eval_cross.runs.run_files import load_run
from lmms_eval_cross.runs.scorecard import describe_incomplete
from lmms_eval_cross.settings import Settings, load_settings
from lmms_eval_cross.text import canonical_json

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
    wanted = Path(option(arguments, OUTPUT) or "runs")
    new = [folder for folder in (wanted, *wanted.parents) if not folder.exists()]
    output = fresh_folder(wanted)
    kept = settings.home / "answers" / _name(arguments)
    run_id = f"{datetime.now():%Y%m%d-%H%M%S}-{uuid.uuid4().hex[:8]}"
    environment = {**os.environ, RUN_ID: run_id, CHUNK: str(chunk), FOLDER: str(kept)}
    status = subprocess.run(command(arguments, output), env=environment, check=False).returncode
    ending = judge_ending(status, output, run_id, settings)
    _remove_empty([output, *new])
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


def _remove_empty(folders: Iterable[Path]) -> None:
    """Remove what this made and lmms-eval left empty, from the inside out."""
    with suppress(OSError):
        for folder in dict.fromkeys(folders):
            folder.rmdir()


def _name(arguments: Sequence[str]) -> str:
    """A name for the answers of this command, wherever its output goes."""
    return hashlib.sha256(canonical_json(_without(arguments, OUTPUT)).encode()).hexdigest()[:16]


def judge_ending(status: int, output: Path, run_id: str, settings: Settings) -> Ending:
    """What an exit status, a folder and the ledger tell.

    Args:
        status: lmms-eval's exit status; negative for a signal.
        output: the folder that it was to write into.
        run_id: what the ledger files its answers under.
        settings: with the ledger, and the percent of answers that need a verdict.
    """
    if status == USAGE:
        return Ending(USAGE, "lmms-eval was not started or did not take its arguments.")
    try:
        run = load_run(output)
        incomplete = describe_incomplete(
            str(output), [answer.outcomes for answer in run.answers], settings.min_coverage
        )
    except CrossError:
        how = f"was ended by signal {-status}" if status < 0 else f"ended with status {status}"
        return Ending(NO_VERDICT, f"lmms-eval {how} and wrote no whole run; {_again(settings, run_id)}.")
    if status != COMPLETE:
        said = f"lmms-eval wrote {output}, but ended with status {status}; {_again(settings, run_id)}."
        return Ending(NO_VERDICT, said)
    if incomplete is not None:
        return Ending(NO_VERDICT, incomplete)
    return Ending(COMPLETE, f"{output} is complete.")


def _again(settings: Settings, run_id: str) -> str:
    """What to do about a run that did not end well."""
    if _left_answers(settings, run_id):
        return f"run the same command again, or judge what it left with `lmms-eval-cross judge --run {run_id}`"
    return "it left no answers, so mend what it says above and run the same command again"


def _left_answers(settings: Settings, run_id: str) -> bool:
    """Whether the ledger, which is not made for this, has answers of a run."""
    path, journal = ledger_file(settings.home, settings.ledger)
    if not path.is_file():
        return False
    try:
        with closing(Ledger(path, journal)) as ledger:
            return has_responses(ledger, run_id)
    except LedgerError:
        return False
