"""Paths as people type them."""

import errno
import os
from pathlib import Path
from typing import Any, Final

import click

_NO_PATH: Final = {errno.ELOOP, errno.ENAMETOOLONG}
"""What Python raises in the middle of a command, where it says of other paths that nothing is there."""


class GivenPath(click.Path):
    """A path that is not empty: a script's unset variable would else name the working directory."""

    def convert(self, value: str | os.PathLike[str], param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """The path."""
        if not os.fspath(value).strip():
            self.fail("is empty, and would mean the working directory; give a path.", param, ctx)
        try:
            os.stat(value)
        except OSError as error:
            if error.errno in _NO_PATH:
                self.fail(f"{os.fspath(value)[:80]!r} is no path ({error.strerror}).", param, ctx)
        return super().convert(value, param, ctx)


PATH: Final = GivenPath(path_type=Path)
"""A file or a folder, there or not."""
