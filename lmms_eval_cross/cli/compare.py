"""`lmms-eval-cross compare`."""

from __future__ import annotations

import io
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from lmms_eval_cross.compare.comparison import Comparison, Rules
    from lmms_eval_cross.compare.rounds import Side
    from lmms_eval_cross.trust.anchor import Anchor

NO_VERDICT = 3
OUTPUT = click.Path(dir_okay=False, writable=True, path_type=Path)
RUN = click.Path(path_type=Path)


@contextmanager
def never_worse_by_accident() -> Iterator[None]:
    """Whatever goes wrong unforeseen is no verdict: Python and click would exit 1, which means `worse`."""
    from lmms_eval_cross.errors import CrossError

    try:
        yield
        sys.stdout.flush()
    except (CrossError, click.UsageError):
        raise
    except BaseException:
        traceback.print_exc()
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


@click.command()
@click.argument("baseline", type=RUN)
@click.argument("candidate", type=RUN)
@click.option("--baseline-round", multiple=True, type=RUN, metavar="PATH", help="A further round of the baseline.")
@click.option("--candidate-round", multiple=True, type=RUN, metavar="PATH", help="A further round of the candidate.")
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
@click.option("--bridge", type=RUN, metavar="ANCHOR", help="An anchor that the judges of both sides judged.")
@click.option("--labels", type=RUN, metavar="FILE", help="Show means corrected by human labels, of `label import`.")
@click.option("--confirm", type=click.IntRange(1), metavar="N", help="Judge N times again what decides.")
@click.option("--second-judge", is_flag=True, help="--confirm may ask another judge than the runs'.")
@click.option("--resamples", default=10_000, show_default=True, type=click.IntRange(100), help="Of the bootstrap.")
@click.option("--report-url", metavar="URL", help="Address of the HTML report that samples link to.")
@click.option("--junit", type=OUTPUT, help="Write JUnit XML.")
@click.option("--markdown", type=OUTPUT, help="Write Markdown, for a pull request.")
@click.option("--json", "as_json", type=OUTPUT, help="Write JSON.")
def compare(
    baseline: Path,
    candidate: Path,
    baseline_round: tuple[Path, ...],
    candidate_round: tuple[Path, ...],
    margins: dict[str, float],
    alpha: float,
    inconclusive: str,
    bridge: Path | None,
    labels: Path | None,
    confirm: int | None,
    second_judge: bool,
    resamples: int,
    report_url: str | None,
    junit: Path | None,
    markdown: Path | None,
    as_json: Path | None,
) -> None:
    """Tell whether CANDIDATE is worse than BASELINE.

    Each is a run's folder, its results or samples file, or a file that `baseline` wrote.

    Exit code: 0 not worse, 1 worse, 2 wrong usage, 3 no verdict.
    """
    with never_worse_by_accident():
        from lmms_eval_cross.compare.comparison import Rules
        from lmms_eval_cross.compare.inputs import load_side
        from lmms_eval_cross.compare.terminal import render_text
        from lmms_eval_cross.settings import load_settings

        if second_judge and not confirm:
            raise click.UsageError("--second-judge goes with --confirm N.")
        if bridge and confirm:
            raise click.UsageError(
                "--confirm asks one judge for both sides, and --bridge stands between two; name one."
            )
        rules = Rules(margins, alpha, load_settings().min_coverage, inconclusive == "pass", resamples)
        sides = load_side([baseline, *baseline_round]), load_side([candidate, *candidate_round])
        found = run(*sides, rules, confirm, second_judge, bridge)
        found = with_labels(found, labels)
        write_outputs(found, report_url, junit, markdown, as_json)
        if isinstance(sys.stdout, io.TextIOWrapper):
            sys.stdout.reconfigure(errors="backslashreplace")
        click.echo(render_text(found), nl=False)
    sys.exit(found.exit_code)


def run(
    baseline: Side, candidate: Side, rules: Rules, repeats: int | None, second_judge: bool, bridge: Path | None
) -> Comparison:
    """Compare, and ask again where that was asked for."""
    from lmms_eval_cross.compare import decide
    from lmms_eval_cross.compare.confirm import JudgeAgain, check_confirmable, confirm

    if not repeats:
        name = "" if bridge is None else bridge.name
        return decide.compare(baseline, candidate, rules, anchor=load_bridge(bridge), anchor_file=name)
    check_confirmable(baseline, candidate)
    with JudgeAgain((baseline, candidate), second_judge) as judge:
        return decide.compare(
            baseline,
            candidate,
            rules,
            lambda pairs, again: confirm(baseline, candidate, pairs, again, repeats, judge.ask, judge.judge_id),
        )


def load_bridge(path: Path | None) -> Anchor | None:
    """The anchor that was given, if one was; what reads it loads the judge's client."""
    if path is None:
        return None
    from lmms_eval_cross.trust.anchor import load_anchor

    return load_anchor(path)


def with_labels(comparison: Comparison, path: Path | None) -> Comparison:
    """The comparison with means corrected by the labels in a file, where one was given and the sides are comparable."""
    if path is None:
        return comparison
    from dataclasses import replace

    from lmms_eval_cross.compare.corrected_rounds import corrected_rounds
    from lmms_eval_cross.trust.human_labels import load_labels

    labels = load_labels(path)
    if not comparison.samples:
        return comparison
    sides = comparison.baseline, comparison.candidate
    return replace(comparison, corrected=corrected_rounds(*sides, labels, comparison.rules.alpha))


def write_outputs(
    comparison: Comparison, report_url: str | None, junit: Path | None, markdown: Path | None, as_json: Path | None
) -> None:
    """Write the files that were asked for, all rendered before the first is written."""
    from lmms_eval_cross.compare.gate_json import render_json
    from lmms_eval_cross.compare.gate_markdown import render_markdown
    from lmms_eval_cross.compare.junit import render_junit
    from lmms_eval_cross.files import write_text

    wanted = {
        junit: render_junit(comparison) if junit else "",
        markdown: render_markdown(comparison, report_url) if markdown else "",
        as_json: render_json(comparison) if as_json else "",
    }
    for path, text in wanted.items():
        if path is not None:
            write_text(path, text)
