"""An agreement report for people: a Markdown table, the ceilings, and the first disagreements."""

from collections.abc import Sequence
from typing import Any

from lmms_eval_cross import numbers


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
                lines.append(f"  {side.upper()}: {' '.join(rationale.split())[:300]}")
    return "\n".join(lines) + "\n"


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


def _ceiling(side: str, dimension: str, consistency: dict[str, Any]) -> str:
    share, alpha = _percent(consistency["agreement"]), _index(consistency["alpha"])
    return (
        f"Ceiling: {side.upper()} agrees with itself on {dimension} in {share}, alpha {alpha} "
        f"({consistency['askings']} askings)."
    )


def _percent(share: float | None) -> str:
    if share is None:
        return "-"
    return f"{numbers.plain(100 * share)}%"


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
