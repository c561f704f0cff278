"""`lmms-eval-cross`: what people type beside lmms-eval.

A command is a module here that holds a click command of its name; it is imported when it is asked for, so that
`--help` stays quick.
"""

import importlib
import sys
from typing import Any, Final

import click

from lmms_eval_cross import __version__
from lmms_eval_cross.cli.lazy_group import LazyGroup
from lmms_eval_cross.errors import CrossError

COMMANDS: Final = {
    "agree": "Compare two judges on the same answers: run folders or anchors, A being the reference.",
    "align": "Make training data, check them against the benchmark, and tune a model with them.",
    "anchor": "Freeze a sample of judged answers, and judge it again with other judges.",
    "baseline": "Write what `compare` needs of a run into a small file to commit.",
    "compare": "Tell whether CANDIDATE is worse than BASELINE.",
    "config": "Print the settings in force; keys are masked.",
    "cost": "Say what judging will cost, before any call.",
    "demo-responses": "Print the path of an invented model's responses to cross_demo.",
    "doctor": "Look at versions, lmms-eval, settings, data, judge and ledger, and say what to do about each.",
    "judge": "Judge what has no verdict yet, in a run's folder or samples file, and write the run anew.",
    "label": "Have people label judged answers, and correct the judge's scores by them.",
    "ledger": "Show, merge, export and verify what answers and verdicts have been kept under CROSS_HOME.",
    "prepare": "Validate a copy of CROSS and write it as Parquet under CROSS_HOME.",
    "report": "Show RUNS on one page: safety, capability, countries, norms, and every answer.",
    "run": "Run lmms-eval with an honest exit code, a fresh output folder, and answers kept as they come.",
    "tasks": "Print the folder of the task YAMLs, for lmms-eval's --include_path.",
}
"""Name -> the first sentence of its help, so that `--help` loads none of them; `a-b` lives in module `a_b`."""


class CommandLine(LazyGroup):
    """Our commands, a module each; turns a CrossError into its sentence and exit code."""

    def load(self, name: str) -> click.Command:
        """The command of a name in `COMMANDS`."""
        module = name.replace("-", "_")
        command: click.Command = getattr(importlib.import_module(f"lmms_eval_cross.cli.{module}"), module)
        return command

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; a bug keeps its traceback."""
        try:
            return super().invoke(ctx)
        except CrossError as error:
            click.echo(f"lmms-eval-cross: {error}", err=True)
            sys.exit(error.exit_code)


@click.group(cls=CommandLine, sentences=COMMANDS, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="lmms-eval-cross")
def main() -> None:
    """CROSS for lmms-eval: what to type before and after a run."""
