"""`lmms-eval-cross config`."""

import click


@click.command()
def config() -> None:
    """Print the settings in force; keys are masked."""
    from lmms_eval_cross.settings import describe_settings, load_settings

    click.echo(describe_settings(load_settings()))
