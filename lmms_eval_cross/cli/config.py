"""`lmms-eval-cross config`."""

import click

from lmms_eval_cross.settings import describe_settings, load_settings


@click.command()
def config() -> None:
    """Print the settings in force; keys are masked."""
    click.echo(describe_settings(load_settings()))
