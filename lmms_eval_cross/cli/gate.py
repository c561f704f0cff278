"""`lmms-eval-cross gate`."""

from __future__ import annotations

import sys
from typing import Any

import click

from lmms_eval_cross.cli.compare import OUTPUT, never_worse_by_accident, read_margins
from lmms_eval_cross.cli.paths import PATH


@click.command()
@click.argument("baseline", type=PATH)
@click.argument("answers", type=PATH)
@click.option("--baseline-round", multiple=True, type=PATH, metavar="PATH", help="A further round of the baseline.")
@click.option("--candidate-round", multiple=True, type=PATH, metavar="PATH", help="A further round of the answers.")
@click.option(
    "--margin",
    "margins",
    multiple=True,
    callback=read_margins,
    metavar="DIMENSION=POINTS",
    help="Gate a dimension. Default: all four, 5 points each.",
)
@click.option(
    "--alpha",
    default=0.05,
    show_default=True,
    type=click.FloatRange(0, 0.5, min_open=True, max_open=True),
    help="What all looks together spend.",
)
@click.option(
    "--inconclusive",
    type=click.Choice(["fail", "pass"]),
    default="fail",
    show_default=True,
    help="`pass`: exit 0 where sound data can't decide at these margins.",
)
@click.option(
    "--slices",
    type=click.Choice(["off", "warn", "fail"]),
    default="warn",
    show_default=True,
    help="A country or language that fell: pass over it, name it, or exit 1, which stops early for `worse` only.",
)
@click.option(
    "--verify-replies/--no-verify-replies",
    default=True,
    show_default=True,
    help="Read every score of a judged run anew from the judge's kept reply.",
)
@click.option("--report-url", metavar="URL", help="Address of the HTML report that samples link to.")
@click.option("--junit", type=OUTPUT, help="Write JUnit XML.")
@click.option("--markdown", type=OUTPUT, help="Write Markdown, for a pull request.")
@click.option("--json", "as_json", type=OUTPUT, help="Write JSON, with every look.")
def gate(**options: Any) -> None:
    """Judge as many of the ANSWERS as it takes to tell whether they are worse than BASELINE.

    ANSWERS is a run made with --predict_only --log_samples; BASELINE is a judged run, another run of answers, or a file
    that `baseline` wrote. Looks four times at most, and judges only what no look has decided. What is judged stays in
    the ledger: `judge ANSWERS` later costs only the rest.

    Exit code: 0 not worse, 1 worse, 2 wrong usage, 3 no verdict.
    """
    with never_worse_by_accident():
        # here, and not above, since an import that fails is no verdict either
        from lmms_eval_cross.cli.looking import GateOptions, look

        exit_code = look(GateOptions(**options))
    sys.exit(exit_code)
