"""`lmms-eval-cross ledger show`."""

from contextlib import closing

import click

from lmms_eval_cross.cli.run_table import show_runs
from lmms_eval_cross.ledger.contents import describe
from lmms_eval_cross.ledger.run_lines import runs_in
from lmms_eval_cross.ledger.steady import open_ledger
from lmms_eval_cross.say import say
from lmms_eval_cross.settings import load_settings


@click.command()
def command() -> None:
    """Print counts by judge, and of each run model, tasks, folder, answers, new verdicts, cost and dates.

    Aligned on a terminal, a table in Markdown where the output goes elsewhere.
    """
    settings = load_settings()
    with closing(open_ledger(settings)) as own:
        contents, runs = describe(own), runs_in(own)
    say(contents)
    if runs:
        show_runs(runs, settings.judge_prices)
