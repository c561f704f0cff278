"""`lmms-eval-cross tasks`."""

import click

from lmms_eval_cross.benchmark.splits import tasks_folder
from lmms_eval_cross.say import say


@click.command()
def tasks() -> None:
    """Print the folder of the task YAMLs, for lmms-eval's --include_path."""
    say(tasks_folder())
