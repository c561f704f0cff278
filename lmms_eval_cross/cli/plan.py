"""`lmms-eval-cross plan`."""

from __future__ import annotations

from pathlib import Path

import click

from lmms_eval_cross.cli.aligned import say_markdown
from lmms_eval_cross.cli.gate_options import OUTPUT, accuracy_option, alpha_option, margin_option
from lmms_eval_cross.cli.paths import PATH
from lmms_eval_cross.cost.estimate import Lengths
from lmms_eval_cross.files import write_text
from lmms_eval_cross.planning.plan_text import plan_json, render_plan
from lmms_eval_cross.planning.planning import Known, ToJudge, make_plan

_PERCENT = click.FloatRange(0, 100, min_open=True, max_open=True)


@click.command()
@click.argument("runs", nargs=-1, type=PATH)
@margin_option("DIMENSION=POINTS", "What shall be shown. Default: all four, 5 points each.")
@click.option(
    "--power",
    default=0.8,
    show_default=True,
    type=click.FloatRange(0.5, 1, max_open=True),
    help="With which two equal models shall be shown to be within the margin.",
)
@alpha_option("Level of the gate.")
@click.option("--rate", type=_PERCENT, metavar="PERCENT", help="Of the baseline, where no run tells it. Default: 60.")
@click.option("--anchor", type=PATH, help="An anchor that one judge judged several times, for the judge's noise.")
@click.option("--flips", type=_PERCENT, metavar="PERCENT", help="Verdicts that differ when asked twice. Default: 5.")
@accuracy_option("The judge against people: margins are for what people would say, with labels or without.")
@click.option("--label-usd", default=0.0, show_default=True, type=click.FloatRange(0), help="For labelling an answer.")
@click.option("--tasks", default="cross", show_default=True, help="Tasks or groups, separated by commas.")
@click.option("--model", help="The judge's model. Default: CROSS_JUDGE_MODEL.")
@click.option("--answer-tokens", default=400, show_default=True, help="Assumed length of the answers under test.")
@click.option("--reply-tokens", default=100, show_default=True, help="Assumed length of a reply for one dimension.")
@click.option("--json", "as_json", type=OUTPUT, help="Write JSON, with every design.")
def plan(
    runs: tuple[Path, ...],
    margins: dict[str, float],
    power: float,
    alpha: float,
    rate: float | None,
    anchor: Path | None,
    flips: float | None,
    accuracy: dict[str, tuple[float, float]],
    label_usd: float,
    tasks: str,
    model: str | None,
    answer_tokens: int,
    reply_tokens: int,
    as_json: Path | None,
) -> None:
    """Say before any run what a comparison can decide, and the cheapest design that decides it.

    RUNS are finished ones to learn from: a baseline and a candidate, or one, or none; with several rounds where there
    are some. What they don't show is assumed, and named.
    """
    if len(runs) > 2:
        raise click.UsageError(f"RUNS are a baseline and a candidate at most, got {len(runs)}; name two.")
    known = Known(runs, anchor, rate and rate / 100, flips and flips / 100)
    to_judge = ToJudge(tasks.split(","), model, Lengths(answer_tokens, reply_tokens), label_usd)
    made = make_plan(known, margins, power, alpha, accuracy, to_judge)
    if as_json is not None:
        write_text(as_json, plan_json(made))
    say_markdown(render_plan(made))
