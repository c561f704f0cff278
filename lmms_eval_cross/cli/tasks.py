"""`lmms-eval-cross tasks`."""

import click

from lmms_eval_cross.benchmark.splits import tasks_folder


@click.command()
def tasks() -> None:
    """Print the folder of the task YAMLs, for lmms-eval's --include_path."""
    click.echo(tasks_folder())
