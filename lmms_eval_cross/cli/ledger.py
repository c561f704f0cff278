"""`lmms-eval-cross ledger`."""

import sys
from contextlib import closing
from datetime import datetime, timedelta, timezone
from functools import partial
from pathlib import Path

import click
from tqdm import tqdm

from lmms_eval_cross.cli.paths import PATH
from lmms_eval_cross.files import unwritable_told
from lmms_eval_cross.ledger import hosts
from lmms_eval_cross.ledger.address import Address, Server
from lmms_eval_cross.ledger.batches import forget_batches
from lmms_eval_cross.ledger.contents import describe
from lmms_eval_cross.ledger.contents import verify as check
from lmms_eval_cross.ledger.copying import copy as copy_ledger
from lmms_eval_cross.ledger.exporting import export as export_all
from lmms_eval_cross.ledger.migrating import migrate as take_steps
from lmms_eval_cross.ledger.migrating import statements
from lmms_eval_cross.ledger.pruning import count_old
from lmms_eval_cross.ledger.pruning import prune as prune_ledger
from lmms_eval_cross.ledger.spend import forget_learnt
from lmms_eval_cross.ledger.steady import open_ledger
from lmms_eval_cross.ledger.store import Ledger
from lmms_eval_cross.say import say
from lmms_eval_cross.settings import check_postgres_url, load_settings


@click.group()
def ledger() -> None:
    """Show, merge, export, verify and forget what answers and verdicts have been kept under CROSS_HOME.

    With CROSS_LEDGER_URL the team's ledger is meant.
    """


@ledger.command()
def show() -> None:
    """Print counts by judge, and the runs with answers."""
    say(describe(open_ledger(load_settings())))


@ledger.command()
@click.option("--sql", is_flag=True, help="Print all steps for PostgreSQL as SQL, and take none.")
def migrate(sql: bool) -> None:
    """Bring the ledger's tables up to this release: a server's by its owner; a file's change when it is opened."""
    if sql:
        say(statements())
        return
    address, journal = hosts.ledger_address(load_settings())
    if isinstance(address, Server):
        for step in take_steps(address):
            say(step)
    with closing(Ledger(address, journal)) as own:
        say(f"The ledger {own.name} has this release's schema.")


@ledger.command()
@click.option("--batches", is_flag=True, help="Give up batches that were handed in and not collected, instead.")
def forget(batches: bool) -> None:
    """Drop what was learnt of endpoints: parameters that they don't take, and calls at a time; verdicts stay."""
    own = open_ledger(load_settings())
    if batches:
        say(f"{forget_batches(own)} batches are given up; their calls may be made, and paid, again.")
    else:
        say(f"{forget_learnt(own)} endpoints are met as new ones from now on.")


@ledger.command()
@click.argument("files", nargs=-1, required=True, type=PATH)
def merge(files: tuple[Path, ...]) -> None:
    """Take over from other ledger files what this one lacks; they are not changed."""
    own = open_ledger(load_settings())
    for file in files:
        new = hosts.merge(own, file, say=partial(say, err=True))
        say(f"{file.name}: {new['verdict']} verdicts and {new['response']} answers are new.")


@ledger.command()
@click.argument("source")
@click.argument("target")
def copy(source: str, target: str) -> None:
    """Copy answers and verdicts from a ledger to another, each a file or postgresql://...; typed again, it goes on."""
    with closing(Ledger(_address(target), "WAL")) as own, tqdm(unit=" rows", unit_scale=True, disable=None) as bar:
        copied = copy_ledger(_address(source), own, bar.update)
    say(
        f"{copied.read} rows were read: {copied.new} are new there, {copied.damaged} are damaged and left out, "
        f"{copied.missing} are missing under their keys."
    )
    if copied.missing or copied.damaged:
        sys.exit(3)


def _address(text: str) -> Address:
    if "://" in text:
        return Server(check_postgres_url(text))
    return Path(text).expanduser()


@ledger.command()
@click.option("--older-than", "days", type=click.IntRange(min=1), required=True, help="Days.")
@click.option("--yes", is_flag=True, help="Delete, after saying what.")
def prune(days: int, yes: bool) -> None:
    """Say what is older than so many days, and with --yes delete it; wanted again, it is paid for again."""
    before = datetime.now(timezone.utc) - timedelta(days=days)
    with closing(open_ledger(load_settings())) as own:
        old = prune_ledger(own, before) if yes else count_old(own, before)
        told = f"{old.verdicts} verdicts and failures, {old.answers} answers and {old.spending} entries of spending"
        say(f"{own.name}: {told} are older than {before:%Y-%m-%d}.")
    if yes:
        say("They are deleted.")
    else:
        say("Nothing is deleted; `ledger copy` keeps them elsewhere, and --yes deletes them.")


@ledger.command()
@click.argument("folder", type=PATH)
def export(folder: Path) -> None:
    """Write answers and verdicts as Parquet into a folder."""
    with unwritable_told(folder):
        written = export_all(hosts.ledger_addresses(load_settings()), folder)
    say(f"Written: {written['verdict']} verdicts and {written['response']} answers to {folder}")


@ledger.command()
def verify() -> None:
    """Derive every key anew from its answer, every score from its reply; exit code 3 if one does not fit."""
    from lmms_eval_cross.judge.rescoring import rescore  # the rubrics' parser, which only this command needs

    report = check(open_ledger(load_settings()), rescore)
    say(report.sentence)
    if report.has_faults:
        sys.exit(3)
