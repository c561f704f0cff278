"""`lmms-eval-cross ledger forget`."""

import click

from lmms_eval_cross.ledger.batches import forget_batches
from lmms_eval_cross.ledger.spend import forget_learnt
from lmms_eval_cross.ledger.steady import open_ledger
from lmms_eval_cross.say import say
from lmms_eval_cross.settings import load_settings


@click.command()
@click.option("--batches", is_flag=True, help="Give up batches that were handed in and not collected, instead.")
def command(batches: bool) -> None:
    """Drop what was learnt of endpoints: parameters that they don't take, and calls at a time; verdicts stay."""
    own = open_ledger(load_settings())
    if batches:
        say(f"{forget_batches(own)} batches are given up; their calls may be made, and paid, again.")
    else:
        say(f"{forget_learnt(own)} endpoints are met as new ones from now on.")
