"""`lmms-eval-cross anchor`."""

import re
from pathlib import Path

import click

from lmms_eval_cross.cli.names import json_name
from lmms_eval_cross.settings import load_settings
from lmms_eval_cross.trust.anchor import draw, load_anchor

PATH = click.Path(path_type=Path)


@click.group()
def anchor() -> None:
    """Freeze a sample of judged answers, and judge it again with other judges."""


@anchor.command()
@click.argument("run", type=PATH)
@click.option("--n", default=400, show_default=True, type=click.IntRange(min=1), help="Answers to draw.")
@click.option("--seed", default=0, show_default=True, help="The same seed draws the same answers.")
@click.option("--with-text", is_flag=True, help="Keep queries, norms and rationales; CROSS has no licence to share.")
@click.option(
    "-o", "--output", type=PATH, default="anchor.json", show_default=True, callback=json_name, help="A .json file."
)
def build(run: Path, n: int, seed: int, with_text: bool, output: Path) -> None:
    """Draw answers of a run, spread over subset, country, language and outcome, each with a known probability."""
    drawn = draw(load_anchor(run, to_draw=True), n, seed)
    (drawn if with_text else drawn.without_text()).write(output)
    text = "with the benchmark's text" if with_text else "without the benchmark's text"
    drawn_of = f"{len(drawn.items)} of {drawn.population_size} answers"
    click.echo(f"{output}: {drawn_of}, judged by {drawn.latest.judge}, {text}.")
    click.echo(f"As a bridge (`compare --bridge`) it serves baselines with these answers alone, those of {drawn.name}.")


@anchor.command()
@click.argument("path", metavar="ANCHOR", type=PATH)
@click.option("--repeats", default=1, show_default=True, type=click.IntRange(min=1), help="Askings of this judge.")
@click.option("--with-text", is_flag=True, help="Keep rationales, though ANCHOR holds no text; they quote CROSS.")
@click.option("-o", "--output", type=PATH, callback=json_name, help="Default: ANCHOR with the judge's id in its name.")
def judge(path: Path, repeats: int, with_text: bool, output: Path | None) -> None:
    """Judge an anchor with the judge in force, and write it with the new verdicts beside the old."""
    # here, since it loads the judge, which drawing does without
    from lmms_eval_cross.trust.anchor_judging import failure_counts, judge_anchor

    judged = judge_anchor(load_anchor(path), load_settings(), repeats)
    stamp = judged.judgements[-1].judge
    target = output or path.with_name(f"{path.stem}-{re.sub(r'[^A-Za-z0-9.-]+', '_', stamp.id)}.json")
    (judged if with_text or judged.has_text else judged.without_text()).write(target)
    click.echo(f"{target}: {len(judged.items)} answers judged by {stamp}, {len(judged.askings(stamp))} asking(s).")
    failures = failure_counts(judged)
    if failures:
        told = ", ".join(f"{reason} {count}" for reason, count in sorted(failures.items()))
        click.echo(f"Without a score: {told}; judge {path.name} again, and unavailable and budget ones are asked anew.")
