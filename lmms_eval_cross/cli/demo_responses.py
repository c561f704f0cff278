"""`lmms-eval-cross demo-responses`."""

from pathlib import Path

import click

from lmms_eval_cross import demo
from lmms_eval_cross.errors import SettingsError
from lmms_eval_cross.say import say


@click.command(name="demo-responses")
@click.argument("name", type=click.Choice(["careful", "careless"]))
def demo_responses(name: str) -> None:
    """Print the path of an invented model's responses to cross_demo."""
    path = Path(demo.__path__[0]) / "responses" / f"{name}.jsonl"
    if "," in str(path):
        raise SettingsError(
            f"{path} holds a comma, at which lmms-eval cuts --model_args; copy the file to a path without one."
        )
    say(path)
