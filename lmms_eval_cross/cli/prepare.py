"""`lmms-eval-cross prepare`."""

import click

from lmms_eval_cross.data.preparing import prepare as run
from lmms_eval_cross.say import say
from lmms_eval_cross.settings import load_settings


def _filled(_: click.Context, __: click.Parameter, given: str | None) -> str | None:
    """An empty value is mostly a variable of the shell that is not set; nothing is guessed from it."""
    if given is not None and not given.strip():
        raise click.BadParameter("is empty; give it a value, or leave it out.")
    return given


@click.command()
@click.option(
    "--source",
    callback=_filled,
    help="Folder in the official layout, or a base URL. Default: CROSS_SOURCE, else GitHub.",
)
@click.option("--revision", callback=_filled, help="Commit or branch, appended to a base URL. Default on GitHub: main.")
@click.option("--force", is_flag=True, help="Fetch and prepare again, though this source is prepared.")
def prepare(source: str | None, revision: str | None, force: bool) -> None:
    """Validate a copy of CROSS and write it as Parquet under CROSS_HOME."""
    settings = load_settings()
    official = settings.judge_rubric != "native"
    run(settings.home, source or settings.source, revision, force, official, say=say)
