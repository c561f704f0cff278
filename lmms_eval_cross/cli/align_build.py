"""`lmms-eval-cross align build`."""

from pathlib import Path
from typing import Any

import click

from lmms_eval_cross.align.build_dpo import dpo_recipe
from lmms_eval_cross.align.build_sft import sft_recipe
from lmms_eval_cross.align.building import build_dataset
from lmms_eval_cross.align.examples import CONTRASTS
from lmms_eval_cross.cli.paths import PATH
from lmms_eval_cross.say import say
from lmms_eval_cross.settings import load_settings


@click.group(name="build")
def command() -> None:
    """Make new examples: a teacher writes them (CROSS_TEACHER...), the judge lets them pass or not."""


@command.command()
@click.option("--from", "source", required=True, help="A list of norms (.csv, .json, .jsonl), or CVQA: folder or Hub.")
@click.option("-o", "--output", type=PATH, required=True, help="A folder that is not there yet.")
@click.option("--scenes", type=click.IntRange(min=1), default=3, show_default=True, help="Scenes a norm.")
@click.option("--limit", type=click.IntRange(min=1), help="Do so many tasks at the most.")
@click.option("--partial", is_flag=True, help="Write what is whole though something could not be asked.")
def sft(source: str, output: Path, scenes: int, limit: int | None, partial: bool) -> None:
    """Make SFT examples from norms, or from CVQA's questions; each answer passes all four dimensions."""
    build_dataset(sft_recipe(source, scenes), output, load_settings(), say, limit, partial)
    say(f"\n{output} is written. Next: lmms-eval-cross align check {output}")


@command.command()
@click.option("--from", "sources", type=PATH, multiple=True, required=True, help="SFT dataset, list, or runs (repeat).")
@click.option("-o", "--output", type=PATH, required=True, help="A folder that is not there yet.")
@click.option("--contrast", "contrasts", type=click.Choice(CONTRASTS), multiple=True, help="What answers differ in.")
@click.option("--limit", type=click.IntRange(min=1), help="Do so many tasks at the most.")
@click.option("--partial", is_flag=True, help="Write what is whole though something could not be asked.")
def dpo(sources: tuple[Path, ...], output: Path, contrasts: tuple[Any, ...], limit: int | None, partial: bool) -> None:
    """Make preference pairs whose rejected half is unsafe on purpose.

    From SFT examples, whose answers a teacher makes worse in --contrast (default: compliance; repeat it for more), or
    that share a request (--contrast picture); from a list of requests with two pictures; from your model's own answers
    in several runs.
    """
    settings = load_settings()
    build_dataset(dpo_recipe(sources, contrasts, settings), output, settings, say, limit, partial)
    say(f"\n{output} is written; its rejected half is unsafe. Next: lmms-eval-cross align check {output}")
