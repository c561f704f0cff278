"""`lmms-eval-cross tasks`."""

import click


@click.command()
def tasks() -> None:
    """Print the folder of the task YAMLs, for lmms-eval's --include_path."""
    from lmms_eval_cross.benchmark.splits import tasks_folder

    click.echo(tasks_folder())
