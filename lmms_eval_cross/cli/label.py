"""`lmms-eval-cross label`."""

import json
from dataclasses import asdict
from pathlib import Path

import click

from lmms_eval_cross.errors import LabelError
from lmms_eval_cross.files import write_text
from lmms_eval_cross.runs.run_files import load_run
from lmms_eval_cross.trust.anchor import load_anchor
from lmms_eval_cross.trust.corrected_means import corrected_means, corrected_table
from lmms_eval_cross.trust.human_labels import labels_table, load_labels

PATH = click.Path(path_type=Path)


@click.group()
def label() -> None:
    """Have people label judged answers, and correct the judge's scores by them."""


@label.command(name="export")
@click.argument("source", metavar="RUN|ANCHOR", type=PATH)
@click.option("--n", default=100, show_default=True, type=click.IntRange(min=1), help="Answers to draw.")
@click.option("--seed", default=0, show_default=True, help="The same seed draws the same answers.")
@click.option("-o", "--output", type=PATH, default=Path("labels"), show_default=True, help="A folder.")
def export_(source: Path, n: int, seed: int, output: Path) -> None:
    """Draw answers and write batch.csv, label.html and batch.json; the first two hold text of CROSS."""
    # here and in `import_`, since it loads data and pictures, which `correct` and `--help` do without
    from lmms_eval_cross.trust.labelling_batch import batch_id, export_batch

    if (output / "batch.json").exists():
        raise LabelError(f"{output} holds a batch already; give another --output, for people may be labelling it.")
    batch = export_batch(load_anchor(source, to_draw=True), n, seed, output)
    click.echo(f"{output}: batch {batch_id(batch)} of {len(batch.items)} answers. Give each annotator label.html (or")
    click.echo("batch.csv), collect the CSV files, and keep batch.json for `lmms-eval-cross label import`.")


@label.command(name="import")
@click.argument("batch", type=PATH)
@click.argument("files", nargs=-1, required=True, type=PATH)
@click.option("-o", "--output", type=PATH, default=Path("labels.json"), show_default=True, help="The label file.")
def import_(batch: Path, files: tuple[Path, ...], output: Path) -> None:
    """Check the annotators' CSV files against BATCH (batch.json, or its folder) and write the label file."""
    from lmms_eval_cross.trust.label_import import import_labels

    if batch.suffix == ".csv":
        raise LabelError(f"BATCH is {batch}, a spreadsheet; give the batch.json that `label export` wrote with it.")
    if (batch / "batch.json").is_file():
        batch = batch / "batch.json"
    labels = import_labels(load_anchor(batch), files)
    labels.write(output)
    click.echo(labels_table(labels))
    click.echo(f"\nWritten to {output}.")


@label.command()
@click.argument("run", type=PATH)
@click.argument("labels", type=PATH)
@click.option("--json", "json_path", type=PATH, help="Write the numbers to this file as well.")
def correct(run: Path, labels: Path, json_path: Path | None) -> None:
    """Show RUN's means as the judge gives them and corrected by a label file."""
    loaded, known = load_run(run), load_labels(labels)
    means = corrected_means(loaded.judged_answers, known)
    if json_path is not None:
        content = {"schema": "cross-corrected/1", "dimensions": {each.dimension: asdict(each) for each in means}}
        write_text(json_path, json.dumps(content, indent=1, allow_nan=False) + "\n")
    click.echo(corrected_table(means))
