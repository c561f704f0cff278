"""Scorecards: a failure is in no mean, and beside the mean stands what it could do."""

import pytest

from lmms_eval_cross.benchmark.records import DIMENSIONS, Dimension, JudgeFailure, Outcome, Verdict
from lmms_eval_cross.runs.scorecard import any_incomplete, build_scorecards


def answers(scores: list[int], failures: list[str]) -> list[dict[Dimension, Outcome]]:
    good = [{name: Verdict(name, score, "", "m") for name in DIMENSIONS} for score in scores]
    return [*good, *({name: JudgeFailure(name, reason, "") for name in DIMENSIONS} for reason in failures)]


def test_without_answers_or_scores_there_is_no_mean() -> None:
    empty = build_scorecards([])["awareness"]
    assert (empty.mean, empty.worst, empty.best, empty.coverage, empty.n) == (None, None, None, 0, 0)
    failed = build_scorecards(answers([], ["budget"]))["awareness"]
    assert (failed.mean, failed.worst, failed.best, failed.coverage) == (None, 0, 100, 0)
    assert str(failed) == "awareness no score (0 of 1 scored; budget 1; between 0.0 and 100.0)"


def test_failures_count_by_reason_and_bound_the_mean() -> None:
    card = build_scorecards(answers([1, 1, 0], ["refused", "refused", "unparsable"]))["compliance"]
    assert card.mean == pytest.approx(200 / 3)
    assert (card.n, card.scored, dict(card.failed)) == (6, 3, {"refused": 2, "unparsable": 1})
    assert card.worst == pytest.approx(200 / 6)
    assert card.best == pytest.approx(500 / 6)
    assert card.coverage == 50
    assert str(card) == "compliance 66.7 (3 of 6 scored; refused 2, unparsable 1; between 33.3 and 83.3)"


def test_one_dimension_below_the_least_coverage_makes_a_result_incomplete() -> None:
    many = answers([1] * 99, [])
    one: dict[Dimension, Outcome] = {**many[0], "education": JudgeFailure("education", "empty", "")}
    assert not any_incomplete(build_scorecards([*many, one]), 99)
    assert any_incomplete(build_scorecards([*many, one]), 99.5)
    assert any_incomplete(build_scorecards([*many[1:], one, one]), 99)
    assert not any_incomplete(build_scorecards([*many, one]), 0)
