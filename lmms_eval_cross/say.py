"""The one door to the terminal: whatever is said goes out as text and as nothing else (ruff.toml bans `print`)."""

import re
import sys
from typing import Final

from lmms_eval_cross.text import COLOUR, laid_out, printable_lines

STOPPED: Final = "Stopped by Ctrl-C: nothing is half-written, and the same command can be typed again."


def say(text: object, err: bool = False) -> None:
    """Print lines, made safe for terminals and CI logs (`lmms_eval_cross.text`)."""
    _write(printable_lines(str(text)) + "\n", err)


def tell(sentence: object) -> None:
    """Say something about a run on stderr, under our name."""
    say(f"lmms-eval-cross: {sentence}", err=True)


def show(coloured: str) -> None:
    """Print what is laid out and coloured already, from texts that are `printable`; no terminal, no colours."""
    coloured = laid_out(coloured)
    _write(coloured if sys.stdout.isatty() else re.sub(COLOUR, "", coloured), err=False)


def _write(text: str, err: bool) -> None:
    stream = sys.stderr if err else sys.stdout
    encoding = stream.encoding or "utf-8"
    stream.write(text.encode(encoding, "backslashreplace").decode(encoding))
    stream.flush()
