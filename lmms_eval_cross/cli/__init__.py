"""`lmms-eval-cross`: what people type beside lmms-eval.

A command is a module here that holds a click command of its name; it imports what it needs when it runs, so that
`--help` stays quick.
"""

import importlib
import sys
from typing import Any, Final

import click

from lmms_eval_cross import __version__
from lmms_eval_cross.errors import CrossError

COMMANDS: Final = (
    "agree",
    "align",
    "anchor",
    "baseline",
    "compare",
    "config",
    "cost",
    "demo-responses",
    "judge",
    "label",
    "ledger",
    "prepare",
    "report",
    "run",
    "tasks",
)
"""Names of the commands; `a-b` lives in module `a_b`."""


class SentenceGroup(click.Group):
    """Loads commands when they are asked for, and turns a CrossError into its sentence and exit code."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The names, in order."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of a name."""
        if cmd_name not in COMMANDS:
            return None
        name = cmd_name.replace("-", "_")
        command: click.Command = getattr(importlib.import_module(f"lmms_eval_cross.cli.{name}"), name)
        return command

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; a bug keeps its traceback."""
        try:
            return super().invoke(ctx)
        except CrossError as error:
            click.echo(f"lmms-eval-cross: {error}", err=True)
            sys.exit(error.exit_code)


@click.group(cls=SentenceGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="lmms-eval-cross")
def main() -> None:
    """CROSS for lmms-eval: what to type before and after a run."""
