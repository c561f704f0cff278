"""`lmms-eval-cross agree`."""

import json
from pathlib import Path

import click

from lmms_eval_cross.cli.paths import PATH
from lmms_eval_cross.files import write_text
from lmms_eval_cross.say import say
from lmms_eval_cross.trust.agreement_report import agreement_report
from lmms_eval_cross.trust.agreement_text import agreement_table, shown_disagreements
from lmms_eval_cross.trust.anchor import load_anchor


@click.command()
@click.argument("a", type=PATH)
@click.argument("b", type=PATH)
@click.option("--json", "json_path", type=PATH, help="Write everything to this file as well.")
@click.option("--show", default=5, show_default=True, help="Disagreements to print; the JSON has all.")
def agree(a: Path, b: Path, json_path: Path | None, show: int) -> None:
    """Compare two judges on the same answers: run folders or anchors, A being the reference."""
    report = agreement_report(load_anchor(a), load_anchor(b))
    if json_path is not None:
        write_text(json_path, json.dumps(report, indent=1, allow_nan=False) + "\n")
    say(agreement_table(report))
    disagreements = shown_disagreements(report, show)
    if disagreements:
        say(disagreements.rstrip("\n"))
