"""Run lmms-eval and tell the truth about how it ended: lmms-eval itself exits with 0 on nearly everything."""

import hashlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import uuid
from collections.abc import Iterable, Mapping, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass
from datetime import datetime, timezone
from itertools import chain
from pathlib import Path
from typing import Final

from lmms_eval_cross.errors import CrossError, LedgerError, RunError, SettingsError
from lmms_eval_cross.harness.kept_answers import CHUNK, FOLDER, any_kept, claimed
from lmms_eval_cross.harness.known_bad import refuse_known_bad
from lmms_eval_cross.harness.last_error import ERRORS, first_error
from lmms_eval_cross.harness.lmms_eval_arguments import MODEL_ARGS, OUTPUT, option, refuse_commas, without_option
from lmms_eval_cross.ledger.hosts import ledger_address
from lmms_eval_cross.ledger.responses import has_responses
from lmms_eval_cross.ledger.store import Ledger
from lmms_eval_cross.runs.model_under_test import without_speed
from lmms_eval_cross.runs.run_files import load_newest_run
from lmms_eval_cross.runs.run_rounds import rounds_in
from lmms_eval_cross.runs.scorecard import describe_incomplete
from lmms_eval_cross.settings import Settings, load_settings
from lmms_eval_cross.text import canonical_json

COMPLETE: Final = 0
USAGE: Final = 2
NO_VERDICT: Final = 3
RUN_ID: Final = "CROSS_RUN_ID"
LMMS_EVAL: Final = "lmms_eval_cross.harness.lmms_eval_main"
"""What `python -m` starts: lmms-eval, with its errors recorded from its first import on."""


@dataclass(frozen=True, slots=True)
class Ending:
    """How a run ended."""

    exit_code: int
    sentence: str
    whole: bool = False
    """All answers are there, and written: the next run is another one, and makes its own."""


def run_lmms_eval(arguments: Sequence[str], chunk: int) -> Ending:
    """Run lmms-eval with these arguments, or a launcher's whole command.

    Args:
        arguments: lmms-eval's (`--model ...`), or a command that starts it (`torchrun ... -m lmms_eval ...`).
        chunk: answers that a crash of the model may cost, on each rank.

    Raises:
        SettingsError: there are no arguments, or a comma stands where lmms-eval can't take it.
        VersionError: a package here is known to break every run.
        RunError: the output folder can't be made.
    """
    refuse_known_bad()
    refuse_commas(arguments)
    settings = load_settings()
    wanted = Path(option(arguments, OUTPUT) or "runs")
    missing = [folder for folder in (wanted, *wanted.parents) if not folder.exists()]
    output = fresh_folder(wanted)
    answers, others = settings.home / "answers", that_decide(without_option(arguments, OUTPUT))
    with claimed(answers, hash_of([str(wanted.resolve()), *others]), answers / hash_of(others)) as folder:
        ending = _run(command(arguments, output), output, settings, chunk, folder)
        remove_empty([output, *missing])
        forget_answers(folder, ending)
    return ending


def forget_answers(folder: Path, ending: Ending) -> None:
    """Remove the answers that were kept for a next try, if the run ended so that none will need them."""
    if ending.whole or not any_kept(folder):
        shutil.rmtree(folder, ignore_errors=True)


def that_decide(arguments: Sequence[str]) -> list[str]:
    """The arguments that name a run: of `cross_api` without those that change no answer, such as a budget."""
    model_args = option(arguments, MODEL_ARGS)
    if option(arguments, "--model") != "cross_api" or model_args is None:
        return list(arguments)
    return [*without_option(arguments, MODEL_ARGS), MODEL_ARGS, without_speed(model_args)]


def _run(started: Sequence[str], output: Path, settings: Settings, chunk: int, answers: Path) -> Ending:
    """Run a command and judge its ending; it keeps answers as it goes."""
    run_id = new_run_id()
    status, error = run_to_the_end(started, {RUN_ID: run_id, CHUNK: str(chunk), FOLDER: str(answers)})
    return judge_ending(status, output, run_id, settings, error, any_kept(answers))


def new_run_id() -> str:
    """What the ledger files a run's answers under."""
    return f"{datetime.now(timezone.utc):%Y%m%d-%H%M%S}-{uuid.uuid4().hex[:8]}"


def run_to_the_end(started: Sequence[str], variables: Mapping[str, str]) -> tuple[int, str | None]:
    """Run a command with further environment variables; its exit status, and the error that lmms-eval ended with."""
    with tempfile.TemporaryDirectory(prefix="cross-run-") as errors:
        status = _exit_status(started, {**os.environ, **variables, ERRORS: errors})
        return status, first_error(Path(errors))


def _exit_status(started: Sequence[str], environment: Mapping[str, str]) -> int:
    """Run a command to its end; who ends this process ends that one, and is told how it ended."""
    with subprocess.Popen(started, env=environment) as process:
        before = signal.signal(signal.SIGTERM, lambda *_: process.terminate())
        try:
            return process.wait()
        except KeyboardInterrupt:
            process.terminate()
            raise
        finally:
            signal.signal(signal.SIGTERM, before)


def command(arguments: Sequence[str], output: Path) -> list[str]:
    """What is started: with its own output folder, and with samples logged."""
    if not arguments:
        raise SettingsError("There is nothing to run; give lmms-eval's arguments after `--`.")
    return launched([*without_option(arguments, OUTPUT), OUTPUT, str(output)])


def launched(arguments: Sequence[str]) -> list[str]:
    """A launcher's command as it is, lmms-eval's arguments behind what starts it; with samples logged."""
    started = list(arguments)
    if started[0].startswith("-"):
        started = [sys.executable, "-m", LMMS_EVAL, *started]
    if "--log_samples" not in started:
        started.append("--log_samples")
    return started


def fresh_folder(wanted: Path) -> Path:
    """The folder itself if this makes it, else one of its own with the date below it.

    Raises:
        RunError: it can't be made.
    """
    try:
        wanted.parent.mkdir(parents=True, exist_ok=True)
        now = f"{datetime.now(timezone.utc):%Y%m%d-%H%M%S}"
        for folder in (wanted, wanted / now, wanted / uuid.uuid4().hex[:12]):
            try:
                folder.mkdir()
            except FileExistsError:
                continue
            return folder
    except OSError as error:
        raise RunError(f"{wanted} can't be made ({error.strerror}); give another {OUTPUT}.") from None
    raise RunError(f"{wanted} can't be made anew; give another {OUTPUT}.")


def remove_empty(folders: Iterable[Path]) -> None:
    """Remove what this made and lmms-eval left empty, from the inside out."""
    with suppress(OSError):
        for folder in dict.fromkeys(folders):
            folder.rmdir()


def hash_of(words: Sequence[str]) -> str:
    """A name for a command."""
    return hashlib.sha256(canonical_json(words).encode()).hexdigest()[:16]


def judge_ending(
    status: int, output: Path, run_id: str, settings: Settings, error: str | None = None, kept: bool = False
) -> Ending:
    """What an exit status, a folder and the ledger tell.

    Args:
        status: lmms-eval's exit status; negative for a signal.
        output: the folder that it was to write into.
        run_id: what the ledger files its answers under.
        settings: with the ledger, and the percent of answers that need a verdict.
        error: the line that its traceback ends in.
        kept: the model's answers, or some of them, are kept for the next try.
    """
    if status == USAGE:
        return Ending(USAGE, "Nothing was run; the reason stands above.")
    try:
        rounds = rounds_in(load_newest_run(output))
        answers = list(chain.from_iterable(one.answers for one in rounds))
    except CrossError:
        happened = f"lmms-eval {_describe(status)} and wrote no whole run"
        return Ending(NO_VERDICT, f"{happened}; {_next_step(settings, run_id, error, kept)}")
    if status != COMPLETE:
        happened = f"lmms-eval wrote {output}, but ended with status {status}"
        return Ending(NO_VERDICT, f"{happened}; {_next_step(settings, run_id, error, kept)}")
    incomplete = describe_incomplete(str(output), answers, settings.min_coverage)
    if incomplete is not None:
        return Ending(NO_VERDICT, incomplete, whole=True)
    return Ending(COMPLETE, f"{output} is complete.", whole=True)


def _describe(status: int) -> str:
    if status < 0:
        return f"was ended by signal {-status}"
    return f"ended with status {status}"


def _next_step(settings: Settings, run_id: str, error: str | None, kept: bool) -> str:
    """What to do about a run that did not end well, and the error that it ended with."""
    step = "it left no answers, so mend what it says above and run the same command again"
    if kept:
        step = "mend what it says above and run the same command again, which goes on from the answers that it kept"
    if _left_answers(settings, run_id):
        step = f"run the same command again, or judge what it left with `lmms-eval-cross judge --run {run_id}`"
    if error is None:
        return f"{step}."
    return f"{step}; its last error: {error}"


def _left_answers(settings: Settings, run_id: str) -> bool:
    """Whether the ledger, which is not made for this, has answers of a run."""
    address, journal = ledger_address(settings)
    if isinstance(address, Path) and not address.is_file():
        return False
    try:
        with closing(Ledger(address, journal)) as ledger:
            return has_responses(ledger, run_id)
    except LedgerError:
        return False
