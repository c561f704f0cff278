"""Runs that are being judged: their answers so far, and the verdicts that are there."""

from collections.abc import Iterator
from datetime import datetime

from lmms_eval_cross.ledger.database import LedgerRows
from lmms_eval_cross.ledger.keys import read_outline
from lmms_eval_cross.ledger.responses import NO_RUN
from lmms_eval_cross.ledger.rows import Row, read_outcome, read_texts
from lmms_eval_cross.outside import parse_json

_JUDGED_BY = ("judge_id", "profile", "rubric_sha256")


def recent_runs(ledger: LedgerRows, since: str) -> dict[str, list[Row]]:
    """Run -> its answers (rows of `response`), of runs that got an answer since a moment (`2026-11-28T05:11:41+00:00`).

    Answers whose record can't be read are left out.

    Raises:
        LedgerError: the ledger can't be read.
    """
    runs: dict[str, list[Row]] = {}
    recent = "run <> ? AND run IN (SELECT run FROM response WHERE created_at >= ?)"
    for row in ledger.rows("response", recent, (NO_RUN, since)):
        if _asked(row) is not None:
            runs.setdefault(row["run"], []).append(row)
    return runs


def verdicts_on(ledger: LedgerRows, run: str, answers: list[Row]) -> Iterator[Row]:
    """The rows of `verdict` on a run's answers by the judge that the run has, whichever run paid for them.

    Raises:
        LedgerError: the ledger can't be read.
    """
    wanted = set(map(_asked, answers)) - {None}
    for row in ledger.rows("verdict", "sample_id IN (SELECT sample_id FROM response WHERE run = ?)", (run,)):
        if _answered(row) in wanted:
            yield row


def _asked(answer: Row) -> tuple[str, ...] | None:
    """What tells a judge's question from others; None of a record that can't be read."""
    try:
        record = parse_json(answer["record"])
        judged_by = record["provenance"]
        shown = (record["subset"], record["setting"], judged_by["judge_model"])
        asked = (read_texts(answer).sha256, *(judged_by[name] for name in _JUDGED_BY))
        _check_moment(answer)
    except (ValueError, KeyError, TypeError):
        return None
    return asked if all(isinstance(text, str) for text in shown + asked) else None


def _answered(verdict: Row) -> tuple[str, ...] | None:
    """The same of a verdict; None where it is not known or can't be read, or the question was a repeat."""
    try:
        outline = read_outline(verdict["outline"] or "")
        read_outcome(verdict)
        _check_moment(verdict)
    except ValueError:
        return None
    if outline.parts.get("repeat"):
        return None
    return (outline.texts, *(outline.parts[name] for name in _JUDGED_BY))


def _check_moment(row: Row) -> None:
    """ValueError unless a row says when it was written, with a zone."""
    if datetime.fromisoformat(row["created_at"]).tzinfo is None:
        raise ValueError("a moment without a zone")
