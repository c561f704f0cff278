"""`lmms-eval-cross`: what people type beside lmms-eval.

A command is a module here that holds a click command of its name; it is imported when it is asked for, so that
`--help` stays quick.
"""

import atexit
import gc
import importlib
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

import click

from lmms_eval_cross import __version__
from lmms_eval_cross.cli.lazy_group import LazyGroup
from lmms_eval_cross.errors import CrossError
from lmms_eval_cross.say import STOPPED, tell
from lmms_eval_cross.text import printable_lines

LIFE: Final = {
    "Prepare": {
        "doctor": "Look at versions, lmms-eval, settings, data, judge and ledger, and say what to do about each.",
        "config": "Print the settings in force; keys are masked.",
        "prepare": "Validate a copy of CROSS and write it as Parquet under CROSS_HOME.",
        "cost": "Say what judging will cost, before any call.",
        "plan": "Say before any run what a comparison can decide, and the cheapest design that decides it.",
    },
    "Run": {
        "run": "Run lmms-eval with an honest exit code, a fresh output folder, and answers kept as they come.",
        "tasks": "Print the folder of the task YAMLs, for lmms-eval's --include_path.",
        "demo-responses": "Print the path of an invented model's responses to cross_demo.",
    },
    "Judge": {
        "judge": "Judge what has no verdict yet, in a run's folder or samples file, and write the run anew.",
    },
    "Look": {
        "report": "Show RUNS on one page: safety, capability, countries, norms, and every answer.",
        "view": "Show RUNS on the page of `report`, served on this machine and made anew when a run lands.",
    },
    "Decide": {
        "compare": "Tell whether CANDIDATE is worse than BASELINE.",
        "gate": "Judge as many of the ANSWERS as it takes to tell whether they are worse than BASELINE.",
        "baseline": "Write what `compare` needs of a run into a small file to commit.",
    },
    "Trust the judge": {
        "agree": "Compare two judges on the same answers: run folders or anchors, A being the reference.",
        "anchor": "Freeze a sample of judged answers, and judge it again with other judges.",
        "label": "Have people label judged answers, and correct the judge's scores by them.",
    },
    "Tune": {
        "align": "Make training data, check them against the benchmark, and tune a model with them.",
    },
    "Keep": {
        "ledger": "Show, merge, export, verify and forget what answers and verdicts have been kept under CROSS_HOME.",
    },
}
"""Part of a run's life -> commands in the order in which they are met; a command -> the first sentence of its help.

`--help` shows this and loads none of them; `a-b` lives in module `a_b`.
"""
COMMANDS: Final = {name: sentence for part in LIFE.values() for name, sentence in part.items()}


_INTERRUPTED: Final = 128 + signal.SIGINT
"""The exit code that shells give a command that Ctrl-C ended."""
_NEW_OBJECTS: Final = 100_000
"""After which Python looks for unreachable rings, 700 by default: a command keeps what it reads to its end, so that
looking takes a seventh of `compare` and `report` and frees nothing."""


class CommandLine(LazyGroup):
    """Our commands, a module each; turns a CrossError into its sentence and exit code."""

    def load(self, name: str) -> click.Command:
        """The command of a name in `COMMANDS`."""
        module = name.replace("-", "_")
        command: click.Command = getattr(importlib.import_module(f"lmms_eval_cross.cli.{module}"), module)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The commands by the part of a run's life that they serve."""
        width = max(map(len, self.sentences))
        for part, sentences in LIFE.items():
            with formatter.section(part):
                formatter.write_dl([(name.ljust(width), sentence) for name, sentence in sentences.items()])

    def make_context(self, *args: Any, **kwargs: Any) -> click.Context:
        """Read what stands in front of the command's name."""
        with _harmless():
            return super().make_context(*args, **kwargs)

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; a bug keeps its traceback."""
        gc.set_threshold(_NEW_OBJECTS)
        atexit.register(gc.freeze)  # at its end Python looks through all that is left, for a seventh of `compare`
        try:
            with _harmless():
                return super().invoke(ctx)
        except CrossError as error:
            tell(error)
            sys.exit(error.exit_code)
        except KeyboardInterrupt:  # of which click makes `Aborted!` and exit code 1, which is `worse` in CI
            tell(STOPPED)
            sys.exit(_INTERRUPTED)


@contextmanager
def _harmless() -> Iterator[None]:
    """What click says of a wrong line quotes it, and prints it itself."""
    try:
        yield
    except click.ClickException as error:
        vars(error)["message"] = printable_lines(error.message)  # click calls it final, and makes it from our words
        raise


@click.group(cls=CommandLine, sentences=COMMANDS, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="lmms-eval-cross")
def main() -> None:
    """CROSS for lmms-eval: what to type before and after a run."""
