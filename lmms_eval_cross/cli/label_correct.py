"""`lmms-eval-cross label correct`."""

import json
from dataclasses import asdict
from pathlib import Path

import click

from lmms_eval_cross.cli.aligned import say_markdown
from lmms_eval_cross.cli.paths import PATH
from lmms_eval_cross.files import write_text
from lmms_eval_cross.runs.run_rounds import load_first_round
from lmms_eval_cross.trust.corrected_means import corrected_means, corrected_table
from lmms_eval_cross.trust.human_labels import load_labels


@click.command(name="correct")
@click.argument("run", type=PATH)
@click.argument("labels", type=PATH)
@click.option("--json", "json_path", type=PATH, help="Write the numbers to this file as well.")
def command(run: Path, labels: Path, json_path: Path | None) -> None:
    """Show RUN's means as the judge gives them and corrected by a label file."""
    loaded, known = load_first_round(run), load_labels(labels)
    means = corrected_means(loaded.judged_answers, known)
    if json_path is not None:
        content = {"schema": "cross-corrected/1", "dimensions": {each.dimension: asdict(each) for each in means}}
        write_text(json_path, json.dumps(content, indent=1, allow_nan=False) + "\n")
    say_markdown(corrected_table(means))
