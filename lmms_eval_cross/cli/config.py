"""`lmms-eval-cross config`."""

import click

from lmms_eval_cross.say import say
from lmms_eval_cross.settings import describe_settings, load_settings


@click.command()
def config() -> None:
    """Print the settings in force; keys are masked."""
    say(describe_settings(load_settings()))
