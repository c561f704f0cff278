"""`lmms-eval-cross label`."""

from typing import Final

import click

from lmms_eval_cross.cli.lazy_group import LazyGroup

COMMANDS: Final = {
    "correct": "Show RUN's means as the judge gives them and corrected by a label file.",
    "export": "Draw answers and write batch.csv, label.html and batch.json; the first two hold text of CROSS.",
    "import": "Check the annotators' CSV files against BATCH (batch.json, or its folder) and write the label file.",
}


@click.group(cls=LazyGroup, sentences=COMMANDS)
def label() -> None:
    """Have people label judged answers, and correct the judge's scores by them."""
