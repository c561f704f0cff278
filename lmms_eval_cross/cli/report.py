"""`lmms-eval-cross report`."""

from pathlib import Path

import click

from lmms_eval_cross.cli.paths import PATH, GivenPath
from lmms_eval_cross.report.page_options import PageOptions
from lmms_eval_cross.report.write import Extras, TableFormat, Targets, write_report
from lmms_eval_cross.say import say

_FILE = GivenPath(dir_okay=False, path_type=Path)


@click.command()
@click.argument("runs", nargs=-1, required=True, type=PATH)
@click.option("-o", "--output", type=_FILE, help="The page; without any file named, report.html.")
@click.option("--markdown", type=_FILE, help="Write a summary to paste.")
@click.option("--csv", "csv_folder", type=GivenPath(file_okay=False, path_type=Path), help="Write tables to a folder.")
@click.option(
    "--format",
    "tables",
    type=click.Choice(["csv", "parquet"]),
    default="csv",
    show_default=True,
    help="Of the tables of --csv and --site.",
)
@click.option("--latex", type=_FILE, help="Write LaTeX tables (booktabs) of scores and differences.")
@click.option(
    "--site",
    type=GivenPath(file_okay=False, path_type=Path),
    help="Write a folder for a web server: index.html, report.json, summary.md and tables/.",
)
@click.option("--json", "json_file", type=_FILE, help="Write the numbers; docs/report.md has the schema.")
@click.option("--labels", type=_FILE, help="Correct the means by human labels, of `label import`.")
@click.option("--facets", type=_FILE, help="Further slices: CSV, Parquet or JSONL of sample_id or item and columns.")
@click.option("--no-samples", is_flag=True, help="Leave out queries, answers, norms and images: a page to share.")
@click.option("--redact-images", is_flag=True, help="Leave out the images.")
@click.option("--force", is_flag=True, help="Overwrite a report of other runs.")
def report(
    runs: tuple[Path, ...],
    output: Path | None,
    markdown: Path | None,
    csv_folder: Path | None,
    tables: TableFormat,
    latex: Path | None,
    site: Path | None,
    json_file: Path | None,
    labels: Path | None,
    facets: Path | None,
    no_samples: bool,
    redact_images: bool,
    force: bool,
) -> None:
    """Show RUNS on one page: safety, capability, countries, norms, and every answer.

    A run is lmms-eval's --output_path, made with --log_samples; of a folder above several, all are shown. The first is
    the baseline of all comparisons.
    """
    if not any((output, markdown, csv_folder, json_file, latex, site)):
        output = Path("report.html")
    targets = Targets(output, markdown, csv_folder, json_file, latex, tables, site)
    options = PageOptions(samples=not no_samples, images=not redact_images)
    for path in write_report(runs, targets, options, Extras(labels, facets), force):
        say(path)
