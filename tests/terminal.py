"""A pseudo-terminal, and what a command shows there."""

import fcntl
import os
import struct
import subprocess
import sys
import termios
from collections.abc import Iterator
from contextlib import suppress


def new_terminal(columns: int) -> tuple[int, int]:
    """Our end, and the one for a command."""
    ours, theirs = os.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    return ours, theirs


def read_terminal(descriptor: int) -> Iterator[str]:
    """What is shown, until nobody writes any more."""
    with suppress(OSError):  # a pseudo-terminal ends so once nobody writes to it
        while text := os.read(descriptor, 65_536):
            yield text.decode(errors="replace")


def shown_on_terminal(columns: int, *arguments: str) -> str:
    """What `lmms-eval-cross` shows on a terminal of so many columns."""
    ours, theirs = new_terminal(columns)
    command = [sys.executable, "-m", "lmms_eval_cross", *arguments]
    environment = {name: value for name, value in os.environ.items() if name != "COLUMNS"}  # a test runner may set it
    with subprocess.Popen(command, stdout=theirs, stderr=theirs, stdin=theirs, env=environment) as process:
        os.close(theirs)
        shown = "".join(read_terminal(ours))
    assert process.returncode == 0, shown
    return shown
