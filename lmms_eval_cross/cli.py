"""`lmms-eval-cross`: what people type beside lmms-eval. Each command imports what it needs when it runs."""

import sys
from pathlib import Path
from typing import Any

import click

from lmms_eval_cross import __version__
from lmms_eval_cross.errors import CrossError


class SentenceGroup(click.Group):
    """Turns a CrossError into its sentence and exit code; a bug keeps its traceback."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command."""
        try:
            return super().invoke(ctx)
        except CrossError as error:
            click.echo(f"lmms-eval-cross: {error}", err=True)
            sys.exit(error.exit_code)


@click.group(cls=SentenceGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="lmms-eval-cross")
def main() -> None:
    """CROSS for lmms-eval: prepare the data, look at settings, find the tasks."""


@main.command()
@click.option("--source", help="Folder in the official layout, or a base URL. Default: CROSS_SOURCE, else GitHub.")
@click.option("--revision", help="Commit or branch, appended to a base URL. Default on GitHub: main.")
@click.option("--force", is_flag=True, help="Prepare again, though this source is prepared.")
def prepare(source: str | None, revision: str | None, force: bool) -> None:
    """Validate a copy of CROSS and write it as Parquet under CROSS_HOME."""
    from lmms_eval_cross.data.prepare import prepare as run
    from lmms_eval_cross.settings import load_settings

    settings = load_settings()
    run(settings.home, source or settings.source, revision, force, say=click.echo)


@main.command()
def tasks() -> None:
    """Print the folder of the task YAMLs, for lmms-eval's --include_path."""
    from lmms_eval_cross.plugin import tasks_folder

    click.echo(tasks_folder())


@main.command()
def config() -> None:
    """Print the settings in force; keys are masked."""
    from lmms_eval_cross.settings import describe_settings, load_settings

    click.echo(describe_settings(load_settings()))


@main.command(name="demo-responses", hidden=True)
@click.argument("name", type=click.Choice(["careful", "careless"]))
def demo_responses(name: str) -> None:
    """Print the path of an invented model's responses to cross_demo."""
    from lmms_eval_cross import demo

    click.echo(Path(demo.__path__[0]) / "responses" / f"{name}.jsonl")
