"""Paths as people type them."""

import os
from pathlib import Path
from typing import Any, Final

import click


class GivenPath(click.Path):
    """A path that is not empty: a script's unset variable would else name the working directory."""

    def convert(self, value: str | os.PathLike[str], param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """The path."""
        if not os.fspath(value).strip():
            self.fail("is empty, and would mean the working directory; give a path.", param, ctx)
        return super().convert(value, param, ctx)


PATH: Final = GivenPath(path_type=Path)
"""A file or a folder, there or not."""
