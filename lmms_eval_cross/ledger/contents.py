"""What a ledger holds, in lines for people."""

import json

from lmms_eval_cross import numbers
from lmms_eval_cross.ledger.store import Ledger
from lmms_eval_cross.ledger.verifying import Verification, verify

__all__ = ["Verification", "describe", "verify"]


def describe(ledger: Ledger) -> str:
    """Counts by judge and endpoint, and what was learnt; runs are in `run_lines.py`.

    Raises:
        LedgerError: the ledger can't be read.
    """
    judges = ledger.select(
        "SELECT judge_id, host, count(score) AS scored, count(*) - count(score) AS failed FROM verdict "
        "GROUP BY judge_id, host ORDER BY judge_id, host"
    )
    lines = [f"{ledger.name}: {ledger.count('verdict')} verdicts and failures, {ledger.count('response')} answers"]
    for row in judges:
        lines.append(f"judge {row['judge_id']} at {row['host']}: {row['scored']} verdicts, {row['failed']} failures")
    lines += describe_learnt(ledger)
    return "\n".join(lines)


def shown_moment(moment: str) -> str:
    """A row's date, which is in UTC, as people are told it: `2026-11-28 17:03Z`."""
    return numbers.day(moment.removesuffix("+00:00").replace(" ", "T") + "Z")


def describe_learnt(ledger: Ledger) -> list[str]:
    """What was learnt of each endpoint, in a line each that differs from what any endpoint takes."""
    lines = []
    for row in ledger.select(
        "SELECT host, model, profile, quirks, learnt_at, in_flight FROM learnt ORDER BY host, model"
    ):
        traits = list(json.loads(row["quirks"]))
        if row["in_flight"]:
            traits.append(f"{row['in_flight']} calls at a time")
        if traits:
            lines.append(
                f"learnt of {row['model']} ({row['profile']}) at {row['host']}, {shown_moment(row['learnt_at'])}: "
                f"{', '.join(traits)}"
            )
    return lines
