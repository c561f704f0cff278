"""`lmms-eval-cross view`."""

from pathlib import Path

import click

from lmms_eval_cross.cli.paths import PATH
from lmms_eval_cross.report.page_options import PageOptions
from lmms_eval_cross.report.write import Extras
from lmms_eval_cross.view.serving import LOOPBACK, serve
from lmms_eval_cross.view.watched import Watched


@click.command()
@click.argument("runs", nargs=-1, required=True, type=PATH)
@click.option("--port", default=8765, show_default=True, type=click.IntRange(0, 65535), help="0 takes a free one.")
@click.option("--host", default=LOOPBACK, show_default=True, help="An address that others reach asks for a token.")
@click.option("--labels", type=PATH, metavar="FILE", help="Correct the means by human labels, of `label import`.")
@click.option("--facets", type=PATH, metavar="FILE", help="Further slices: sample_id or item and columns.")
@click.option("--no-samples", is_flag=True, help="Leave out queries, answers, norms and images.")
def view(
    runs: tuple[Path, ...], port: int, host: str, labels: Path | None, facets: Path | None, no_samples: bool
) -> None:
    """Show RUNS on the page of `report`, served on this machine and made anew when a run lands.

    Above it stands what is being judged: partial means, calls, failures, dollars, and when it will be done. RUNS may be
    folders in which no run has landed yet.
    """
    options = PageOptions(samples=not no_samples, images=not no_samples)
    serve(Watched(runs, options, Extras(labels, facets)), host, port)
