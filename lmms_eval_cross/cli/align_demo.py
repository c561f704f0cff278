"""`lmms-eval-cross align demo`."""

from pathlib import Path

import click

from lmms_eval_cross.align.extra import require_trl, require_utf8
from lmms_eval_cross.cli.paths import GivenPath
from lmms_eval_cross.errors import SettingsError
from lmms_eval_cross.say import say


@click.command(name="demo")
@click.option("-o", "--output", required=True, type=GivenPath(file_okay=False, path_type=Path), help="A new folder.")
@click.option("--family", default="llava", show_default=True, help="Of the model: qwen2_5_vl, llava or internvl.")
def command(output: Path, family: str) -> None:
    """Write what `make tune-demo` starts from: training files of cross_demo's answers, and a tiny random model."""
    require_trl()
    require_utf8(output)
    from lmms_eval_cross.align import demo, tiny  # they load torch

    if family not in tiny.FAMILIES:
        raise SettingsError(f"--family {family} is unknown: take one of {', '.join(tiny.FAMILIES)}.")
    if output.exists():
        raise SettingsError(f"{output} is there already: name another folder.")
    demo.write_demo(output, family)
    say(f"{output}: source (training files), base (a model that knows nothing).")
