"""`lmms-eval-cross ledger show`."""

import click

from lmms_eval_cross.ledger.contents import describe
from lmms_eval_cross.ledger.steady import open_ledger
from lmms_eval_cross.say import say
from lmms_eval_cross.settings import load_settings


@click.command()
def command() -> None:
    """Print counts by judge, and the runs with answers."""
    say(describe(open_ledger(load_settings())))
