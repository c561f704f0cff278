"""`lmms-eval-cross ledger migrate`."""

from contextlib import closing

import click

from lmms_eval_cross.ledger import hosts
from lmms_eval_cross.ledger.address import Server
from lmms_eval_cross.ledger.migrating import migrate, statements
from lmms_eval_cross.ledger.store import Ledger
from lmms_eval_cross.say import say
from lmms_eval_cross.settings import load_settings


@click.command()
@click.option("--sql", is_flag=True, help="Print all steps for PostgreSQL as SQL, and take none.")
def command(sql: bool) -> None:
    """Bring a ledger's tables up to this release: a server's by its owner; a file's when it is opened."""
    if sql:
        say(statements())
        return
    address, journal = hosts.ledger_address(load_settings())
    if isinstance(address, Server):
        for step in migrate(address):
            say(step)
    with closing(Ledger(address, journal)) as own:
        say(f"The ledger {own.name} has this release's schema.")
