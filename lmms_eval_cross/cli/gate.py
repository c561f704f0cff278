"""`lmms-eval-cross gate`."""

from __future__ import annotations

import sys
from typing import Any

import click

from lmms_eval_cross.cli.compare import never_worse_by_accident
from lmms_eval_cross.cli.gate_options import (
    OUTPUT,
    alpha_option,
    inconclusive_option,
    margin_option,
    slices_option,
    unsealed_option,
    verify_replies_option,
)
from lmms_eval_cross.cli.paths import PATH


@click.command()
@click.argument("baseline", type=PATH)
@click.argument("answers", type=PATH)
@click.option("--baseline-round", multiple=True, type=PATH, metavar="PATH", help="A further round of the baseline.")
@click.option("--candidate-round", multiple=True, type=PATH, metavar="PATH", help="A further round of the answers.")
@margin_option("DIMENSION=POINTS", "Gate a dimension. Default: all four, 5 points each.")
@alpha_option("What all looks together spend.")
@inconclusive_option()
@slices_option("A country or language that fell: pass over it, name it, or exit 1, which stops early for `worse` only.")
@unsealed_option()
@verify_replies_option("Read every score of a judged run anew from the judge's kept reply.")
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
