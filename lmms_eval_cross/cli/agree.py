"""`lmms-eval-cross agree`."""

import json
from pathlib import Path
from typing import Any

import click

from lmms_eval_cross.cli.aligned import say_markdown
from lmms_eval_cross.cli.paths import PATH
from lmms_eval_cross.files import write_text
from lmms_eval_cross.runs.run_files import load_run
from lmms_eval_cross.say import say
from lmms_eval_cross.trust.agreement_report import agreement_report
from lmms_eval_cross.trust.agreement_text import agreement_table, conclusion, shown_disagreements
from lmms_eval_cross.trust.anchor import load_anchor
from lmms_eval_cross.trust.panel_report import panel_report, panel_table


@click.command()
@click.argument("a", type=PATH)
@click.argument("b", type=PATH, required=False)
@click.option("--json", "json_path", type=PATH, help="Write everything to this file as well.")
@click.option("--show", default=5, show_default=True, help="Disagreements to print; the JSON has all.")
def agree(a: Path, b: Path | None, json_path: Path | None, show: int) -> None:
    """Compare two judges on the same answers: run folders or anchors, A being the reference.

    A run that a panel judged may stand alone: each member against the panel, and any two against each other.
    """
    if b is None:
        of_panel = panel_report(load_run(a))
        _write(json_path, of_panel)
        say_markdown(panel_table(of_panel))
        return
    report = agreement_report(load_anchor(a), load_anchor(b))
    _write(json_path, report)
    say_markdown(agreement_table(report))
    say(shown_disagreements(report, show))
    say(conclusion(report))


def _write(path: Path | None, report: dict[str, Any]) -> None:
    if path is not None:
        write_text(path, json.dumps(report, indent=1, allow_nan=False) + "\n")
