"""`lmms-eval-cross doctor`."""

import sys

import click

from lmms_eval_cross.harness.needs import State, examine
from lmms_eval_cross.say import say

WRONG = 2


@click.command()
def doctor() -> None:
    """Look at versions, lmms-eval, settings, data, judge and ledger, and say what to do about each.

    Asks no judge and shows no key. Exit code 2: a run would fail; notes don't count. Without lmms-eval, the gate's
    commands are what is looked after.
    """
    states: set[State] = set()
    for finding in examine():
        say(finding)
        states.add(finding.state)
    if "wrong" in states:
        sys.exit(WRONG)
