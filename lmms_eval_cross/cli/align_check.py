"""`lmms-eval-cross align check`."""

import json
from pathlib import Path

import click

from lmms_eval_cross.align.check import check_dataset, report_json, write_without_leaks
from lmms_eval_cross.align.check_text import check_text
from lmms_eval_cross.align.dataset import open_dataset
from lmms_eval_cross.cli.paths import PATH
from lmms_eval_cross.files import write_text
from lmms_eval_cross.say import say
from lmms_eval_cross.settings import load_settings


@click.command(name="check")
@click.argument("folder", metavar="DIR", type=PATH)
@click.option("--allow-unverified", is_flag=True, help="Exit with 0 though something could not be compared.")
@click.option("--json", "json_path", type=PATH, help="Write everything to this file as well.")
@click.option("--without-leaks", type=PATH, metavar="OUT", help="Write a copy without the leaked examples there.")
@click.pass_context
def command(
    ctx: click.Context, folder: Path, allow_unverified: bool, json_path: Path | None, without_leaks: Path | None
) -> None:
    """Compare the data in DIR with the benchmark and cross_demo: exit code 0 clean, 1 not, 2 wrong usage."""
    data = open_dataset(folder)
    report = check_dataset(data, load_settings().home)
    data.mark(report.leak_check)
    if json_path is not None:
        write_text(json_path, json.dumps(report_json(report), indent=1, ensure_ascii=False) + "\n")
    say(check_text(report))
    if without_leaks is not None:
        rest = write_without_leaks(data, report, without_leaks)
        say(f"{rest.folder}: {len(rest)} examples without leaks; check them next.")
    passed = report.state == "clean" or (report.state == "unverified" and allow_unverified)
    ctx.exit(0 if passed else 1)
