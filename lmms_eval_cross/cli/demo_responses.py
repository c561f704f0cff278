"""`lmms-eval-cross demo-responses`."""

from pathlib import Path
from typing import Final

import click

from lmms_eval_cross import demo
from lmms_eval_cross.errors import SettingsError
from lmms_eval_cross.say import say

_NAMES: Final = ("careful", "careless", "thoughtful-low", "thoughtful-medium", "thoughtful-high")


@click.command(name="demo-responses")
@click.argument("name", type=click.Choice(_NAMES))
def demo_responses(name: str) -> None:
    """Print the path of an invented model's responses to cross_demo.

    `thoughtful` has answers at three reasoning efforts, each for three rounds.
    """
    path = Path(demo.__path__[0]) / "responses" / f"{name}.jsonl"
    if "," in str(path):
        raise SettingsError(
            f"{path} holds a comma, at which lmms-eval cuts --model_args; copy the file to a path without one."
        )
    say(path)
