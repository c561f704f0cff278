"""What `lmms-eval-cross compare` does with its options."""

from dataclasses import dataclass, replace
from pathlib import Path

import click

from lmms_eval_cross.compare.comparing import compare_sides, with_gated, with_labels, write_outputs
from lmms_eval_cross.compare.comparison import Rules
from lmms_eval_cross.compare.inputs import load_side
from lmms_eval_cross.compare.integrity import check_sealed
from lmms_eval_cross.compare.terminal import render_text
from lmms_eval_cross.compare.worst_slices import SliceRule
from lmms_eval_cross.say import show
from lmms_eval_cross.settings import load_settings
from lmms_eval_cross.trust.given_facets import given_facets


@dataclass(frozen=True, slots=True)
class CompareOptions:
    """As `cli/compare.py` declares them."""

    baseline: Path
    candidate: Path
    baseline_round: tuple[Path, ...]
    candidate_round: tuple[Path, ...]
    margins: dict[str, float]
    alpha: float
    inconclusive: str
    slices: SliceRule
    facets: Path | None
    bridge: Path | None
    labels: Path | None
    baseline_labels: Path | None
    candidate_labels: Path | None
    accuracy: dict[str, tuple[float, float]]
    gated: Path | None
    confirm: int | None
    second_judge: bool
    unsealed: str
    verify_replies: bool
    resamples: int
    report_url: str | None
    junit: Path | None
    markdown: Path | None
    as_json: Path | None


def decide(options: CompareOptions) -> int:
    """Compare, write and show what is asked for; gives the exit code."""
    deciding = _labels_that_decide(options)
    _check_together(options, deciding is not None)
    before = load_side([options.baseline, *options.baseline_round], options.verify_replies)
    after = load_side([options.candidate, *options.candidate_round], options.verify_replies)
    if options.unsealed == "refuse":
        check_sealed(before, after)
    rules = replace(_rules(options), facets=given_facets(options.facets, set(before.facts) | set(after.facts)))
    found = compare_sides(before, after, rules, options.confirm, options.second_judge, options.bridge, deciding)
    found = with_gated(with_labels(found, options.labels), options.gated)
    write_outputs(found, options.report_url, options.junit, options.markdown, options.as_json)
    show(render_text(found))
    return found.exit_code


def _labels_that_decide(options: CompareOptions) -> tuple[Path, Path] | None:
    if options.baseline_labels and options.candidate_labels:
        return options.baseline_labels, options.candidate_labels
    if options.baseline_labels or options.candidate_labels:
        raise click.UsageError("--baseline-labels and --candidate-labels go together; label answers of both sides.")
    return None


def _check_together(options: CompareOptions, labels_decide: bool) -> None:
    """Refuse options that exclude each other."""
    if options.second_judge and not options.confirm:
        raise click.UsageError("--second-judge goes with --confirm N.")
    if options.bridge and options.confirm:
        raise click.UsageError("--confirm asks one judge for both sides, and --bridge stands between two; name one.")
    other_judge = bool(options.bridge or options.confirm)
    corrected = labels_decide or bool(options.accuracy)
    if (corrected and other_judge) or (labels_decide and options.accuracy):
        raise click.UsageError("Labels of both sides, --judge-accuracy, --bridge and --confirm exclude each other.")


def _rules(options: CompareOptions) -> Rules:
    return Rules(
        options.margins,
        options.alpha,
        load_settings().min_coverage,
        options.inconclusive == "pass",
        options.resamples,
        options.slices,
        options.accuracy,
    )
