"""`lmms-eval-cross ledger export`."""

from pathlib import Path

import click

from lmms_eval_cross.cli.paths import PATH
from lmms_eval_cross.files import unwritable_told
from lmms_eval_cross.ledger import hosts
from lmms_eval_cross.ledger.exporting import export
from lmms_eval_cross.say import say
from lmms_eval_cross.settings import load_settings


@click.command()
@click.argument("folder", type=PATH)
def command(folder: Path) -> None:
    """Write answers and verdicts as Parquet into a folder."""
    with unwritable_told(folder):
        written = export(hosts.ledger_addresses(load_settings()), folder)
    say(f"Written: {written['verdict']} verdicts and {written['response']} answers to {folder}")
