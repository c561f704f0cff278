"""`lmms-eval-cross label export`."""

from pathlib import Path

import click

from lmms_eval_cross.cli.paths import PATH
from lmms_eval_cross.errors import LabelError
from lmms_eval_cross.say import say
from lmms_eval_cross.trust.anchor import load_anchor
from lmms_eval_cross.trust.asked_facets import parse_facet
from lmms_eval_cross.trust.label_pages import Asking
from lmms_eval_cross.trust.labelling_batch import export_batch
from lmms_eval_cross.trust.paired_batch import PAIR, export_pair


@click.command(name="export")
@click.argument("source", metavar="[RUN|ANCHOR]", type=PATH, required=False)
@click.option("--pair", nargs=2, type=PATH, metavar="BASE CAND", help="One batch for two runs, whose sides are hidden.")
@click.option("--n", default=100, show_default=True, type=click.IntRange(min=1), help="Answers to draw, of each side.")
@click.option("--seed", default=0, show_default=True, help="The same seed draws the same answers.")
@click.option(
    "--facet",
    "facets",
    multiple=True,
    metavar="NAME[=A,B]",
    help="Have people assign a facet as well, such as domain: any text, or one of the values.",
)
@click.option("--by-language", is_flag=True, help="A page and a spreadsheet a language, for people who read it.")
@click.option("-o", "--output", type=PATH, default=Path("labels"), show_default=True, help="A folder.")
def command(
    source: Path | None,
    pair: tuple[Path, Path] | None,
    n: int,
    seed: int,
    facets: tuple[str, ...],
    by_language: bool,
    output: Path,
) -> None:
    """Draw answers and write batch.csv, label.html and batch.json; the first two hold text of CROSS.

    With --pair the same samples of two runs are labelled in one batch, and pair.json, which tells the sides, is written
    in place of batch.json.
    """
    if (source is None) == (pair is None):
        raise click.UsageError("Give either one RUN or ANCHOR, or --pair BASE CAND.")
    kept = "batch.json" if pair is None else PAIR
    if (output / "batch.json").exists() or (output / PAIR).exists():
        raise LabelError(f"{output} holds a batch already; give another --output, for people may be labelling it.")
    asking = Asking(tuple(map(parse_facet, facets)), by_language)
    if pair is not None:
        baseline, candidate = (load_anchor(path, to_draw=True) for path in pair)
        name = export_pair(baseline, candidate, n, seed, output, asking)
        say(f"{output}: batch {name} of both sides. Give each annotator")
    elif source is not None:
        batch = export_batch(load_anchor(source, to_draw=True), n, seed, output, asking)
        say(f"{output}: batch {batch.batch_id} of {len(batch.items)} answers. Give each annotator")
    sheets = "label-LANGUAGE.html (or batch-LANGUAGE.csv)" if by_language else "label.html (or batch.csv)"
    say(f"{sheets}, collect the CSV files, and keep {kept} for `lmms-eval-cross label import`.")
