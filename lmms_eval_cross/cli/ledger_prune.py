"""`lmms-eval-cross ledger prune`."""

from contextlib import closing
from datetime import datetime, timedelta, timezone

import click

from lmms_eval_cross.ledger.pruning import count_old, prune
from lmms_eval_cross.ledger.steady import open_ledger
from lmms_eval_cross.say import say
from lmms_eval_cross.settings import load_settings


@click.command()
@click.option("--older-than", "days", type=click.IntRange(min=1), required=True, help="Days.")
@click.option("--yes", is_flag=True, help="Delete, after saying what.")
def command(days: int, yes: bool) -> None:
    """Say what is older than so many days, and with --yes delete it; wanted again, it is paid for again."""
    before = datetime.now(timezone.utc) - timedelta(days=days)
    with closing(open_ledger(load_settings())) as own:
        old = prune(own, before) if yes else count_old(own, before)
        rows = f"{old.verdicts} verdicts and failures, {old.answers} answers, {old.spending} entries of spending"
        say(f"{own.name}: {rows} and what is known of {old.runs} runs are older than {before:%Y-%m-%d}.")
    if yes:
        say("They are deleted.")
    else:
        say("Nothing is deleted; `ledger copy` keeps them elsewhere, and --yes deletes them.")
