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
    """Write answers, verdicts and what runs are as Parquet into a folder."""
    with unwritable_told(folder):
        written = export(hosts.ledger_addresses(load_settings()), folder)
    rows = f"{written['verdict']} verdicts, {written['response']} answers and what {written['run']} runs are"
    say(f"Written: {rows} to {folder}")
