"""Names of files that another command must know again."""

from pathlib import Path

import click

from lmms_eval_cross.runs.run_places import RESULTS_ENDING


def json_name(context: click.Context, parameter: click.Parameter, path: Path | None) -> Path | None:
    """The path, if it names a JSON file that is no run's: commands tell anchors and baselines from runs by the name.

    Raises:
        UsageError: it names something else.
    """
    if path is not None and (path.suffix != ".json" or path.name.endswith(RESULTS_ENDING)):
        raise click.UsageError(
            f"-o must name a .json file (and no *{RESULTS_ENDING}), by which other commands know it, got {path.name}."
        )
    return path
