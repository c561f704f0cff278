"""How far each member of a panel agrees with the panel, and any two members with each other."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from itertools import combinations
from math import nan
from typing import Any, Final

import numpy as np

from lmms_eval_cross import numbers
from lmms_eval_cross.benchmark.records import DIMENSIONS, Dimension, Outcome, Verdict
from lmms_eval_cross.errors import AnchorError
from lmms_eval_cross.runs.panel_votes import agreement_by_dimension
from lmms_eval_cross.runs.run_files import LoggedRun
from lmms_eval_cross.runs.sample_record import JudgedAnswer
from lmms_eval_cross.stats import agreement_intervals, confusion
from lmms_eval_cross.stats.clusters import FloatArray
from lmms_eval_cross.trust.stamp import sole_stamp

SCHEMA: Final = "cross-panel/1"
_PANEL: Final = "the panel"


@dataclass(frozen=True, slots=True)
class PairAgreement:
    """Two of a panel, or one and the panel, on the answers that both scored; shares in 0..1."""

    a: str
    b: str
    n: int
    agreement: float
    interval: tuple[float, float] | None
    """95%, over resampled norms; None below five norms."""
    kappa: float | None
    """None where both always give the same score."""
    mean_a: float
    mean_b: float


def panel_report(run: LoggedRun) -> dict[str, Any]:
    """All that `lmms-eval-cross agree RUN` says of a panel, as docs/agreement.md describes it.

    Raises:
        AnchorError: no panel judged the run, or several judges did.
        RunError: the run can't be read.
    """
    answers = run.judged_answers
    judge = sole_stamp(run.name, answers)
    if judge.kind != "panel":
        raise AnchorError(
            f"{run.name} was judged by {judge.id}, which is no panel; give a second run of the same answers."
        )
    outcomes, norms = [answer.outcomes for answer in answers], [answer.sample.norm_id for answer in answers]
    panel = agreement_by_dimension(outcomes, norms)
    return {
        "schema": SCHEMA,
        "name": run.name,
        "judge": judge.model_dump(),
        "binding": judge.binding,
        "panel": {name: asdict(agreement) for name, agreement in panel.items()},
        "pairs": {name: list(map(asdict, _pairs(answers, name))) for name in DIMENSIONS},
    }


def _pairs(answers: Sequence[JudgedAnswer], dimension: Dimension) -> Iterator[PairAgreement]:
    """Each member against the panel, then any two members."""
    norms = np.array([answer.sample.norm_id for answer in answers], dtype=object)
    for (a, of_a), (b, of_b) in combinations(_columns(answers, dimension).items(), 2):
        both = ~(np.isnan(of_a) | np.isnan(of_b))
        if both.any():
            yield _pair((a, b), of_a[both], of_b[both], norms[both].tolist())


def _pair(names: tuple[str, str], of_a: FloatArray, of_b: FloatArray, norms: Sequence[str]) -> PairAgreement:
    table, interval = confusion(of_a, of_b), agreement_intervals(of_a, of_b, norms)["agreement"]
    return PairAgreement(
        *names, table.n, table.agreement, interval, table.kappa, table.reference_rate, table.other_rate
    )


def _columns(answers: Sequence[JudgedAnswer], dimension: Dimension) -> dict[str, FloatArray]:
    """The panel and each member -> its scores, NaN for a failure, shape (answers,)."""
    outcomes = [answer.outcomes[dimension] for answer in answers]
    columns = {_PANEL: np.array(list(map(_score, outcomes)))}
    for place, name in enumerate(_member_names(answers)):
        votes = [outcome.votes[place].outcome if outcome.votes else None for outcome in outcomes]
        columns[name] = np.array(list(map(_score, votes)))
    return columns


def _member_names(answers: Sequence[JudgedAnswer]) -> list[str]:
    """The members' ids; members with one id, which differ in profile or request, get their number behind it."""
    ids = [str(member["judge_id"]) for member in answers[0].provenance.request["members"]]
    names: list[str] = []
    for place, name in enumerate(ids):
        names.append(name if ids.count(name) == 1 else f"{name} ({place + 1})")
    return names


def _score(outcome: Outcome | None) -> float:
    return float(outcome.score) if isinstance(outcome, Verdict) else nan


def panel_table(report: dict[str, Any]) -> str:
    """The report for people: Markdown, shares in percent."""
    lines = [
        f"{report['name']} was judged by a {report['judge']['id']}.",
        "A member is part of the panel that it is held against, so it agrees with it more than with the others.",
    ]
    for dimension, pairs in report["pairs"].items():
        panel = report["panel"].get(dimension)
        told = "no two members gave a verdict on one answer"
        if panel is not None:
            told = numbers.with_interval(numbers.percent(panel["agreement"]), panel["low"], panel["high"])
        lines += ["", f"{dimension}: two members agree in {told} percent of the answers.", ""]
        lines += ["| A | B | n | agreement (95%) | kappa | A | B |", "| --- " * 7 + "|", *map(_row, pairs)]
    return "\n".join(lines)


def _row(pair: dict[str, Any]) -> str:
    low, high = pair["interval"] or (None, None)
    ends = (None if low is None else 100 * low, None if high is None else 100 * high)
    kappa = numbers.NOTHING if pair["kappa"] is None else numbers.plain_share(pair["kappa"])
    cells = (
        pair["a"],
        pair["b"],
        str(pair["n"]),
        numbers.with_interval(numbers.percent(100 * pair["agreement"]), *ends),
        kappa,
        numbers.percent(100 * pair["mean_a"]),
        numbers.percent(100 * pair["mean_b"]),
    )
    return f"| {' | '.join(cells)} |"
