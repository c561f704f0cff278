"""`lmms-eval-cross anchor judge`."""

import re
from pathlib import Path

import click

from lmms_eval_cross.cli.names import json_name
from lmms_eval_cross.cli.paths import PATH
from lmms_eval_cross.say import say
from lmms_eval_cross.settings import load_settings
from lmms_eval_cross.trust.anchor import load_anchor
from lmms_eval_cross.trust.anchor_judging import failure_counts, judge_anchor


@click.command(name="judge")
@click.argument("path", metavar="ANCHOR", type=PATH)
@click.option("--repeats", default=1, show_default=True, type=click.IntRange(min=1), help="Askings of this judge.")
@click.option("--with-text", is_flag=True, help="Keep rationales, though ANCHOR holds no text; they quote CROSS.")
@click.option("-o", "--output", type=PATH, callback=json_name, help="Default: ANCHOR with the judge's id in its name.")
def command(path: Path, repeats: int, with_text: bool, output: Path | None) -> None:
    """Judge an anchor with the judge in force, and write it with the new verdicts beside the old."""
    judged = judge_anchor(load_anchor(path), load_settings(), repeats)
    stamp = judged.judgements[-1].judge
    target = output or path.with_name(f"{path.stem}-{re.sub(r'[^A-Za-z0-9.-]+', '_', stamp.id)}.json")
    (judged if with_text or judged.has_text else judged.without_text()).write(target)
    say(f"{target}: {len(judged.items)} answers judged by {stamp}, {len(judged.askings(stamp))} asking(s).")
    failures = failure_counts(judged)
    if failures:
        told = ", ".join(f"{reason} {count}" for reason, count in sorted(failures.items()))
        say(f"Without a score: {told}; judge {path.name} again, and unavailable and budget ones are asked anew.")
