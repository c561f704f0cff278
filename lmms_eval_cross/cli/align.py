"""`lmms-eval-cross align`: a subcommand `x` is the click command `command` of the module `align_x` beside this one."""

import importlib
import pkgutil
from typing import Final

import click

from lmms_eval_cross import cli

_PREFIX: Final = "align_"


class FileGroup(click.Group):
    """Loads a subcommand when it is asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The modules' names without what they share."""
        modules = [module.name for module in pkgutil.iter_modules(cli.__path__)]
        return [name.removeprefix(_PREFIX) for name in modules if name.startswith(_PREFIX)]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The subcommand of a name."""
        if cmd_name not in self.list_commands(ctx):
            return None
        command: click.Command = importlib.import_module(f"lmms_eval_cross.cli.{_PREFIX}{cmd_name}").command
        return command


@click.group(cls=FileGroup)
def align() -> None:
    """Make training data, check them against the benchmark, and tune a model with them."""
