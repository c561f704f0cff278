"""`lmms-eval-cross ledger copy`."""

import sys
from contextlib import closing

import click
from tqdm import tqdm

from lmms_eval_cross.files import with_home
from lmms_eval_cross.ledger.address import Address, Server
from lmms_eval_cross.ledger.copying import copy
from lmms_eval_cross.ledger.store import Ledger
from lmms_eval_cross.say import say
from lmms_eval_cross.settings import check_postgres_url


@click.command()
@click.argument("source")
@click.argument("target")
def command(source: str, target: str) -> None:
    """Copy answers and verdicts between ledgers, each a file or postgresql://...; typed again, it goes on."""
    with closing(Ledger(_address(target), "WAL")) as own, tqdm(unit=" rows", unit_scale=True, disable=None) as bar:
        copied = copy(_address(source), own, bar.update)
    say(
        f"{copied.read} rows were read: {copied.new} are new there, {copied.damaged} are damaged and left out, "
        f"{copied.missing} are missing under their keys."
    )
    if copied.missing or copied.damaged:
        sys.exit(3)


def _address(text: str) -> Address:
    if "://" in text:
        return Server(check_postgres_url(text))
    return with_home(text)
