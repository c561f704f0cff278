"""`lmms-eval-cross ledger`."""

from typing import Final

import click

from lmms_eval_cross.cli.lazy_group import LazyGroup

COMMANDS: Final = {
    "show": "Print counts by judge, and of each run model, tasks, folder, answers, new verdicts, cost and dates.",
    "merge": "Take over from other ledger files what this one lacks; they are not changed.",
    "copy": "Copy answers and verdicts between ledgers, each a file or postgresql://...; typed again, it goes on.",
    "export": "Write answers, verdicts and what runs are as Parquet into a folder.",
    "verify": "Derive every key anew from its answer, every score from its reply; exit code 3 if one does not fit.",
    "forget": "Drop what was learnt of endpoints: parameters that they don't take, and calls at a time; verdicts stay.",
    "prune": "Say what is older than so many days, and with --yes delete it; wanted again, it is paid for again.",
    "migrate": "Bring a ledger's tables up to this release: a server's by its owner; a file's when it is opened.",
}


@click.group(cls=LazyGroup, sentences=COMMANDS)
def ledger() -> None:
    """Show, merge, export, verify and forget what answers and verdicts have been kept under CROSS_HOME.

    With CROSS_LEDGER_URL the team's ledger is meant.
    """
