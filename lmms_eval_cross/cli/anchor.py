"""`lmms-eval-cross anchor`."""

from typing import Final

import click

from lmms_eval_cross.cli.lazy_group import LazyGroup

COMMANDS: Final = {
    "build": "Draw answers of a run, spread over subset, country, language and outcome, each with a known probability.",
    "judge": "Judge an anchor with the judge in force, and write it with the new verdicts beside the old.",
}


@click.group(cls=LazyGroup, sentences=COMMANDS)
def anchor() -> None:
    """Freeze a sample of judged answers, and judge it again with other judges."""
