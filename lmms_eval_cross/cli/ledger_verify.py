"""`lmms-eval-cross ledger verify`."""

import sys

import click
from tqdm import tqdm

from lmms_eval_cross.judge.rescoring import rescore
from lmms_eval_cross.ledger.contents import verify
from lmms_eval_cross.ledger.steady import open_ledger
from lmms_eval_cross.say import say
from lmms_eval_cross.settings import load_settings


@click.command()
def command() -> None:
    """Derive every key anew from its answer, every score from its reply; exit code 3 if one does not fit."""
    with tqdm(unit=" verdicts", unit_scale=True, disable=None) as bar:
        report = verify(open_ledger(load_settings()), rescore, bar.update)
    say(report.sentence)
    if report.has_faults:
        sys.exit(3)
