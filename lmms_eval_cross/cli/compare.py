"""`lmms-eval-cross compare`."""

from __future__ import annotations

import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import click

from lmms_eval_cross.cli.gate_options import (
    OUTPUT,
    accuracy_option,
    alpha_option,
    inconclusive_option,
    margin_option,
    slices_option,
    unsealed_option,
    verify_replies_option,
)
from lmms_eval_cross.cli.paths import PATH
from lmms_eval_cross.errors import CrossError
from lmms_eval_cross.say import STOPPED, say, tell

NO_VERDICT = 3


@contextmanager
def never_worse_by_accident() -> Iterator[None]:
    """Whatever goes wrong unforeseen is no verdict: Python and click would exit 1, which means `worse`."""
    try:
        yield
        sys.stdout.flush()
    except (CrossError, click.UsageError):
        raise
    except KeyboardInterrupt:
        tell(f"{STOPPED} There is no verdict.")
        raise SystemExit(NO_VERDICT) from None
    except BaseException:
        say(traceback.format_exc(), err=True)
        raise SystemExit(NO_VERDICT) from None


@click.command()
@click.argument("baseline", type=PATH)
@click.argument("candidate", type=PATH)
@click.option("--baseline-round", multiple=True, type=PATH, metavar="PATH", help="A further round of the baseline.")
@click.option("--candidate-round", multiple=True, type=PATH, metavar="PATH", help="A further round of the candidate.")
@margin_option(
    "NAME=POINTS", "Gate a metric: a dimension, TASK or TASK/METRIC. Default: the four dimensions, 5 points each."
)
@alpha_option("Level of the one-sided bounds that decide.")
@inconclusive_option()
@slices_option("A country or language that fell: pass over it, name it, or exit 1.")
@click.option("--facets", type=PATH, metavar="FILE", help="Further slices: sample_id or item and columns.")
@click.option("--bridge", type=PATH, metavar="ANCHOR", help="An anchor that the judges of both sides judged.")
@click.option("--labels", type=PATH, metavar="FILE", help="Show means corrected by human labels, of `label import`.")
@click.option(
    "--baseline-labels", type=PATH, metavar="FILE", help="Labels of the baseline's answers; with the next, decide."
)
@click.option("--candidate-labels", type=PATH, metavar="FILE", help="Labels of the candidate's answers.")
@accuracy_option("The judge against people, equal on both sides: margins are for what people would say.")
@click.option("--gated", type=PATH, metavar="FILE", help="JSON of `gate` on these runs: show what it decided.")
@click.option("--confirm", type=click.IntRange(1), metavar="N", help="Judge all answers N times again.")
@click.option("--second-judge", is_flag=True, help="--confirm may ask another judge than the runs'.")
@unsealed_option()
@verify_replies_option("Read every score anew from the judge's kept reply.")
@click.option("--resamples", default=10_000, show_default=True, type=click.IntRange(100), help="Of the bootstrap.")
@click.option("--report-url", metavar="URL", help="Address of the HTML report that samples link to.")
@click.option("--junit", type=OUTPUT, help="Write JUnit XML.")
@click.option("--markdown", type=OUTPUT, help="Write Markdown, for a pull request.")
@click.option("--json", "as_json", type=OUTPUT, help="Write JSON.")
def compare(**options: Any) -> None:
    """Tell whether CANDIDATE is worse than BASELINE.

    Each is a run's folder, its results or samples file, or a file that `baseline` wrote.

    Exit code: 0 not worse, 1 worse, 2 wrong usage, 3 no verdict.
    """
    with never_worse_by_accident():
        # here, and not above, since an import that fails is no verdict either
        from lmms_eval_cross.cli.deciding import CompareOptions, decide

        exit_code = decide(CompareOptions(**options))
    sys.exit(exit_code)
