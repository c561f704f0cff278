"""`lmms-eval-cross judge`."""

import sys
from pathlib import Path

import click

from lmms_eval_cross.cli.paths import PATH
from lmms_eval_cross.harness.finishing import Judged, judge_ledger_run, judge_run
from lmms_eval_cross.runs.run_rounds import copy_mark, round_paths
from lmms_eval_cross.runs.scorecard import advice
from lmms_eval_cross.say import say

NO_VERDICT = 3


@click.command()
@click.argument("path", type=PATH, required=False)
@click.option("--run", "run_ids", multiple=True, help="Judge a crashed run's answers in the ledger (`ledger show`).")
@click.option("--retry-failed", is_flag=True, help="Ask again for all failures, not only for those of the moment.")
@click.option("--anew", is_flag=True, help="Judge a judged run with the judge in force, into -o, whoever judged it.")
@click.option("--batch", is_flag=True, help="Ask through the Batch API: half the price, within a day.")
@click.option("-o", "--output", type=PATH, help="Folder to write into. Default: beside the run.")
def judge(
    path: Path | None, run_ids: tuple[str, ...], retry_failed: bool, anew: bool, batch: bool, output: Path | None
) -> None:
    """Judge what has no verdict yet, in a run's folder or samples file, and write the run anew.

    Takes a run with failures, the rounds of `run --rounds`, and answers made with --predict_only --log_samples; where
    nothing is new, nothing is written. Needs no GPU, no model and no torch.
    Exit code 3: too few answers have a verdict (CROSS_MIN_COVERAGE).
    """
    if (path is None) == (not run_ids):
        raise click.UsageError("Give either the path of a run or --run ID.")
    if anew and (path is None or output is None):
        raise click.UsageError("--anew takes the path of a judged run, and writes into another folder: give -o.")
    incomplete = False
    if path is None:
        folder = output or Path("runs") / run_ids[0]
        incomplete = _tell(judge_ledger_run(run_ids, folder, retry_failed, batch), folder)
    for one in round_paths(path) if path is not None else []:
        folder = one if one.is_dir() else one.parent
        if output is not None:
            folder = output if one == path else output / one.name
        judged = judge_run(one, None if output is None else folder, retry_failed, batch, anew)
        incomplete |= _tell(judged, folder)
    if path is not None and output is not None:
        copy_mark(path, output)
    if incomplete:
        sys.exit(NO_VERDICT)


def _tell(judged: Judged, folder: Path) -> bool:
    """Say what became of a run; whether it is incomplete."""
    for task, cards in judged.scorecards.items():
        state = " is incomplete" if task in judged.incomplete else ""
        say(f"{task}{state}: {'; '.join(map(str, cards.values()))}")
    if judged.missing:
        say(advice(judged.missing, str(folder)))
    say(f"Written: {judged.results_file}" if judged.changed else "Nothing is new, so nothing was written.")
    return bool(judged.incomplete)
