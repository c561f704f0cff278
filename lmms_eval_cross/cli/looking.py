"""What `lmms-eval-cross gate` does with its options."""

from dataclasses import dataclass
from pathlib import Path

from lmms_eval_cross.compare.comparing import write_outputs
from lmms_eval_cross.compare.comparison import Rules
from lmms_eval_cross.compare.terminal import render_text
from lmms_eval_cross.compare.worst_slices import SliceRule
from lmms_eval_cross.harness.gate_run import gate_runs
from lmms_eval_cross.say import show
from lmms_eval_cross.settings import load_settings


@dataclass(frozen=True, slots=True)
class GateOptions:
    """As `cli/gate.py` declares them."""

    baseline: Path
    answers: Path
    baseline_round: tuple[Path, ...]
    candidate_round: tuple[Path, ...]
    margins: dict[str, float]
    alpha: float
    inconclusive: str
    slices: SliceRule
    unsealed: str
    verify_replies: bool
    report_url: str | None
    junit: Path | None
    markdown: Path | None
    as_json: Path | None


def look(options: GateOptions) -> int:
    """Judge and decide, write and show what is asked for; gives the exit code."""
    coverage, lets_through = load_settings().min_coverage, options.inconclusive == "pass"
    rules = Rules(options.margins, options.alpha, coverage, lets_through, slices=options.slices)
    baseline = [options.baseline, *options.baseline_round]
    candidate = [options.answers, *options.candidate_round]
    found = gate_runs(baseline, candidate, rules, options.verify_replies, sealed_only=options.unsealed == "refuse")
    write_outputs(found, options.report_url, options.junit, options.markdown, options.as_json)
    show(render_text(found))
    return found.exit_code
