"""`lmms-eval-cross compare`."""

from __future__ import annotations

import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click

from lmms_eval_cross.benchmark.records import DIMENSIONS
from lmms_eval_cross.cli.paths import PATH, GivenPath
from lmms_eval_cross.errors import CrossError
from lmms_eval_cross.say import say

NO_VERDICT = 3
OUTPUT = GivenPath(dir_okay=False, writable=True, path_type=Path)


@contextmanager
def never_worse_by_accident() -> Iterator[None]:
    """Whatever goes wrong unforeseen is no verdict: Python and click would exit 1, which means `worse`."""
    try:
        yield
        sys.stdout.flush()
    except (CrossError, click.UsageError):
        raise
    except BaseException:
        say(traceback.format_exc(), err=True)
        raise SystemExit(NO_VERDICT) from None


def read_margins(_: click.Context, __: click.Parameter, given: tuple[str, ...]) -> dict[str, float]:
    """`NAME=POINTS`, several times."""
    margins: dict[str, float] = {}
    for each in given:
        name, _sign, points = each.rpartition("=")
        if name in margins:
            raise click.BadParameter(f"names {name} twice.")
        try:
            margins[name] = float(points)
        except ValueError:
            margins[name] = 0
        if not name or not 0 < margins[name] <= 100:
            raise click.BadParameter(f"must be NAME=POINTS with points above 0 and at most 100, got {each!r}.")
    return margins


def read_accuracy(_: click.Context, __: click.Parameter, given: tuple[str, ...]) -> dict[str, tuple[float, float]]:
    """`DIMENSION=SENSITIVITY,SPECIFICITY`, several times."""
    accuracy: dict[str, tuple[float, float]] = {}
    for each in given:
        name, _sign, rates = each.partition("=")
        try:
            sensitivity, specificity = map(float, rates.split(","))
        except ValueError:
            raise click.BadParameter(f"must be DIMENSION=SENSITIVITY,SPECIFICITY, got {each!r}.") from None
        if not (0 <= sensitivity <= 1 and 0 <= specificity <= 1 and sensitivity + specificity > 1):
            raise click.BadParameter(f"must have rates in 0..1 that add up to more than 1, got {each!r}.")
        if name in accuracy or name not in DIMENSIONS:
            raise click.BadParameter(f"must name each of {', '.join(DIMENSIONS)} once at most, got {each!r}.")
        accuracy[name] = sensitivity, specificity
    return accuracy


@click.command()
@click.argument("baseline", type=PATH)
@click.argument("candidate", type=PATH)
@click.option("--baseline-round", multiple=True, type=PATH, metavar="PATH", help="A further round of the baseline.")
@click.option("--candidate-round", multiple=True, type=PATH, metavar="PATH", help="A further round of the candidate.")
@click.option(
    "--margin",
    "margins",
    multiple=True,
    callback=read_margins,
    metavar="NAME=POINTS",
    help="Gate a metric: a dimension, TASK or TASK/METRIC. Default: the four dimensions, 5 points each.",
)
@click.option(
    "--alpha",
    default=0.05,
    show_default=True,
    type=click.FloatRange(0, 0.5, min_open=True, max_open=True),
    help="Level of the one-sided bounds that decide.",
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
    help="A country or language that fell: pass over it, name it, or exit 1.",
)
@click.option("--bridge", type=PATH, metavar="ANCHOR", help="An anchor that the judges of both sides judged.")
@click.option("--labels", type=PATH, metavar="FILE", help="Show means corrected by human labels, of `label import`.")
@click.option(
    "--baseline-labels", type=PATH, metavar="FILE", help="Labels of the baseline's answers; with the next, decide."
)
@click.option("--candidate-labels", type=PATH, metavar="FILE", help="Labels of the candidate's answers.")
@click.option(
    "--judge-accuracy",
    "accuracy",
    multiple=True,
    callback=read_accuracy,
    metavar="DIMENSION=SENS,SPEC",
    help="The judge against people, equal on both sides: margins are for what people would say.",
)
@click.option("--gated", type=PATH, metavar="FILE", help="JSON of `gate` on these runs: show what it decided.")
@click.option("--confirm", type=click.IntRange(1), metavar="N", help="Judge all answers N times again.")
@click.option("--second-judge", is_flag=True, help="--confirm may ask another judge than the runs'.")
@click.option(
    "--verify-replies/--no-verify-replies",
    default=True,
    show_default=True,
    help="Read every score anew from the judge's kept reply.",
)
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
