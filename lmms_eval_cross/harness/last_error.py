"""The error that lmms-eval ended with, handed from its processes to `lmms-eval-cross run`.

lmms-eval 0.7.3 prints a traceback, logs the error and exits with 0. Its processes write the line that the traceback
ends in to a folder that the environment names, each process to a file of its own. Nothing is read from their output,
so terminal, colours and progress bars stay theirs, and the lines of several ranks can't mix.
"""

import os
import sys
import traceback
from pathlib import Path
from types import TracebackType
from typing import Any, Final

ERRORS: Final = "CROSS_RUN_ERRORS"
"""The folder for errors; set by `lmms-eval-cross run`."""
LONGEST: Final = 500
"""Characters of a line that are handed on."""
_ENDS_IN: Final = ("lmms_eval.__main__", "cli_evaluate")
"""Module and function in which lmms-eval logs an exception and goes on to exit with 0."""


def record_errors() -> None:
    """Record what ends this process, if `lmms-eval-cross run` started it."""
    if ERRORS not in os.environ:
        return
    _record_uncaught()
    _record_logged()


def _record_uncaught() -> None:
    """Have Python's hook for uncaught exceptions record them too."""
    hook = sys.excepthook

    def record_and_print(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        _record(error)
        hook(kind, error, trace)

    sys.excepthook = record_and_print


def _record_logged() -> None:
    """Have loguru record what lmms-eval catches; it removes all sinks when it starts, but no patcher."""
    try:
        from loguru import logger  # lmms-eval brings it; without lmms-eval nothing is caught
    except ImportError:
        return

    def patch(record: Any) -> None:
        if (record["name"], record["function"]) == _ENDS_IN and record["level"].name == "ERROR":
            _record(sys.exc_info()[1])

    logger.configure(patcher=patch)


def _record(error: BaseException | None) -> None:
    """Write the line that the traceback ends in; what can't be written is on the terminal all the same."""
    if not isinstance(error, Exception):
        return
    file = Path(os.environ[ERRORS]) / f"{os.environ.get('RANK', '0')}-{os.getpid()}"
    try:
        file.write_text(error_line(error), encoding="utf-8", errors="replace")
    except OSError:
        return


def error_line(error: Exception) -> str:
    """Kind and message, as a traceback ends in; the message's first line."""
    text = "".join(traceback.format_exception_only(error)).strip()
    line = text.splitlines()[0]
    if len(line) > LONGEST:
        return f"{line[:LONGEST]} ..."
    return line


def first_error(folder: Path) -> str | None:
    """What ended the first process that died: with several ranks, the others fail after it for want of it."""
    earliest = min(folder.iterdir(), key=lambda file: file.stat().st_mtime_ns, default=None)
    if earliest is None:
        return None
    return earliest.read_text(encoding="utf-8")
