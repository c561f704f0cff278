"""`lmms-eval-cross prepare`."""

import click


@click.command()
@click.option("--source", help="Folder in the official layout, or a base URL. Default: CROSS_SOURCE, else GitHub.")
@click.option("--revision", help="Commit or branch, appended to a base URL. Default on GitHub: main.")
@click.option("--force", is_flag=True, help="Fetch and prepare again, though this source is prepared.")
def prepare(source: str | None, revision: str | None, force: bool) -> None:
    """Validate a copy of CROSS and write it as Parquet under CROSS_HOME."""
    from lmms_eval_cross.data.prepare import prepare as run
    from lmms_eval_cross.settings import load_settings

    settings = load_settings()
    official = settings.judge_rubric != "native"
    run(settings.home, source or settings.source, revision, force, official, say=click.echo)
