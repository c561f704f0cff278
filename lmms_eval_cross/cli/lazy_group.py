"""A command that loads a subcommand when it is asked for, so that each loads no more than it needs."""

import importlib
from collections.abc import Mapping
from typing import Any

import click


class LazyGroup(click.Group):
    """Of a group `a`, the subcommand `b` is the click command `command` of the module `a_b` beside this one."""

    def __init__(self, *args: Any, sentences: Mapping[str, str], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.sentences = sentences
        """Subcommand -> the first sentence of its help, so that `--help` loads none of them."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The names, in order."""
        return list(self.sentences)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The names with what each does, no sentence cut."""
        with formatter.section("Commands"):
            formatter.write_dl(list(self.sentences.items()))

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of a name."""
        if cmd_name not in self.sentences:
            return None
        return self.load(cmd_name)

    def load(self, name: str) -> click.Command:
        """The command of a name in `sentences`."""
        command: click.Command = importlib.import_module(f"lmms_eval_cross.cli.{self.name}_{name}").command
        return command
