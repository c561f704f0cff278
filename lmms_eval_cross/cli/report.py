"""`lmms-eval-cross report`."""

from pathlib import Path

import click

from lmms_eval_cross.cli.paths import PATH, GivenPath
from lmms_eval_cross.report.page import PageOptions
from lmms_eval_cross.report.write import Targets, write_report
from lmms_eval_cross.say import say

_FILE = GivenPath(dir_okay=False, path_type=Path)


@click.command()
@click.argument("runs", nargs=-1, required=True, type=PATH)
@click.option("-o", "--output", type=_FILE, help="The page; without any file named, report.html.")
@click.option("--markdown", type=_FILE, help="Write a summary to paste.")
@click.option("--csv", "csv_folder", type=GivenPath(file_okay=False, path_type=Path), help="Write tables to a folder.")
@click.option("--json", "json_file", type=_FILE, help="Write the numbers; docs/report.md has the schema.")
@click.option("--labels", type=_FILE, help="Correct the means by human labels, of `label import`.")
@click.option("--no-samples", is_flag=True, help="Leave out queries, answers, norms and images: a page to share.")
@click.option("--redact-images", is_flag=True, help="Leave out the images.")
@click.option("--force", is_flag=True, help="Overwrite a report of other runs.")
def report(
    runs: tuple[Path, ...],
    output: Path | None,
    markdown: Path | None,
    csv_folder: Path | None,
    json_file: Path | None,
    labels: Path | None,
    no_samples: bool,
    redact_images: bool,
    force: bool,
) -> None:
    """Show RUNS on one page: safety, capability, countries, norms, and every answer.

    A run is lmms-eval's --output_path, made with --log_samples; of a folder above several, all are shown. The first is
    the baseline of all comparisons.
    """
    if not any((output, markdown, csv_folder, json_file)):
        output = Path("report.html")
    targets = Targets(page=output, markdown=markdown, csv=csv_folder, json=json_file)
    options = PageOptions(samples=not no_samples, images=not redact_images)
    for path in write_report(runs, targets, options, labels, force):
        say(path)
