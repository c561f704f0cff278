"""Rank sets: which runs may be the best, and how the report says it."""

from pathlib import Path

import numpy as np
import pytest

from lmms_eval_cross.report.build import build_report
from lmms_eval_cross.report.report_markdown import markdown
from lmms_eval_cross.runs.run_files import load_run
from lmms_eval_cross.stats import rank_sets
from tests.made_runs import cross_samples, draw, write_run

pytestmark = pytest.mark.long


def p_values(shown: list[tuple[int, int]], count: int) -> np.ndarray:
    """Tiny p values where the first is shown to be below the second, 0.5 elsewhere."""
    table = np.full((count, count), 0.5)
    for lower, higher in shown:
        table[lower, higher], table[higher, lower] = 1e-9, 1 - 1e-9
    return table


def test_runs_of_which_nothing_is_shown_may_have_any_rank():
    assert rank_sets(p_values([], 4)) == [(1, 4)] * 4


def test_a_full_order_gives_every_run_its_rank():
    assert rank_sets(p_values([(1, 0), (2, 0), (2, 1)], 3)) == [(1, 1), (2, 2), (3, 3)]


def test_a_rank_is_bounded_by_those_above_and_those_below():
    assert rank_sets(p_values([(3, 0), (3, 1), (2, 0)], 4)) == [(1, 2), (1, 3), (2, 4), (3, 4)]


def test_a_difference_that_one_pair_shows_is_none_among_many_pairs():
    table = p_values([], 5)
    table[0, 1] = 0.01
    assert rank_sets(table)[0] == (1, 5)
    assert rank_sets(table[:2, :2])[0] == (2, 2)


def test_a_table_that_is_not_square_is_refused():
    with pytest.raises(ValueError, match="a row and a column a run"):
        rank_sets(np.ones((2, 3)))


def test_the_report_says_which_runs_may_be_the_best(tmp_path: Path):
    samples = cross_samples()
    folders = []
    for name, drop, flips in (("low", 0.3, 0.0), ("a", 0.0, 0.0), ("b", 0.0, 0.3)):
        folders.append(write_run(tmp_path / name, samples, draw(samples, 0.7, 1, drop=drop, flips=flips)))
    report = build_report([load_run(folder) for folder in folders], 99)
    (board,) = report.leaderboards
    assert {one.run: (one.best, one.worst) for one in board} == {"a": (1, 2), "b": (1, 2), "low": (3, 3)}
    text = markdown(report)
    assert "Of 3 runs any of these may have the highest compliance, with 95% confidence" in text
    low = next(one for one in board if one.run == "low")
    assert f"| low | {low.mean:.1f} | 3 |" in text
    assert not build_report([load_run(folder) for folder in folders[:2]], 99).leaderboards
