"""An agreement report for people: a Markdown table, the ceilings, and the first disagreements."""

from collections.abc import Sequence
from typing import Any, Final

from lmms_eval_cross import numbers
from lmms_eval_cross.judge.json_reply import reasons

_SCALES: Final = {"agreement": 100, "kappa": 1, "AC1": 1, "sensitivity": 100, "specificity": 100}
"""What has an interval; 100: it is shown in percent."""


def agreement_table(report: dict[str, Any]) -> str:
    """The report for people: Markdown, shares in per cent, the shift in points."""
    lines = [
        f"A: {report['a']['name']}, {_judge_name(report['a']['judge'])}",
        f"B: {report['b']['name']}, {_judge_name(report['b']['judge'])}",
        *_notes(report),
        "",
        "| dimension | n | agreement | constant | kappa | AC1 | sensitivity | specificity | A | B | B - A (95%) |",
        "| --- " * 11 + "|",
    ]
    for dimension, agreement in report["dimensions"].items():
        lines.append(_row(dimension, agreement))
    lines += ["", *_intervals(report), ""]
    for side, by_dimension in report["self_consistency"].items():
        for dimension, consistency in by_dimension.items():
            lines.append(_ceiling(side, dimension, consistency))
    return "\n".join(lines)


def shown_disagreements(report: dict[str, Any], most: int) -> str:
    """The first `most` disagreements and the count of the rest, with a line of each reply that the file holds."""
    rows = report["disagreements"]
    heading = f"\n{len(rows)} disagreements"
    if len(rows) > most > 0:
        heading += f", the first {most}:"
    else:
        heading += "."
    lines = [heading]
    for row in rows[: max(0, most)]:
        lines.append(f"{row['sample_id']} {row['dimension']}: A {row['a']}, B {row['b']}")
        for side in ("a", "b"):
            rationale = row[f"rationale_{side}"]
            if rationale is not None:
                lines.append(f"  {side.upper()}: {' '.join(reasons(rationale, row['dimension']).split())[:300]}")
    return "\n".join(lines) + "\n"


def conclusion(report: dict[str, Any]) -> str:
    """Where the two agree least, and whose means can't stand beside the other's, in a sentence or two."""
    by_dimension = {name: found for name, found in report["dimensions"].items() if found is not None}
    if not by_dimension:
        return "No answer has a score of both judges."
    if all(found["agreement"] == 1 for found in by_dimension.values()):
        return "A and B give every answer the same scores."
    least = min(by_dimension, key=lambda name: float(by_dimension[name]["agreement"]))
    agreement, kappa = _percent(by_dimension[least]["agreement"]), _index(by_dimension[least]["kappa"])
    shifted = [name for name, found in by_dimension.items() if _excludes_zero(found["shift_interval"])]
    if not shifted:
        ending = "No dimension is shown to be scored higher or lower by B."
    else:
        shifts = ", ".join(f"{name} {_signed(by_dimension[name]['shift'])}" for name in shifted)
        ending = f"B's means can't stand beside A's: {shifts} points."
    return f"A and B agree least on {least}, in {agreement} (kappa {kappa}). {ending}"


def _excludes_zero(interval: Sequence[float] | None) -> bool:
    return interval is not None and not interval[0] <= 0 <= interval[1]


def _judge_name(judge: dict[str, Any]) -> str:
    name = f"{judge['id']}, rubric {judge['rubric']} {judge['rubric_sha256'][:8]}, profile {judge['profile']}"
    if judge["kind"] == "offline":
        name += "; OFFLINE JUDGE: not a measurement"
    return name


def _notes(report: dict[str, Any]) -> list[str]:
    notes = []
    for side in ("a", "b"):
        count = report[side]["samples_only_here"]
        if count:
            notes.append(f"{count} samples of {side.upper()} are not in the other.")
    if report["a"]["binding"] == report["b"]["binding"]:
        notes.append("A and B are the same judge, rubric and profile.")
    if report["weighted"]:
        notes.append("Weighted by the probabilities by which the answers were drawn.")
    return notes


def _row(dimension: str, agreement: dict[str, Any] | None) -> str:
    if agreement is None:
        return f"| {dimension} | 0 |" + " - |" * 9
    cells = (
        dimension,
        str(agreement["n"]),
        _percent(agreement["agreement"]),
        _percent(agreement["constant_agreement"]),
        _index(agreement["kappa"]),
        _index(agreement["ac1"]),
        _percent(agreement["sensitivity"]),
        _percent(agreement["specificity"]),
        _percent(agreement["mean_a"]),
        _percent(agreement["mean_b"]),
        _points(agreement["shift"], agreement["shift_interval"]),
    )
    return "| " + " | ".join(cells) + " |"


def _intervals(report: dict[str, Any]) -> list[str]:
    """A table of 95% intervals, in the units of the table above."""
    lines = [f"| 95% over norms | {' | '.join(_SCALES)} |", "| --- " * (len(_SCALES) + 1) + "|"]
    for dimension, agreement in report["dimensions"].items():
        if agreement is not None:
            cells = [_span(agreement["intervals"][name.lower()], scale) for name, scale in _SCALES.items()]
            lines.append(f"| {dimension} | {' | '.join(cells)} |")
    return lines


def _ceiling(side: str, dimension: str, consistency: dict[str, Any]) -> str:
    share, alpha = _percent(consistency["agreement"]), _index(consistency["alpha"])
    reach = "which tells nothing of what another judge can reach"
    if consistency["ceiling"] is not None:
        low, high = map(_percent, consistency["ceiling"])
        reach = f"and a steady judge of the same mind agrees with it in {low} to {high}"
    if consistency["ceiling_by_answer"] is not None:
        reach += f", answer by answer {_percent(consistency['ceiling_by_answer'])}"
    return (
        f"Ceiling: {side.upper()} agrees with itself on {dimension} in {share}, alpha {alpha} "
        f"({consistency['askings']} askings), {reach}."
    )


def _percent(share: float | None) -> str:
    if share is None:
        return "-"
    return f"{numbers.plain(100 * share)}%"


def _span(interval: Sequence[float] | None, scale: int) -> str:
    """`81.0 to 88.2`, in percent with scale 100; a dash where there is no interval."""
    if interval is None:
        return "-"
    show = numbers.plain if scale > 1 else numbers.plain_share
    low, high = (show(scale * end) for end in interval)
    return f"{low} to {high}"


def _index(value: float | None) -> str:
    if value is None:
        return "-"
    return numbers.plain_share(value)


def _points(shift: float, interval: Sequence[float] | None) -> str:
    if interval is None:
        return f"{_signed(shift)} (no interval)"
    low, high = interval
    return f"{_signed(shift)} ({_signed(low)} to {_signed(high)})"


def _signed(change: float) -> str:
    """A change in -1..1 as signed points."""
    return numbers.plain_points(100 * change)
