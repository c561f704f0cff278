"""What a run's verdict leaves out and a reader must know: which measures moved, and in which countries."""

from collections.abc import Sequence
from typing import Final

from lmms_eval_cross import numbers
from lmms_eval_cross.benchmark.records import DIMENSIONS, Dimension
from lmms_eval_cross.errors import listing
from lmms_eval_cross.report.differences import ALPHA, RunDifference, paired, two_sided
from lmms_eval_cross.report.measured import Measured
from lmms_eval_cross.stats import PairedDifference, holm

_NAMED: Final = 4


def story(comparison: RunDifference, before: Measured, after: Measured) -> str:
    """Such as `compliance fell 21.0, helpfulness rose 6.0; worse in Iran, Thailand`; empty where nothing is shown.

    Measures are told as they are found on the page, at 5% with Holm's correction over the runs; countries on compliance
    at 5% with Holm's correction over the countries. Compliance alone is not told: the verdict before has said it.
    """
    moves = _moves(comparison)
    if list(moves) == ["compliance"]:
        moves = {}
    clauses = [", ".join(moves.values())]
    worse, better = _moved_countries(before, after)
    if worse:
        clauses.append(f"worse in {listing(worse, _NAMED)}")
    if better:
        clauses.append(f"better in {listing(better, _NAMED)}")
    return "; ".join(filter(None, clauses))


def _moves(comparison: RunDifference) -> dict[Dimension, str]:
    moves: dict[Dimension, str] = {}
    for dimension in DIMENSIONS:
        difference = comparison.measures[dimension]
        size = numbers.percent(abs(difference.points or 0))
        if difference.finding == "worse":
            moves[dimension] = f"{dimension} fell {size}"
        if difference.finding == "better":
            moves[dimension] = f"{dimension} rose {size}"
    return moves


def _moved_countries(before: Measured, after: Measured) -> tuple[list[str], list[str]]:
    """The countries where compliance is shown to have fallen and to have risen, the largest difference first."""
    differences = _by_country(before, after)
    adjusted = holm([two_sided(difference) for difference in differences.values()])
    shown: list[tuple[float, str]] = []
    for (country, difference), p_value in zip(differences.items(), adjusted, strict=True):
        if p_value < ALPHA:
            shown.append((difference.difference, country))
    return _largest_first(shown, sign=-1), _largest_first(shown, sign=1)


def _by_country(before: Measured, after: Measured) -> dict[str, PairedDifference]:
    """The paired difference of compliance in each country that both runs have; none without an interval."""
    differences: dict[str, PairedDifference] = {}
    for country, rows in after.table.rows_by("country").items():
        shared = [after.table.samples[row].sample_id for row in rows]
        bounds = paired(before.table, after.table, "compliance", shared)
        if bounds is not None and bounds.complete is not None and bounds.complete.standard_error is not None:
            differences[country] = bounds.complete
    return differences


def _largest_first(shown: Sequence[tuple[float, str]], sign: int) -> list[str]:
    moved = sorted((-abs(size), country) for size, country in shown if size * sign > 0)
    return [country for _, country in moved]
