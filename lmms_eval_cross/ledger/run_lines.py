"""The runs that a ledger knows: what each was at its start, what it answered, and what it asked a judge for."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

from lmms_eval_cross.benchmark.records import Usage
from lmms_eval_cross.errors import LedgerError
from lmms_eval_cross.ledger.responses import NO_RUN, run_of
from lmms_eval_cross.ledger.rows import TOKENS, Row
from lmms_eval_cross.ledger.store import Ledger

_NOTED: Final = "SELECT * FROM run ORDER BY created_at"
_ANSWERED: Final = (
    "SELECT run, count(DISTINCT sample_id) AS samples, min(created_at) AS first, max(created_at) AS last FROM response "
    "WHERE run <> ? GROUP BY run"
)
_ALL: Final = 2**63 - 1
_MOST_TOKENS: Final = 1e15
"""Of a run; what a row of another ledger says beyond that is no count."""


@dataclass(slots=True)
class RunLine:
    """A run; None stands for what an older release did not keep."""

    run: str
    model: str | None = None
    tasks: str | None = None
    folder: str | None = None
    samples: int = 0
    """With an answer."""
    verdicts: int | None = None
    """That the run asked for; what the ledger held already is not among them."""
    failures: int | None = None
    tokens: dict[tuple[str, str], Usage | None] = field(default_factory=dict)
    """The judge's id and the model that replied -> what that took, None where a cell can't be read."""
    moments: set[str] = field(default_factory=set)
    """When something of it was first and last written, in UTC."""

    @property
    def first(self) -> str:
        """When it began."""
        return min(self.moments)

    @property
    def last(self) -> str:
        """When something of it was written last."""
        return max(self.moments)


def runs_in(ledger: Ledger) -> list[RunLine]:
    """The runs that noted what they are, left answers, or asked for a verdict, the earliest first.

    Raises:
        LedgerError: the ledger can't be read.
    """
    lines: dict[str, RunLine] = {}
    for line, row in _with_line(lines, ledger.select(_NOTED)):
        _add_note(line, row)
    for line, row in _with_line(lines, ledger.select(_ANSWERED, (NO_RUN,))):
        line.samples = max(line.samples, row["samples"])  # rounds have the same samples
        line.moments |= {str(row["first"]), str(row["last"])}
    for line, row in _with_line(lines, ledger.select(_asked(ledger))):
        _add_verdicts(line, row)
    return sorted(lines.values(), key=lambda line: (line.first, line.run))


def noted_model(ledger: Ledger, runs: Sequence[str]) -> str | None:
    """The model that one of some runs noted when its judging began; None where none did, or notes can't be read."""
    marks = ", ".join("?" * len(runs))
    noted = f"SELECT model FROM run WHERE run IN ({marks}) AND model IS NOT NULL ORDER BY created_at LIMIT 1"
    try:
        rows = ledger.select(noted, tuple(runs))
    except LedgerError:  # a role may lack the right to this table alone, which is told when the run is noted
        return None
    return str(rows[0]["model"]) if rows else None


def _asked(ledger: Ledger) -> str:
    """Verdicts, failures and tokens by run and judge, summed where they lie: a ledger may have millions."""
    names = "run, judge_id, model, score, created_at"
    numbers = ", ".join(f"{ledger.number_in('counts', name)} AS {name}" for name in TOKENS)
    sums = ", ".join(f"sum({name}) AS {name}" for name in TOKENS)
    whole = " AND ".join(f"{name} >= 0" for name in TOKENS)
    # a limit keeps PostgreSQL from writing an expression wherever its name stands, and so from reading the JSON again
    parsed = f"SELECT {names}, {ledger.counts_in('usage')} AS counts FROM verdict WHERE run IS NOT NULL LIMIT {_ALL}"
    read = f"SELECT {names}, {numbers} FROM ({parsed}) AS parsed LIMIT {_ALL}"
    return (
        "SELECT run, judge_id, model, count(score) AS verdicts, count(*) - count(score) AS failures, "
        "min(created_at) AS first, max(created_at) AS last, "
        f"sum(CASE WHEN {whole} THEN 0 ELSE 1 END) AS unread, {sums} "
        f"FROM ({read}) AS read GROUP BY run, judge_id, model"
    )


def _with_line(lines: dict[str, RunLine], rows: Iterable[Row]) -> Iterator[tuple[RunLine, Row]]:
    """Rows, each with the line of its run."""
    for row in rows:
        run = run_of(str(row["run"]))
        yield lines.setdefault(run, RunLine(run)), row


def _add_note(line: RunLine, row: Row) -> None:
    """A run that several judges judged has a note of each; what the first did not know the next may."""
    line.model, line.tasks = line.model or row["model"], line.tasks or row["tasks"]
    line.folder = line.folder or row["folder"]
    line.verdicts, line.failures = line.verdicts or 0, line.failures or 0
    line.moments.add(str(row["created_at"]))


def _add_verdicts(line: RunLine, row: Row) -> None:
    line.verdicts = (line.verdicts or 0) + row["verdicts"]
    line.failures = (line.failures or 0) + row["failures"]
    line.moments |= {str(row["first"]), str(row["last"])}
    line.tokens[str(row["judge_id"]), str(row["model"])] = _usage(row)


def _usage(row: Row) -> Usage | None:
    """The tokens of a run and a judge together."""
    if row["unread"] or max(row[name] for name in TOKENS) > _MOST_TOKENS:
        return None
    return Usage(**{name: int(row[name]) for name in TOKENS})
