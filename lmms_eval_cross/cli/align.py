"""`lmms-eval-cross align`."""

from typing import Final

import click

from lmms_eval_cross.cli.lazy_group import LazyGroup

COMMANDS: Final = {
    "build": "Make new examples: a teacher writes them (CROSS_TEACHER...), the judge lets them pass or not.",
    "check": "Compare the data in DIR with the benchmark and cross_demo: exit code 0 clean, 1 not, 2 wrong usage.",
    "demo": "Write what `make tune-demo` starts from: training files of cross_demo's answers, and a tiny random model.",
    "export": "Write the data in DIR as a trainer or a hosted service reads them, with a page that says what they are.",
    "import": "Turn the release's training files into dataset folders: OUTPUT/sft, and OUTPUT/dpo of pairs.",
    "openai": "Tune a model at OpenAI on the dataset in DIR: first shown with its price, sent with --submit only.",
    "tune": "Tune a model on the dataset in DIR with TRL: supervised (sft) or by preference (dpo).",
}


@click.group(cls=LazyGroup, sentences=COMMANDS)
def align() -> None:
    """Make training data, check them against the benchmark, and tune a model with them."""
