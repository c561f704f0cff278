"""`lmms-eval-cross demo-responses`."""

from pathlib import Path

import click


@click.command(name="demo-responses")
@click.argument("name", type=click.Choice(["careful", "careless"]))
def demo_responses(name: str) -> None:
    """Print the path of an invented model's responses to cross_demo."""
    from lmms_eval_cross import demo

    click.echo(Path(demo.__path__[0]) / "responses" / f"{name}.jsonl")
