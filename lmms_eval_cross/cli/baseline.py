"""`lmms-eval-cross baseline`."""

from pathlib import Path

import click

from lmms_eval_cross.cli.names import json_name
from lmms_eval_cross.cli.paths import PATH, GivenPath
from lmms_eval_cross.compare.baseline_file import is_baseline, write_baseline
from lmms_eval_cross.compare.inputs import load_side
from lmms_eval_cross.compare.integrity import check_sealed
from lmms_eval_cross.files import write_text
from lmms_eval_cross.numbers import plural
from lmms_eval_cross.runs.judged import check_judged
from lmms_eval_cross.say import say

_FILE = GivenPath(dir_okay=False, path_type=Path)


@click.command()
@click.argument("runs", metavar="RUN...", nargs=-1, required=True, type=PATH)
@click.option("-o", "--output", required=True, type=_FILE, callback=json_name, help="File to write.")
def baseline(runs: tuple[Path, ...], output: Path) -> None:
    """Write what `compare` needs of a run into a small file to commit.

    Several RUNs are rounds of one model. The file has scores and their origin, no text of the benchmark.
    """
    side = load_side(runs)
    check_sealed(side)
    judged = [each.answers.values() for each in side.rounds if each.answers]
    for path, answers in zip((path for path in runs if not is_baseline(path)), judged, strict=True):
        check_judged(path, answers)
    write_text(output, write_baseline(side))
    say(f"{output}: {len(side.facts):,} samples, {plural(len(side.rounds), 'round')} of {side.model}.")
