"""`lmms-eval-cross align import`."""

from pathlib import Path

import click

from lmms_eval_cross.align.cvqa import CvqaCopy
from lmms_eval_cross.align.importing import import_release, import_summary
from lmms_eval_cross.align.pictures import Pictures
from lmms_eval_cross.cli.paths import PATH
from lmms_eval_cross.errors import SourceError
from lmms_eval_cross.say import say


@click.command(name="import")
@click.option("--source", type=PATH, required=True, help="A copy of CROSS in the official layout.")
@click.option("-o", "--output", type=PATH, default=Path("align-data"), show_default=True, help="A folder.")
@click.option("--cvqa", type=PATH, help="A local copy of CVQA (its Parquet files): the pictures that CROSS lacks.")
@click.option("--repair", is_flag=True, help="Put right what the table of defects says can be.")
def command(source: Path, output: Path, cvqa: Path | None, repair: bool) -> None:
    """Turn the release's training files into dataset folders: OUTPUT/sft, and OUTPUT/dpo of pairs."""
    if not source.is_dir():
        raise SourceError(f"--source {source} is not a folder; give a copy of CROSS in the official layout.")
    pictures = Pictures(source, CvqaCopy(cvqa) if cvqa else None)
    imported = import_release(source, output, pictures, repair)
    say(import_summary(imported))
    say(f"\nNext: lmms-eval-cross align check {imported.datasets[0].folder}")
