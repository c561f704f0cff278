"""`lmms-eval-cross cost`."""

import click

from lmms_eval_cross.cli.aligned import say_markdown
from lmms_eval_cross.cost.answer_costs import AskedModel
from lmms_eval_cross.cost.estimate import Lengths
from lmms_eval_cross.cost.task_costs import print_cost
from lmms_eval_cross.models.api_arguments import Effort


@click.command()
@click.option("--tasks", "names", required=True, help="Tasks or groups, separated by commas, such as cross_casa.")
@click.option(
    "--profile",
    "profiles",
    multiple=True,
    type=click.Choice(["official", "cached", "joint"]),
    help="How a judge call is laid out. Default: all.",
)
@click.option("--model", help="The judge's model. Default: CROSS_JUDGE_MODEL.")
@click.option("--answer-tokens", default=400, show_default=True, help="Assumed length of the answers under test.")
@click.option("--reply-tokens", default=100, show_default=True, help="Assumed length of a reply for one dimension.")
@click.option("--model-under-test", "under_test", metavar="NAME", help="Say what its answers will cost, too.")
@click.option(
    "--reasoning-effort",
    "efforts",
    multiple=True,
    type=click.Choice(["none", "minimal", "low", "medium", "high"]),
    help="Of the model under test, a row each.",
)
@click.option("--rounds", type=click.IntRange(min=1), default=1, show_default=True, help="Of the model under test.")
def cost(
    names: str,
    profiles: tuple[str, ...],
    model: str | None,
    answer_tokens: int,
    reply_tokens: int,
    under_test: str | None,
    efforts: tuple[Effort, ...],
    rounds: int,
) -> None:
    """Say what judging will cost, before any call.

    With --model-under-test also what its answers will.
    Without --profile, for all profiles. Pictures are scaled and kept for the profiles that send scaled ones.
    """
    asked = AskedModel(under_test, efforts, rounds) if under_test else None
    print_cost(names.split(","), profiles, model, Lengths(answer_tokens, reply_tokens), say_markdown, asked)
