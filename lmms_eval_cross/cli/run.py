"""`lmms-eval-cross run`."""

import sys

import click

from lmms_eval_cross.harness.needs import require_lmms_eval
from lmms_eval_cross.harness.paper_preset import paper_rounds
from lmms_eval_cross.harness.rounds_command import run_rounds
from lmms_eval_cross.harness.run_command import run_lmms_eval
from lmms_eval_cross.runs.run_rounds import MOST_ROUNDS
from lmms_eval_cross.say import tell


@click.command(context_settings={"ignore_unknown_options": True})
@click.option("--chunk", type=click.IntRange(min=1), default=64, show_default=True, help="Answers a crash may cost.")
@click.option(
    "--rounds", type=click.IntRange(1, MOST_ROUNDS), metavar="N", help="Run N times, each with a seed of its own."
)
@click.option("--preset", type=click.Choice(["paper"]), help="The paper's protocol: three rounds, as released.")
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED, required=True)
def run(chunk: int, rounds: int | None, preset: str | None, arguments: tuple[str, ...]) -> None:
    """Run lmms-eval with an honest exit code, a fresh output folder, and answers kept as they come.

    \b
    lmms-eval-cross run -- --model ... --tasks cross --output_path runs/a
    lmms-eval-cross run --rounds 3 -- --model ... --gen_kwargs temperature=1 --tasks cross --output_path runs/a
    lmms-eval-cross run --preset paper -- --model cross_api --model_args model=o3,max_new_tokens=4096 --tasks cross
    lmms-eval-cross run -- torchrun --nproc_per_node 8 -m lmms_eval --model ...

    Exit code 0: finished and complete; 2: refused before it began; 3: no verdict (a crash, an unknown task, a dead
    judge, too few verdicts).
    """  # noqa: D301 - click looks for the character, which keeps it from wrapping the lines below
    # a launcher may bring an lmms-eval of its own
    if arguments[0].startswith("-"):
        require_lmms_eval()
    if preset == "paper":
        rounds = paper_rounds(arguments, rounds)
    ending = run_lmms_eval(arguments, chunk) if rounds is None else run_rounds(arguments, chunk, rounds)
    tell(ending.sentence)
    sys.exit(ending.exit_code)
