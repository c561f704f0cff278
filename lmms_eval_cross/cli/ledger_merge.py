"""`lmms-eval-cross ledger merge`."""

from functools import partial
from pathlib import Path

import click

from lmms_eval_cross.cli.paths import PATH
from lmms_eval_cross.ledger import hosts
from lmms_eval_cross.ledger.steady import open_ledger
from lmms_eval_cross.say import say
from lmms_eval_cross.settings import load_settings


@click.command()
@click.argument("files", nargs=-1, required=True, type=PATH)
def command(files: tuple[Path, ...]) -> None:
    """Take over from other ledger files what this one lacks; they are not changed."""
    own = open_ledger(load_settings())
    for file in files:
        new = hosts.merge(own, file, say=partial(say, err=True))
        say(f"{file.name}: {new['verdict']} verdicts, {new['response']} answers and {new['run']} runs are new.")
