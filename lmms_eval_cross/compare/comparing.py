"""A comparison as it was asked for: over a bridge, judged again, with labels, and its files."""

from dataclasses import replace
from pathlib import Path

from lmms_eval_cross.compare import decide
from lmms_eval_cross.compare.comparison import Comparison, Rules
from lmms_eval_cross.compare.confirm import check_confirmable, confirm
from lmms_eval_cross.compare.corrected_rounds import corrected_rounds
from lmms_eval_cross.compare.gate_json import render_json
from lmms_eval_cross.compare.gate_markdown import render_markdown
from lmms_eval_cross.compare.gated_before import load_gated
from lmms_eval_cross.compare.junit import render_junit
from lmms_eval_cross.compare.rounds import Side
from lmms_eval_cross.files import write_text
from lmms_eval_cross.trust.anchor import Anchor, load_anchor
from lmms_eval_cross.trust.human_labels import load_labels


def compare_sides(
    baseline: Side,
    candidate: Side,
    rules: Rules,
    repeats: int | None,
    second_judge: bool,
    bridge: Path | None,
    labels: tuple[Path, Path] | None,
) -> Comparison:
    """Compare, by labels of both sides where they are given, and ask again where that was asked for."""
    if labels is not None:
        known = load_labels(labels[0]), load_labels(labels[1])
        return decide.compare(baseline, candidate, rules, labels=known)
    if not repeats:
        name = "" if bridge is None else bridge.name
        return decide.compare(baseline, candidate, rules, anchor=load_bridge(bridge), anchor_file=name)
    # asking loads pictures and judge, which comparing does without
    from lmms_eval_cross.compare.judge_again import JudgeAgain

    check_confirmable(baseline, candidate)
    with JudgeAgain((baseline, candidate), second_judge) as judge:
        return decide.compare(
            baseline,
            candidate,
            rules,
            lambda pairs, again: confirm(baseline, candidate, pairs, again, repeats, judge.ask, judge.judge_id),
        )


def load_bridge(path: Path | None) -> Anchor | None:
    """The anchor that was given, if one was."""
    return None if path is None else load_anchor(path)


def with_labels(comparison: Comparison, path: Path | None) -> Comparison:
    """The comparison with means corrected by the labels in a file, where one was given and the sides are comparable."""
    if path is None:
        return comparison
    labels = load_labels(path)
    if not comparison.samples:
        return comparison
    sides = comparison.baseline, comparison.candidate
    return replace(comparison, corrected=corrected_rounds(*sides, labels, comparison.rules.alpha))


def with_gated(comparison: Comparison, path: Path | None) -> Comparison:
    """The comparison with what `gate` decided before, where its file was given."""
    if path is None:
        return comparison
    return replace(comparison, gated=load_gated(path, comparison.baseline, comparison.candidate))


def write_outputs(
    comparison: Comparison, report_url: str | None, junit: Path | None, markdown: Path | None, as_json: Path | None
) -> None:
    """Write the files that were asked for, all rendered before the first is written."""
    wanted = {
        junit: render_junit(comparison) if junit else "",
        markdown: render_markdown(comparison, report_url) if markdown else "",
        as_json: render_json(comparison) if as_json else "",
    }
    for path, text in wanted.items():
        if path is not None:
            write_text(path, text)
