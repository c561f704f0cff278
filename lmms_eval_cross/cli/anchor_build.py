"""`lmms-eval-cross anchor build`."""

from pathlib import Path

import click

from lmms_eval_cross.cli.names import json_name
from lmms_eval_cross.cli.paths import PATH
from lmms_eval_cross.say import say
from lmms_eval_cross.trust.anchor import draw, load_anchor


@click.command(name="build")
@click.argument("run", type=PATH)
@click.option("--n", default=400, show_default=True, type=click.IntRange(min=1), help="Answers to draw.")
@click.option("--seed", default=0, show_default=True, help="The same seed draws the same answers.")
@click.option("--with-text", is_flag=True, help="Keep queries, norms and rationales; CROSS has no licence to share.")
@click.option(
    "-o", "--output", type=PATH, default="anchor.json", show_default=True, callback=json_name, help="A .json file."
)
def command(run: Path, n: int, seed: int, with_text: bool, output: Path) -> None:
    """Draw answers of a run, spread over subset, country, language and outcome, each with a known probability."""
    drawn = draw(load_anchor(run, to_draw=True), n, seed)
    (drawn if with_text else drawn.without_text()).write(output)
    text = "with the benchmark's text" if with_text else "without the benchmark's text"
    drawn_of = f"{len(drawn.items)} of {drawn.population_size} answers"
    say(f"{output}: {drawn_of}, judged by {drawn.latest.judge}, {text}.")
    say(f"As a bridge (`compare --bridge`) it serves baselines with these answers alone, those of {drawn.name}.")
