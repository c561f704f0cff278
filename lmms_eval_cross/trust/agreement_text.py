"""An agreement report for people: a Markdown table, the ceilings, and the first disagreements."""

from collections.abc import Sequence
from typing import Any


def agreement_table(report: dict[str, Any]) -> str:
    """The report for people: Markdown, shares in per cent, the shift in points."""
    lines = [
        f"A: {report['a']['name']}, {_judge_name(report['a']['judge'])}",
        f"B: {report['b']['name']}, {_judge_name(report['b']['judge'])}",
        *_notes(report),
        "",
        "| dimension | n | agreement | constant | kappa | AC1 | sensitivity | specificity | A | B | B - A (95%) |",
        "| --- " * 11 + "|",
        *(_row(name, each) for name, each in report["dimensions"].items()),
    ]
    for side, found in report["self_consistency"].items():
        lines += [_ceiling(side, name, each) for name, each in found.items()]
    return "\n".join(lines)


def shown_disagreements(report: dict[str, Any], most: int) -> str:
    """The first `most` disagreements and the count of the rest, with a line of each reply that the file holds."""
    every = report["disagreements"]
    lines = [f"\n{len(every)} disagreements" + (f", the first {most}:" if len(every) > most > 0 else ".")]
    for each in every[: max(0, most)]:
        lines.append(f"{each['sample_id']} {each['dimension']}: A {each['a']}, B {each['b']}")
        for side in ("a", "b"):
            said = each[f"rationale_{side}"]
            if said is not None:
                lines.append(f"  {side.upper()}: {' '.join(said.split())[:300]}")
    return "\n".join(lines) + "\n"


def _judge_name(judge: dict[str, Any]) -> str:
    offline = "; OFFLINE JUDGE: not a measurement" if judge["kind"] == "offline" else ""
    return f"{judge['id']}, rubric {judge['rubric']} {judge['rubric_sha256'][:8]}, profile {judge['profile']}{offline}"


def _notes(report: dict[str, Any]) -> list[str]:
    alone = {side: report[side]["samples_only_here"] for side in ("a", "b")}
    notes = [f"{count} samples of {side.upper()} are not in the other." for side, count in alone.items() if count]
    if report["a"]["binding"] == report["b"]["binding"]:
        notes.append("A and B are the same judge, rubric and profile.")
    if report["weighted"]:
        notes.append("Weighted by the probabilities by which the answers were drawn.")
    return notes


def _row(name: str, each: dict[str, Any] | None) -> str:
    if each is None:
        return f"| {name} | 0 |" + " - |" * 9
    shares = [each[key] for key in ("agreement", "constant_agreement")]
    rates = [each[key] for key in ("sensitivity", "specificity", "mean_a", "mean_b")]
    cells = [
        name,
        str(each["n"]),
        *map(_percent, shares),
        *(_index(each[key]) for key in ("kappa", "ac1")),
        *map(_percent, rates),
        _points(each["shift"], each["shift_interval"]),
    ]
    return "| " + " | ".join(cells) + " |"


def _ceiling(side: str, dimension: str, each: dict[str, Any]) -> str:
    found = f"{_percent(each['agreement'])}, alpha {_index(each['alpha'])}"
    return f"Ceiling: {side.upper()} agrees with itself on {dimension} in {found} ({each['askings']} askings)."


def _percent(share: float | None) -> str:
    return "-" if share is None else f"{100 * share:.1f}%"


def _index(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f}"


def _points(shift: float, interval: Sequence[float] | None) -> str:
    ends = "no interval" if interval is None else f"{_signed(interval[0])} to {_signed(interval[1])}"
    return f"{_signed(shift)} ({ends})"


def _signed(change: float) -> str:
    """A change in -1..1 as signed points; no `-0.0`."""
    return f"{round(100 * change, 1) or 0.0:+.1f}"
